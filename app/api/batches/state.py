"""What the routes of follower lists share: the desk, and places for everything slow around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from app.analysis.analyzer import Analyzer
from app.analysis.child_pool import open_analyze_fn
from app.api.admission import AdmissionLimit
from app.batches.service import BatchService
from app.batches.store.models import Batch
from app.fetch.rate_limit import HostCooldowns
from app.runtime.batch_images import BatchImages
from app.runtime.batch_service import open_batch_service
from app.runtime.observability import Metrics
from app.runtime.storage import resolve_spool_folder
from app.settings import Settings

MAX_SUBMISSIONS: Final = 4
"""Lists that may come in at once: each holds a disk and a database busy."""
MAX_RESULT_STREAMS: Final = 16
MAX_LISTENERS: Final = 64
MAX_DRAWINGS: Final = 2
CHANGE_WAIT_S: Final = 2.0
"""How long one look for news lasts; a listener that left is noticed within it."""
_THREADS: Final = 8

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class BatchState:
    """``spool_dir``: where bodies wait while they arrive."""

    service: BatchService
    images: BatchImages
    spool_dir: Path
    executor: ThreadPoolExecutor
    listener_executor: ThreadPoolExecutor
    submission_limit: AdmissionLimit = field(
        default_factory=lambda: AdmissionLimit(MAX_SUBMISSIONS, "lists", 5)
    )
    stream_limit: AdmissionLimit = field(
        default_factory=lambda: AdmissionLimit(MAX_RESULT_STREAMS, "streams of results", 10)
    )
    listener_limit: AdmissionLimit = field(
        default_factory=lambda: AdmissionLimit(MAX_LISTENERS, "listeners", 10)
    )
    drawing_limit: AdmissionLimit = field(
        default_factory=lambda: AdmissionLimit(MAX_DRAWINGS, "drawings", 3)
    )

    async def run(self, function: Callable[..., T], *arguments: object, **keywords: object) -> T:
        """``function`` on a thread of our own: the desk and its database may take their time."""
        call = partial(function, *arguments, **keywords)
        return await asyncio.get_running_loop().run_in_executor(self.executor, call)

    async def wait_for_change(self, batch: Batch) -> Batch:
        """``batch`` as it is once something changed, or after a while."""
        wait = partial(
            self.service.wait_for_change,
            batch.id,
            batch.request.owner,
            batch.revision,
            CHANGE_WAIT_S,
        )
        return await asyncio.get_running_loop().run_in_executor(self.listener_executor, wait)


@contextmanager
def _open_service(
    settings: Settings, analyzer: Analyzer, metrics: Metrics, holds: HostCooldowns
) -> Iterator[BatchService]:
    with (
        open_analyze_fn(settings, analyzer) as analyze,
        open_batch_service(settings, analyze, metrics, holds) as service,
    ):
        yield service


@asynccontextmanager
async def open_batch_state(
    settings: Settings, analyzer: Analyzer, metrics: Metrics, holds: HostCooldowns
) -> AsyncIterator[BatchState]:
    """``holds``: shared by all fetchers of the process.

    Raises ``SettingsError`` if nothing can be kept where the operator said.
    """
    spool_dir = resolve_spool_folder(settings)
    executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="ask")
    listener_executor = ThreadPoolExecutor(MAX_LISTENERS, thread_name_prefix="listen")
    try:
        service_context = _open_service(settings, analyzer, metrics, holds)
        service = await asyncio.to_thread(service_context.__enter__)
        try:
            images = BatchImages(service, analyzer, settings.base_rate)
            yield BatchState(service, images, spool_dir, executor, listener_executor)
        finally:
            await asyncio.to_thread(service_context.__exit__, None, None, None)
    finally:
        for pool in (executor, listener_executor):
            await asyncio.to_thread(pool.shutdown, wait=True)
