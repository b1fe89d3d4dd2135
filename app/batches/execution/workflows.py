"""What the two workflows do, and how their faults are handled."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol, TypeVar

import sqlalchemy as sa

from app.batches import lifecycle
from app.batches.disk import Disk
from app.batches.execution import chunks
from app.batches.execution.chunk_processor import ChunkProcessor, RunEnding
from app.batches.execution.chunks import ChunkKey, ChunkRun
from app.batches.execution.dbos_runtime import WorkflowInterrupted
from app.batches.execution.picture_executor import PictureExecutor
from app.batches.execution.queue import WorkflowQueue
from app.batches.store import queries, result_queries
from app.batches.store.database import Database
from app.batches.store.models import Batch, BatchTools
from app.batches.store.result_queries import ResultQuery
from app.errors import NotFound, RetryLater

T = TypeVar("T")

EndedHook = Callable[[Batch, sa.Engine], None]
"""Called with a batch that has ended, and the engine of the database it lies in."""

MAX_FAULTS: Final = 3
"""A fault of ours that repeats so often fails the batch."""
RETRY_PAUSE_S: Final = 1.0
RETRY_PAUSE_MAX_S: Final = 5.0
"""Work goes on so soon after a database's return."""

log = logging.getLogger("eyeline.jobs")


class WorkerHost(Protocol):
    """What a worker asks of its service."""

    @property
    def max_active_chunks(self) -> int: ...

    @property
    def max_kept_bytes(self) -> int: ...

    def is_stopping(self) -> bool: ...


class BatchWorker:
    """Works on chunks and ends batches; both may be called again at any time."""

    def __init__(
        self, database: Database, queue: WorkflowQueue, tools: BatchTools,
        picture_executor: PictureExecutor | None, retention_s: int, on_ended: EndedHook | None,
        host: WorkerHost, disk: Disk,
    ) -> None:  # fmt: skip
        self._disk = disk
        self._database = database
        self._queue = queue
        self._tools = tools
        self._picture_executor = picture_executor
        self._retention_s = retention_s
        self._on_ended = on_ended
        self._host = host

    def run_chunk(self, key: ChunkKey) -> None:
        """Work on a chunk, then enqueue what follows."""
        self._retry_faults(key.batch_id, lambda: self._process_chunk(key))

    def run_final(self, batch_id: str, generation: int) -> None:
        """Summarize the list as a whole, and end the batch."""
        self._retry_faults(batch_id, lambda: self._end_batch(batch_id, generation))

    def _process_chunk(self, key: ChunkKey) -> None:
        self._disk.check_work()
        chunk_run = chunks.begin_run(self._database, key, self._host.max_kept_bytes)
        if chunk_run is None:
            return
        ending = RunEnding.DONE if chunk_run.finished else self._process_items(chunk_run)
        write, queue = self._database.write, self._queue
        if ending is RunEnding.DONE:
            write(lambda c: chunks.finish(c, queue, chunk_run, self._host.max_active_chunks))
        else:
            write(lambda c: chunks.requeue(c, queue, chunk_run))

    def _process_items(self, chunk_run: ChunkRun) -> RunEnding:
        if self._picture_executor is None:
            raise WorkflowInterrupted
        processor = ChunkProcessor(
            self._picture_executor, self._database, chunk_run, self._host.is_stopping
        )
        try:
            return self._picture_executor.run(processor())
        except Exception:
            self._release_run(chunk_run)
            raise

    def _release_run(self, chunk_run: ChunkRun) -> None:
        """Say, as soon as that can be said, that this was no crash: the process lives on."""
        while not self._host.is_stopping():
            with suppress(RetryLater):
                self._database.write(lambda c: chunks.release_run(c, chunk_run))
                return
            self._pause(RETRY_PAUSE_S)

    def _end_batch(self, batch_id: str, generation: int) -> None:
        row = lifecycle.finalize(self._database, batch_id, generation)
        if row is None:
            return
        if not queries.batch_from_row(row).has_ended:
            cohort = self._summarize_cohort(row)
            lifecycle.end_batch(self._database, row, self._retention_s, cohort)
        self._call_ended_hook(batch_id)

    def _summarize_cohort(self, row: queries.BatchRow) -> dict[str, object]:
        batch_results = result_queries.iter_results(
            self._database, ResultQuery(row.no, thumbnails=False, analyses=False)
        )
        return self._tools.summarize_cohort(batch_results, queries.request_from_row(row))

    def _retry_faults(self, batch_id: str, function: Callable[[], T]) -> T | None:
        """``function``, again after a fault; as long as it takes if the database is away.

        ``None``: the batch has failed, or is gone.
        """
        faults, pause = 0, RETRY_PAUSE_S
        while True:
            try:
                return function()
            except NotFound:
                return None  # the batch was deleted meanwhile
            except Exception as error:
                if self._host.is_stopping():
                    raise WorkflowInterrupted from error
                if not isinstance(error, RetryLater):  # an outage is in the log, and no fault
                    faults += 1
                    log.exception("work on a batch failed: %s", batch_id)
                if faults >= MAX_FAULTS:
                    self._fail_batch(batch_id, error)
                    return None
            self._pause(pause)
            pause = min(2 * pause, RETRY_PAUSE_MAX_S)

    def _fail_batch(self, batch_id: str, error: Exception) -> None:
        message = f"internal error ({type(error).__name__}), see the service's log"
        row = queries.find_batch(self._database, batch_id, None)
        lifecycle.end_batch(self._database, row, self._retention_s, error=message)
        try:
            self._call_ended_hook(batch_id)
        except Exception:
            log.exception("the ended hook of a failed batch failed: %s", batch_id)

    def _call_ended_hook(self, batch_id: str) -> None:
        if self._on_ended is not None:
            self._on_ended(
                queries.read_batch(self._database, batch_id, None), self._database.engine
            )

    def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self._host.is_stopping():
            time.sleep(0.1)
