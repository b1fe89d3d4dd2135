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

from app.analysis.analyzer import Analyst
from app.analysis.child_pool import opened_look
from app.api.admission import Places
from app.batches.service import Desk
from app.batches.store.models import Batch
from app.fetch import Holds
from app.runtime.batch_images import Gallery
from app.runtime.batch_service import staffed_desk
from app.runtime.observability import Metrics
from app.runtime.storage import spool_folder
from app.settings import Settings

SUBMISSIONS: Final = 4
"""Lists that may come in at once: each holds a disk and a database busy."""
STREAMS: Final = 16
LISTENERS: Final = 64
DRAWINGS: Final = 2
CHANGE_S: Final = 2.0
"""How long one look for news lasts; a listener that left is noticed within it."""
_THREADS: Final = 8

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class BatchRoom:
    """``spool_dir``: where bodies wait while they arrive."""

    desk: Desk
    gallery: Gallery
    spool_dir: Path
    asking: ThreadPoolExecutor
    listening: ThreadPoolExecutor
    submissions: Places = field(default_factory=lambda: Places(SUBMISSIONS, "lists", 5))
    streams: Places = field(default_factory=lambda: Places(STREAMS, "streams of results", 10))
    listeners: Places = field(default_factory=lambda: Places(LISTENERS, "listeners", 10))
    drawings: Places = field(default_factory=lambda: Places(DRAWINGS, "drawings", 3))

    async def ask(self, question: Callable[..., T], *arguments: object, **named: object) -> T:
        """``question`` on a thread of our own: the desk and its database may take their time."""
        call = partial(question, *arguments, **named)
        return await asyncio.get_running_loop().run_in_executor(self.asking, call)

    async def change(self, batch: Batch) -> Batch:
        """``batch`` as it is once something changed, or after a while."""
        wait = partial(
            self.desk.wait_for_change, batch.id, batch.new.owner, batch.revision, CHANGE_S
        )
        return await asyncio.get_running_loop().run_in_executor(self.listening, wait)


@contextmanager
def _staffed(
    settings: Settings, analyst: Analyst, metrics: Metrics, holds: Holds
) -> Iterator[Desk]:
    with (
        opened_look(settings, analyst) as look,
        staffed_desk(settings, look, metrics, holds) as desk,
    ):
        yield desk


@asynccontextmanager
async def open_batch_room(
    settings: Settings, analyst: Analyst, metrics: Metrics, holds: Holds
) -> AsyncIterator[BatchRoom]:
    """``holds``: shared by all fetchers of the process.

    Raises ``SettingsError`` if nothing can be kept where the operator said.
    """
    spool_dir = spool_folder(settings)
    asking = ThreadPoolExecutor(_THREADS, thread_name_prefix="ask")
    listening = ThreadPoolExecutor(LISTENERS, thread_name_prefix="listen")
    try:
        staffed = _staffed(settings, analyst, metrics, holds)
        desk = await asyncio.to_thread(staffed.__enter__)
        try:
            gallery = Gallery(desk, analyst, settings.base_rate)
            yield BatchRoom(desk, gallery, spool_dir, asking, listening)
        finally:
            await asyncio.to_thread(staffed.__exit__, None, None, None)
    finally:
        for pool in (asking, listening):
            await asyncio.to_thread(pool.shutdown, wait=True)
