"""A bounded number of places for one kind of slow work; who comes after them is told when to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import Busy


class Places:
    """``count`` places. Belongs to the event loop: nothing here is safe among threads."""

    def __init__(self, count: int, what: str, retry_after_s: int = 2) -> None:
        self._count = count
        self._what = what
        self._retry_after_s = retry_after_s
        self._taken = 0

    @property
    def taken(self) -> int:
        return self._taken

    @contextmanager
    def place(self) -> Iterator[None]:
        """One place, until the end of the block; raises ``Busy`` if all are taken."""
        self.take()
        try:
            yield
        finally:
            self.leave()

    def take(self) -> None:
        """For work that outlives its block: leave once, whatever happens. Raises ``Busy``."""
        if self._taken >= self._count:
            raise Busy(
                f"All {self._count} places for {self._what} are taken; "
                f"try again in {self._retry_after_s} s.",
                retry_after_s=self._retry_after_s,
            )
        self._taken += 1

    def leave(self) -> None:
        self._taken -= 1
