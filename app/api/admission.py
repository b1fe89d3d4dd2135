"""Limits on concurrent work, shared fairly between owners of API keys.

Where keys have more than one owner, nobody holds more than half of a limit, and its last quarter
is left to owners that hold none of it: one key cannot shut out the others.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

from app.errors import Busy
from app.fair_places import FairPlaces
from app.runtime.observability import Metrics

RETRY_AFTER_S: Final = 1

T = TypeVar("T")


class AdmissionLimit:
    """At most ``capacity`` at once. For the event loop alone: it is not thread-safe."""

    def __init__(
        self, capacity: int, resource: str, retry_after_s: int = 2, *, is_shared: bool = False
    ) -> None:
        self._capacity = capacity
        self._resource = resource
        self._retry_after_s = retry_after_s
        self._owner_share = -(-capacity // 2) if is_shared else capacity
        self._reserved = max(1, capacity // 4) if is_shared and capacity > 1 else 0
        self._held: Counter[str] = Counter()

    @property
    def in_use(self) -> int:
        return self._held.total()

    @contextmanager
    def admit(self, owner: str) -> Iterator[None]:
        """Hold one until the end of the block; raises ``Busy`` if none is free for ``owner``."""
        self.acquire(owner)
        try:
            yield
        finally:
            self.release(owner)

    def acquire(self, owner: str) -> None:
        """For work that outlives a block: release it exactly once. Raises ``Busy``."""
        held = self._held[owner]
        if self.in_use >= self._capacity:
            raise self._busy(f"The limit of {self._capacity} concurrent {self._resource}")
        is_reserved = self.in_use >= self._capacity - self._reserved
        if held and (held >= self._owner_share or is_reserved):
            raise self._busy(f"This key's share of {self._capacity} concurrent {self._resource}")
        self._held[owner] = held + 1

    def release(self, owner: str) -> None:
        self._held[owner] -= 1
        if not self._held[owner]:
            del self._held[owner]

    def _busy(self, limit: str) -> Busy:
        return Busy(
            f"{limit} is reached; try again in {self._retry_after_s} s.",
            retry_after_s=self._retry_after_s,
        )


class AnalysisPool:
    """``workers`` threads and ``queue_size`` requests that wait. Close it once none is left."""

    def __init__(
        self, workers: int, queue_size: int, metrics: Metrics, *, is_shared: bool = False
    ) -> None:
        self._workers = workers
        self._limit = AdmissionLimit(
            workers + queue_size, "analyses", RETRY_AFTER_S, is_shared=is_shared
        )
        self._places = FairPlaces(workers)
        self._metrics = metrics
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="analysis")

    @contextmanager
    def admit(self, owner: str) -> Iterator[None]:
        """Admit one request; raises ``Busy``. For the event loop alone."""
        try:
            self._limit.acquire(owner)
        except Busy:
            self._metrics.refusals.inc()
            raise
        self._metrics.requests_in_flight.set(self._limit.in_use)
        try:
            yield
        finally:
            self._limit.release(owner)
            self._metrics.requests_in_flight.set(self._limit.in_use)

    async def run(self, job: Callable[[], T], owner: str) -> T:
        """``job`` on one of the threads, when it is the owner's turn."""
        queued_at = time.perf_counter()
        async with self._places.place(owner):
            self._metrics.stages.labels("queue").observe(time.perf_counter() - queued_at)
            return await self._run_now(job)

    async def run_on_every_thread(self, job: Callable[[], T]) -> list[T]:
        """``job`` once on each thread: they wait for each other, so none can take two."""
        barrier = threading.Barrier(self._workers)

        def run_once() -> T:
            try:
                return job()
            finally:
                barrier.wait()

        return list(await asyncio.gather(*(self._run_now(run_once) for _ in range(self._workers))))

    async def close(self) -> None:
        """Wait for the threads to finish their jobs."""
        await asyncio.to_thread(self._executor.shutdown, wait=True)

    async def _run_now(self, job: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, job)
