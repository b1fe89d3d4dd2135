"""One fetch's time: so much on the wire, and besides it so much in queues."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager


class Allowance:
    """What is left of a fetch's patience; ``waiting()`` stops the clock of the wire meanwhile."""

    def __init__(self, limit: asyncio.Timeout, patience_s: float) -> None:
        self._limit = limit
        self.patience_s = patience_s

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A wait that patience pays for; without any it comes out of the time on the wire."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._move(self.patience_s)
        try:
            yield
        finally:
            left = max(self.patience_s - (loop.time() - began), 0.0)
            self.patience_s = left
            self._move(-left)

    def _move(self, seconds: float) -> None:
        when = self._limit.when()
        if when is not None and not self._limit.expired():
            self._limit.reschedule(when + seconds)


@asynccontextmanager
async def allowance(total_s: float, patience_s: float = 0.0) -> AsyncIterator[Allowance]:
    """Raises ``TimeoutError`` when both are spent."""
    async with asyncio.timeout(total_s) as limit:
        yield Allowance(limit, patience_s)
