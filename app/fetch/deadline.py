"""The time limit of one fetch: time on the network, and apart from it time spent waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager


class Deadline:
    """The time left for a fetch. While ``paused()``, the limit on network time stands still."""

    def __init__(self, timeout: asyncio.Timeout, max_wait_s: float) -> None:
        self._timeout = timeout
        self.remaining_wait_s = max_wait_s

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Time in here counts as waiting; beyond ``max_wait_s``, as time on the network."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        self._postpone(self.remaining_wait_s)
        try:
            yield
        finally:
            remaining = max(self.remaining_wait_s - (loop.time() - started), 0.0)
            self.remaining_wait_s = remaining
            self._postpone(-remaining)

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Time in here does not count: this process is busy, and no host is at fault."""
        started = asyncio.get_running_loop().time()
        when = self._timeout.when()
        self._timeout.reschedule(None)
        try:
            yield
        finally:
            if when is not None:
                elapsed = asyncio.get_running_loop().time() - started
                self._timeout.reschedule(when + elapsed)

    def _postpone(self, seconds: float) -> None:
        when = self._timeout.when()
        if when is not None and not self._timeout.expired():
            self._timeout.reschedule(when + seconds)


@asynccontextmanager
async def start_deadline(total_s: float, max_wait_s: float = 0.0) -> AsyncIterator[Deadline]:
    """Limits, in s, for the code within. Raises ``TimeoutError`` when both are used up."""
    async with asyncio.timeout(total_s) as timeout:
        yield Deadline(timeout, max_wait_s)
