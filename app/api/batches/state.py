"""The state that the batch routes share: the service, and limits for everything slow around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from app.analysis.child_pool import AnyAnalyzer
from app.api.admission import AdmissionLimit
from app.batches.service import BatchService
from app.batches.store.models import Batch
from app.batches.store.outage import database_unavailable
from app.cohort.parameters import COHORT_FILE, load_parameters
from app.fetch.rate_limit import HostCooldowns
from app.runtime.batch_images import BatchImages
from app.runtime.batch_network import BatchNetworks
from app.runtime.batch_service import open_batch_service
from app.runtime.observability import Metrics
from app.runtime.storage import resolve_spool_folder
from app.settings import Settings

MAX_SUBMISSIONS: Final = 4
"""Lists that may arrive at once: each keeps a disk and a database busy."""
MAX_RESULT_STREAMS: Final = 16
MAX_LISTENERS: Final = 64
MAX_DRAWINGS: Final = 2
MAX_BUNDLES: Final = 4
"""Each holds a report in memory, and is sent as slowly as it is read."""
CHANGE_WAIT_S: Final = 2.0
"""How long one wait for a change lasts; a listener that left is noticed within it."""
READ_TIMEOUT_S: Final = 3.0
"""After which a database counts as unavailable."""
_THREADS: Final = 8

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class BatchLimits:
    """How much of each may go on at once, shared between owners."""

    submissions: AdmissionLimit
    streams: AdmissionLimit
    listeners: AdmissionLimit
    drawings: AdmissionLimit
    bundles: AdmissionLimit

    @classmethod
    def create(cls, *, is_shared: bool) -> Self:
        limit = partial(AdmissionLimit, is_shared=is_shared)
        return cls(
            submissions=limit(MAX_SUBMISSIONS, "list uploads", 5),
            streams=limit(MAX_RESULT_STREAMS, "result streams", 10),
            listeners=limit(MAX_LISTENERS, "event streams", 10),
            drawings=limit(MAX_DRAWINGS, "drawings", 3),
            bundles=limit(MAX_BUNDLES, "evidence bundles", 10),
        )


@dataclass(frozen=True, eq=False)
class BatchState:
    """``spool_dir``: where bodies are kept while they arrive."""

    service: BatchService
    images: BatchImages
    networks: BatchNetworks
    spool_dir: Path
    executor: ThreadPoolExecutor
    reading_executor: ThreadPoolExecutor
    listener_executor: ThreadPoolExecutor
    limits: BatchLimits

    async def run(self, function: Callable[..., T], *arguments: object, **keywords: object) -> T:
        """``function`` on a thread: the database may take its time."""
        call = partial(function, *arguments, **keywords)
        return await asyncio.get_running_loop().run_in_executor(self.executor, call)

    async def read(self, function: Callable[..., T], *arguments: object) -> T:
        """``function``, which reads little, on a thread. Raises ``DatabaseUnavailable`` in time.

        Also where the database has frozen, and its threads with it.
        """
        call = asyncio.get_running_loop().run_in_executor(
            self.reading_executor, partial(function, *arguments)
        )
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                return await asyncio.shield(call)
        except TimeoutError as error:
            call.add_done_callback(_ignore_outcome)
            raise database_unavailable() from error

    async def wait_for_change(self, batch: Batch) -> Batch:
        """``batch`` once something changed, or after ``CHANGE_WAIT_S``."""
        wait = partial(
            self.service.wait_for_change,
            batch.id,
            batch.request.owner,
            batch.revision,
            CHANGE_WAIT_S,
        )
        return await asyncio.get_running_loop().run_in_executor(self.listener_executor, wait)


@asynccontextmanager
async def open_batch_state(
    settings: Settings,
    analyzer: AnyAnalyzer,
    metrics: Metrics,
    cooldowns: HostCooldowns,
    *,
    is_shared: bool,
) -> AsyncIterator[BatchState]:
    """``cooldowns``: shared by all fetchers of the process.

    Raises ``SettingsError`` if the data directory cannot be written.
    """
    spool_dir = resolve_spool_folder(settings)
    executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="batch-state")
    reading_executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="batch-reading")
    listener_executor = ThreadPoolExecutor(MAX_LISTENERS, thread_name_prefix="batch-listener")
    try:
        service_context = open_batch_service(settings, analyzer, metrics, cooldowns)
        service = await asyncio.to_thread(service_context.__enter__)
        try:
            parameters = load_parameters(settings.models_dir / COHORT_FILE)
            networks = BatchNetworks(service, parameters)
            images = BatchImages(
                service, networks, analyzer.model, settings.base_rate, contact=settings.contact
            )
            limits = BatchLimits.create(is_shared=is_shared)
            executors = executor, reading_executor, listener_executor
            yield BatchState(service, images, networks, spool_dir, *executors, limits)
        finally:
            await asyncio.to_thread(service_context.__exit__, None, None, None)
    finally:
        for pool in (executor, reading_executor, listener_executor):
            await asyncio.to_thread(pool.shutdown, wait=True)


def _ignore_outcome(call: asyncio.Future[Any]) -> None:
    """Of a call that nobody waits for any more."""
    if not call.cancelled():
        call.exception()
