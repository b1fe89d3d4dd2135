"""How much a key may still ask for: requests a minute and pictures a day, counted by this process.

A full minute's requests may come at once, and one comes back every 60 ÷ rate seconds. A quota
begins anew at midnight UTC. Who has one picture left may send a list of a million: what it is
charged beyond its quota is not taken back, and nothing more is let in that day.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from app.api_keys import Key
from app.errors import Busy


@dataclass(frozen=True, eq=False)
class Caller:
    """Who was let in."""

    key: Key
    usage: KeyUsage


class KeyRing:
    """The keys that open this service; none of them in the clear."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._callers = tuple(Caller(key, KeyUsage(key)) for key in keys)

    def __bool__(self) -> bool:
        return bool(self._callers)

    def find_caller(self, secret: str) -> Caller | None:
        """Whose key ``secret`` is. Every key is compared, each in constant time."""
        digest = hashlib.sha256(secret.encode()).digest()
        matches = [c for c in self._callers if hmac.compare_digest(digest, c.key.digest)]
        return matches[0] if matches else None


MINUTE_S: Final = 60.0
DAY_S: Final = 86_400.0


class RateLimited(Busy):
    """More requests than the key has a minute."""

    code: ClassVar[str] = "rate_limited"
    title: ClassVar[str] = "Too many requests with this key"


class QuotaExceeded(Busy):
    """More pictures than the key has a day."""

    code: ClassVar[str] = "quota_exceeded"
    title: ClassVar[str] = "The day's pictures of this key are spent"


class KeyUsage:
    """Of one key; for the event loop alone. ``clock``: seconds since 1970."""

    def __init__(self, key: Key, clock: Callable[[], float] = time.time) -> None:
        self._rate, self._quota, self._clock = key.rate_per_minute, key.quota_per_day, clock
        self._tokens, self._refilled_at = float(self._rate or 0), clock()
        self._day, self._pictures_today = self._today(), 0

    def check_quota(self) -> None:
        """Raises ``QuotaExceeded`` if the day's pictures are spent."""
        self._refill()
        if self._quota is not None and self._pictures_today >= self._quota:
            raise QuotaExceeded(
                f"This key has {self._quota} pictures a day; more from midnight UTC.",
                retry_after_s=self._until_tomorrow_s(),
            )

    def count_request(self) -> None:
        """Count one request. Raises ``RateLimited``, and then counts none."""
        self._refill()
        if self._rate is None:
            return
        if self._tokens < 1.0:
            raise RateLimited(
                f"This key has {self._rate} requests a minute; slow down.",
                retry_after_s=math.ceil((1.0 - self._tokens) * MINUTE_S / self._rate),
            )
        self._tokens -= 1.0

    def count_pictures(self, pictures: int) -> None:
        """Count ``pictures`` against the day's quota."""
        self._refill()
        self._pictures_today += pictures

    def rate_limit_headers(self) -> dict[str, str]:
        """``RateLimit`` and ``RateLimit-Policy`` as the IETF drafts them; none without limits."""
        self._refill()
        policies, limits = [], []
        if self._rate is not None:
            full_s = math.ceil((self._rate - self._tokens) * MINUTE_S / self._rate)
            policies.append(f'"rate";q={self._rate};w={MINUTE_S:.0f}')
            limits.append(f'"rate";r={int(self._tokens)};t={full_s}')
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
