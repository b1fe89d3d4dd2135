"""API keys and what each may still ask for: requests a minute and pictures a day.

Counted by this process. A full minute's requests may come at once, and one comes back every
60 ÷ rate seconds. A quota begins anew at midnight UTC; pictures are reserved before they are
analyzed, and given back if the request is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from app.api_keys import Key
from app.errors import QuotaExceeded, RateLimited


@dataclass(frozen=True, eq=False)
class Caller:
    """A key that was sent, and its usage."""

    key: Key
    usage: KeyUsage


class KeyRing:
    """The keys of this service; none is kept in the clear."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._callers = tuple(Caller(key, KeyUsage(key)) for key in keys)

    def __bool__(self) -> bool:
        return bool(self._callers)

    @property
    def owner_count(self) -> int:
        """How many owners the keys have; keys of one name have one owner."""
        return len({caller.key.owner for caller in self._callers})

    def find_caller(self, secret: str) -> Caller | None:
        """Whose key ``secret`` is. Every key is compared, each in constant time."""
        digest = hashlib.sha256(secret.encode()).digest()
        matches = [c for c in self._callers if hmac.compare_digest(digest, c.key.digest)]
        return matches[0] if matches else None


MINUTE_S: Final = 60.0
DAY_S: Final = 86_400.0


PIXELS_PER_REQUEST: Final = 4_000_000
"""A picture costs its key one request of the rate, and one more for each such number of pixels."""


class KeyUsage:
    """Of one key; thread-safe. ``clock``: seconds since 1970."""

    def __init__(self, key: Key, clock: Callable[[], float] = time.time) -> None:
        self._rate, self._quota, self._clock = key.rate_per_minute, key.quota_per_day, clock
        self._tokens, self._refilled_at = float(self._rate or 0), clock()
        self._day, self._pictures_today = self._today(), 0
        self._lock = threading.Lock()

    def check_quota(self) -> None:
        """Raises ``QuotaExceeded`` if no picture is left today."""
        self.reserve_pictures(1)
        self.release_pictures(1)

    def reserve_pictures(self, pictures: int) -> None:
        """Count ``pictures`` against the day. Raises ``QuotaExceeded``, and then counts none."""
        with self._lock:
            self._refill()
            if self._quota is not None and self._pictures_today + pictures > self._quota:
                raise QuotaExceeded(
                    f"This key may send {self._quota} pictures a day, and too few are left; more "
                    "from midnight UTC.",
                    retry_after_s=self._until_tomorrow_s(),
                )
            self._pictures_today += pictures

    def release_pictures(self, pictures: int) -> None:
        """Give back what was reserved for a request that is refused."""
        with self._lock:
            self._refill()
            self._pictures_today = max(0, self._pictures_today - pictures)

    def count_request(self) -> None:
        """Count one request. Raises ``RateLimited``, and then counts none."""
        with self._lock:
            self._refill()
            if self._rate is None:
                return
            if self._tokens < 1.0:
                raise RateLimited(
                    f"This key may send {self._rate} requests a minute; slow down.",
                    retry_after_s=math.ceil((1.0 - self._tokens) * MINUTE_S / self._rate),
                )
            self._tokens -= 1.0

    def count_pixels(self, pixels: int) -> None:
        """Charge the rate for a large picture: later requests wait for it."""
        with self._lock:
            self._tokens -= pixels // PIXELS_PER_REQUEST

    def count_pictures(self, pictures: int) -> None:
        """Count ``pictures`` that were accepted, beyond the quota if need be."""
        with self._lock:
            self._refill()
            self._pictures_today += pictures

    def rate_limit_headers(self) -> dict[str, str]:
        """``RateLimit`` and ``RateLimit-Policy`` (IETF draft); none without limits."""
        with self._lock:
            self._refill()
        policies, limits = [], []
        if self._rate is not None:
            full_s = math.ceil((self._rate - self._tokens) * MINUTE_S / self._rate)
            policies.append(f'"rate";q={self._rate};w={MINUTE_S:.0f}')
            limits.append(f'"rate";r={max(0, int(self._tokens))};t={full_s}')
        if self._quota is not None:
            policies.append(f'"quota";q={self._quota};w={DAY_S:.0f}')
            remaining = max(0, self._quota - self._pictures_today)
            limits.append(f'"quota";r={remaining};t={self._until_tomorrow_s()}')
        if not policies:
            return {}
        return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(limits)}

    def _refill(self) -> None:
        now = self._clock()
        if self._rate is not None:
            elapsed_s = max(0.0, now - self._refilled_at)
            self._tokens = min(self._rate, self._tokens + elapsed_s * self._rate / MINUTE_S)
        self._refilled_at = now
        if self._today() != self._day:
            self._day, self._pictures_today = self._today(), 0

    def _today(self) -> int:
        return int(self._clock() // DAY_S)

    def _until_tomorrow_s(self) -> int:
        return math.ceil(DAY_S - self._clock() % DAY_S)
