"""Places that owners share: whoever holds fewest gets the next, however long the others' lines are.

So two owners have half of the places each and three a third, for as long as each of them has work;
an owner that is alone has all that one may have.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FairPlaces:
    """``places`` at once, and ``most`` of them for one owner. For one event loop."""

    def __init__(self, places: int, most: int | None = None) -> None:
        self._free = places
        self._most = places if most is None else most
        self._held: Counter[str] = Counter()
        # The owner that was served longest ago comes first.
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def acquire(self, owner: str) -> None:
        """Wait for a place; first come, first served among the owner's own. Release it once."""
        if self._free and self._held[owner] < self._most:  # then nobody waits who could have it
            self._take(owner)
            return
        turn = asyncio.get_running_loop().create_future()
        self._lines.setdefault(owner, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._leave(owner, turn)
            else:  # the place came at the same moment
                self.release(owner)
            raise

    def release(self, owner: str) -> None:
        """Give a place back, and with it to whoever is next."""
        self._free += 1
        self._held[owner] -= 1
        if not self._held[owner]:
            del self._held[owner]
        while self._free and (following := self._next_owner()) is not None:
            self._serve(following)

    @asynccontextmanager
    async def place(self, owner: str) -> AsyncIterator[None]:
        """Hold one until the end of the block."""
        await self.acquire(owner)
        try:
            yield
        finally:
            self.release(owner)

    def _take(self, owner: str) -> None:
        self._free -= 1
        self._held[owner] += 1

    def _next_owner(self) -> str | None:
        """Of those that may have one more, the one that holds fewest; ``None`` if there is none."""
        waiting = [
            owner
            for owner, line in self._lines.items()
            if self._held[owner] < self._most and not all(turn.done() for turn in line)
        ]
        return min(waiting, key=self._held.__getitem__, default=None)

    def _serve(self, owner: str) -> None:
        self._take(owner)
        # One that was cancelled is in the line until its task has noticed.
        turn = next(turn for turn in self._lines[owner] if not turn.done())
        self._leave(owner, turn)
        if owner in self._lines:
            self._lines.move_to_end(owner)
        turn.set_result(None)

    def _leave(self, owner: str, turn: asyncio.Future[None]) -> None:
        line = self._lines[owner]
        line.remove(turn)
        if not line:
            del self._lines[owner]
