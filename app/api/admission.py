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


class AdmissionLimit:
    """``capacity`` places. Belongs to the event loop: nothing here is safe among threads."""

    def __init__(self, capacity: int, resource: str, retry_after_s: int = 2) -> None:
        self._capacity = capacity
        self._resource = resource
        self._retry_after_s = retry_after_s
        self._in_use = 0

    @property
    def in_use(self) -> int:
        return self._in_use

    @contextmanager
    def admit(self) -> Iterator[None]:
        """One place, until the end of the block; raises ``Busy`` if all are taken."""
        self.acquire()
        try:
            yield
        finally:
            self.release()

    def acquire(self) -> None:
        """For work that outlives its block: leave once, whatever happens. Raises ``Busy``."""
        if self._in_use >= self._capacity:
            raise Busy(
                f"All {self._capacity} places for {self._resource} are taken; "
                f"try again in {self._retry_after_s} s.",
                retry_after_s=self._retry_after_s,
            )
        self._in_use += 1

    def release(self) -> None:
        self._in_use -= 1


RETRY_AFTER_S: Final = 1

T = TypeVar("T")


class AnalysisPool:
    """``workers`` threads. Close it when no request is inside any more."""

    def __init__(self, workers: int, queue_size: int, metrics: Metrics) -> None:
        self._workers = workers
        self._capacity = workers + queue_size
        self._in_flight = 0
        self._metrics = metrics
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="examine")

    @contextmanager
    def admit(self) -> Iterator[None]:
        """A place for one request; raises ``Busy`` if all are taken. Event loop only."""
        if self._in_flight >= self._capacity:
            self._metrics.refusals.inc()
            raise Busy(
                f"All {self._capacity} places are taken; try again in {RETRY_AFTER_S} s.",
                retry_after_s=RETRY_AFTER_S,
            )
        self._in_flight += 1
        self._metrics.requests_in_flight.set(self._in_flight)
        try:
            yield
        finally:
            self._in_flight -= 1
            self._metrics.requests_in_flight.set(self._in_flight)

    async def run(self, job: Callable[[], T]) -> T:
        """``job`` on one of the threads."""
        queued_at = time.perf_counter()

        def timed_job() -> T:
            self._metrics.stages.labels("queue").observe(time.perf_counter() - queued_at)
            return job()

        return await asyncio.get_running_loop().run_in_executor(self._pool, timed_job)

    async def run_on_every_thread(self, job: Callable[[], T]) -> list[T]:
        """``job`` once on each thread: they wait for each other, so none can take two."""
        barrier = threading.Barrier(self._workers)

        def run_once() -> T:
            try:
                return job()
            finally:
                barrier.wait()

        return list(await asyncio.gather(*(self.run(run_once) for _ in range(self._workers))))

    async def close(self) -> None:
        """Wait for the threads to finish what they began."""
        await asyncio.to_thread(self._pool.shutdown, wait=True)
