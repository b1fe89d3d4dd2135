"""Places that owners share: whoever holds fewest gets the next, however long the others' lines are.

So two owners have half of the places each and three a third, for as long as each of them has work;
an owner that is alone has all that one may have. One that comes back after a pause may first have
what would have been its part meanwhile, up to a bound: little work is soon done, and in the long
run nobody has more than his part.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FairPlaces:
    """``places`` at once, and ``most`` of them for one owner. For one event loop.

    ``ahead``: how often an owner may be served before others after a pause.
    """

    def __init__(self, places: int, most: int | None = None, ahead: int = 0) -> None:
        self._free = places
        self._most = places if most is None else most
        self._ahead = ahead
        self._held: Counter[str] = Counter()
        self._part = 0.0  # of one who was always there: the virtual time of fair queueing
        self._credit: dict[str, float] = {}  # of those that hold or wait
        self._paused: OrderedDict[str, tuple[float, float]] = OrderedDict()  # since when, with what
        # The owner that was served longest ago comes first.
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def acquire(self, owner: str) -> None:
        """Wait for a place; first come, first served among the owner's own. Release it once."""
        self._come(owner)
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
            self._pause(owner)
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
        self._part += 1 / len(self._credit)
        self._credit[owner] = max(0.0, self._credit[owner] - 1)

    def _next_owner(self) -> str | None:
        """Of those that may have one more, one that is ahead, or the one that holds fewest."""
        waiting = [
            owner
            for owner, line in self._lines.items()
            if self._held[owner] < self._most and not all(turn.done() for turn in line)
        ]
        return min(
            waiting, key=lambda owner: (self._credit[owner] < 1, self._held[owner]), default=None
        )

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
            self._pause(owner)

    def _come(self, owner: str) -> None:
        if owner not in self._credit:
            since, credit = self._paused.pop(owner, (self._part - self._ahead, 0.0))
            self._credit[owner] = min(self._ahead, credit + self._part - since)

    def _pause(self, owner: str) -> None:
        """Remember an owner that neither holds nor waits, until that makes no difference."""
        if not self._held[owner] and owner not in self._lines:
            self._paused[owner] = self._part, self._credit.pop(owner)
            while self._paused and self._has_full_credit(next(iter(self._paused.values()))[0]):
                self._paused.popitem(last=False)

    def _has_full_credit(self, since: float) -> bool:
        return self._part - since >= self._ahead
