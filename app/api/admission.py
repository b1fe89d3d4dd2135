"""The bounded pool in which pictures are examined, so that the event loop never is.

At most ``workers + queue_size`` requests are inside at once; the next one is told to come back
before a byte of its body is read.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

from app.errors import Busy
from app.runtime.observability import Metrics


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


RETRY_AFTER_S: Final = 1

T = TypeVar("T")


class Workshop:
    """``workers`` threads. Close it when no request is inside any more."""

    def __init__(self, workers: int, queue_size: int, metrics: Metrics) -> None:
        self._workers = workers
        self._places = workers + queue_size
        self._inside = 0
        self._metrics = metrics
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="examine")

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place for one request; raises ``Busy`` if all are taken. Event loop only."""
        if self._inside >= self._places:
            self._metrics.refusals.inc()
            raise Busy(
                f"All {self._places} places are taken; try again in {RETRY_AFTER_S} s.",
                retry_after_s=RETRY_AFTER_S,
            )
        self._inside += 1
        self._metrics.inside.set(self._inside)
        try:
            yield
        finally:
            self._inside -= 1
            self._metrics.inside.set(self._inside)

    async def run(self, job: Callable[[], T]) -> T:
        """``job`` on one of the threads."""
        asked = time.perf_counter()

        def begin() -> T:
            self._metrics.stages.labels("queue").observe(time.perf_counter() - asked)
            return job()

        return await asyncio.get_running_loop().run_in_executor(self._pool, begin)

    async def on_every_thread(self, job: Callable[[], T]) -> list[T]:
        """``job`` once on each thread: they wait for each other, so none can take two."""
        together = threading.Barrier(self._workers)

        def once() -> T:
            try:
                return job()
            finally:
                together.wait()

        return list(await asyncio.gather(*(self.run(once) for _ in range(self._workers))))

    async def close(self) -> None:
        """Wait for the threads to finish what they began."""
        await asyncio.to_thread(self._pool.shutdown, wait=True)
