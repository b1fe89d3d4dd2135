"""Which accounts of a list were counted already, in some 16 bytes each."""

from __future__ import annotations

from array import array
from typing import Final

_FIRST_SLOTS: Final = 1024


class SeenAccounts:
    """A set of 64-bit hashes of ids in one flat table (open addressing, at most half full)."""

    def __init__(self) -> None:
        self._slots = array("q", bytes(8 * _FIRST_SLOTS))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, account_id: str) -> bool:
        """Whether the account is new."""
        if 2 * self._count >= len(self._slots):
            self._grow()
        is_new = _insert(self._slots, hash(account_id) or 1)
        self._count += is_new
        return is_new

    def __contains__(self, account_id: str) -> bool:
        key, mask = hash(account_id) or 1, len(self._slots) - 1
        index = key & mask
        while slot := self._slots[index]:
            if slot == key:
                return True
            index = (index + 1) & mask
        return False

    def merge(self, other: SeenAccounts) -> None:
        """Take over the accounts that ``other`` has seen."""
        for key in filter(None, other._slots):
            if 2 * self._count >= len(self._slots):
                self._grow()
            self._count += _insert(self._slots, key)

    def _grow(self) -> None:
        slots = array("q", bytes(16 * len(self._slots)))
        for key in filter(None, self._slots):
            _insert(slots, key)
        self._slots = slots


def _insert(slots: array[int], key: int) -> bool:
    mask = len(slots) - 1
    index = key & mask
    while slot := slots[index]:
        if slot == key:
            return False
        index = (index + 1) & mask
    slots[index] = key
    return True
