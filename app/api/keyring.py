"""The keys that open this service, each with what it may still ask for."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from app.api.allowance import Allowance
from app.keys import Key


@dataclass(frozen=True, eq=False)
class Caller:
    """Who was let in."""

    key: Key
    allowance: Allowance


class KeyRing:
    """The keys that open this service; none of them in the clear."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._callers = tuple(Caller(key, Allowance(key)) for key in keys)

    def __bool__(self) -> bool:
        return bool(self._callers)

    def find(self, secret: str) -> Caller | None:
        """Whose key ``secret`` is. Every key is compared, each in constant time."""
        digest = hashlib.sha256(secret.encode()).digest()
        found = [c for c in self._callers if hmac.compare_digest(digest, c.key.digest)]
        return found[0] if found else None
