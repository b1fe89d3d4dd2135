"""One fetch's time: so much on the wire, and besides it so much in queues."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager


class Deadline:
    """What is left of a fetch's patience; ``waiting()`` stops the clock of the wire meanwhile."""

    def __init__(self, timeout: asyncio.Timeout, max_wait_s: float) -> None:
        self._timeout = timeout
        self.remaining_wait_s = max_wait_s

    @contextmanager
    def paused(self) -> Iterator[None]:
        """A wait that patience pays for; without any it comes out of the time on the wire."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        self._postpone(self.remaining_wait_s)
        try:
            yield
        finally:
            remaining = max(self.remaining_wait_s - (loop.time() - started), 0.0)
            self.remaining_wait_s = remaining
            self._postpone(-remaining)

    def _postpone(self, seconds: float) -> None:
        when = self._timeout.when()
        if when is not None and not self._timeout.expired():
            self._timeout.reschedule(when + seconds)


@asynccontextmanager
async def start_deadline(total_s: float, max_wait_s: float = 0.0) -> AsyncIterator[Deadline]:
    """Raises ``TimeoutError`` when both are spent."""
    async with asyncio.timeout(total_s) as timeout:
        yield Deadline(timeout, max_wait_s)
