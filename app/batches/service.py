"""The batch service: submit, read, cancel, retry and delete lists; workers run behind it.

Every method may be called from any thread, and none belongs on an event loop. A process has one
service at a time.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.exc import SQLAlchemyError

from app.batches import lifecycle, submission
from app.batches.answers import AnswerStore
from app.batches.backlog import Backlog, read_backlog
from app.batches.disk import Disk
from app.batches.drawings import BatchDrawings
from app.batches.execution.dbos_runtime import WorkflowHandlers, WorkflowRuntime
from app.batches.execution.eraser import Eraser
from app.batches.execution.heartbeat import Heartbeat, read_live_executors
from app.batches.execution.maintenance import Maintenance
from app.batches.execution.picture_executor import PictureExecutor
from app.batches.execution.queue import WorkflowQueue
from app.batches.execution.workflows import BatchWorker, EndedHook
from app.batches.store import decisions, deletion, queries, result_queries, tile_sums
from app.batches.store.database import Database, open_database
from app.batches.store.decisions import DecisionCounts
from app.batches.store.models import ENDED_STATUSES, Batch, BatchRequest, BatchTools
from app.batches.store.own_edges import iter_edges
from app.batches.store.queries import BatchPage
from app.batches.store.result_queries import Order, ResultPage, ResultQuery
from app.errors import NotFound, RetryLater, StorageFull
from app.records import Decision, DecisionChoice, Item, ItemResult, OwnEdge

MIN_ACTIVE_CHUNKS: Final = 4
CHANGE_POLL_S: Final = 0.25
CLOSE_TIMEOUT_S: Final = 20.0
"""How long the end of a process waits for pictures that are being analyzed."""

log = logging.getLogger("eyeline.jobs")


class BatchService:
    """Open it with ``BatchService.open``; a context manager, or close it."""

    def __init__(
        self, database: Database, executor_id: str, tools: BatchTools, workers: int,
        retention_s: int, max_waiting: int, max_kept_bytes: int, disk: Disk,
        on_ended: EndedHook | None,
        on_launched: Callable[[sa.Engine], None] | None,
    ) -> None:  # fmt: skip
        self._database = database
        self._requests = database.for_requests()
        self._max_waiting, self.max_kept_bytes = max_waiting, max_kept_bytes
        self._disk = disk
        self._executor_id = executor_id
        self._stop = threading.Event()
        self._closed = False
        self._heartbeat = Heartbeat(database, self._executor_id, workers)
        self._picture_executor = PictureExecutor(database, tools, workers) if workers else None
        self._queue = WorkflowQueue(database, self._executor_id)
        worker = BatchWorker(
            database, self._queue, tools, self._picture_executor, retention_s, on_ended, self, disk
        )
        self._runtime = WorkflowRuntime(
            database,
            self._queue,
            WorkflowHandlers(worker.run_chunk, worker.run_final),
            runs_workflows=workers > 0,
        )
        if on_launched is not None:
            on_launched(database.engine)
        self._eraser = Eraser(database, self._queue, disk)
        self._maintenance = Maintenance(
            database, self._queue, self._eraser.wake, self._runtime.running_workflows
        )

    @classmethod
    def open(
        cls,
        *,
        database_url: str | None,
        data_dir: Path,
        tools: BatchTools,
        workers: int,
        retention_s: int,
        max_waiting_items: int,
        max_kept_bytes: int = sys.maxsize,
        spool_dir: Path | None = None,
        min_free_bytes: int | None = None,
        on_ended: EndedHook | None = None,
        on_launched: Callable[[sa.Engine], None] | None = None,
    ) -> Self:
        """Open the database, take up what the dead left, and work with ``workers`` threads.

        ``max_kept_bytes``: what all lists of one owner may hold, with their results.
        ``on_ended`` is called with each batch that ended, and the database's engine: at least once,
        whatever dies, and never at the same time as the batch's work. ``on_launched``: once, when
        DBOS runs. Raises ``DatabaseUnusable``, ``DatabaseUnavailable``, ``TablesTooNew``,
        ``OSError``, and what the database's driver raises.
        """
        executor_id = uuid.uuid4().hex
        database = open_database(database_url, data_dir, executor_id)
        try:
            return cls(
                database,
                executor_id,
                tools,
                workers,
                retention_s,
                max_waiting_items,
                max_kept_bytes,
                Disk(spool_dir or data_dir, min_free_bytes, has_batches=not database.shared),
                on_ended,
                on_launched,
            )
        except BaseException:
            database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def engine(self) -> sa.Engine:
        """Of the database, for those who keep tables beside these."""
        return self._database.engine

    @property
    def drawings(self) -> BatchDrawings:
        """The drawings that are kept of flagged pictures."""
        return BatchDrawings(self._requests)

    @property
    def answers(self) -> AnswerStore:
        """Answers about single pictures, of all processes that share the database."""
        return AnswerStore(self._requests)

    @property
    def request_engine(self) -> sa.Engine:
        """Of the same database, for callers who wait."""
        return self._requests.engine

    @property
    def max_active_chunks(self) -> int:
        """Chunks of a batch that may be asked for at once: enough for everybody who works."""
        return max(MIN_ACTIVE_CHUNKS, 2 + 2 * self._maintenance.live_executors.worker_count)

    def is_stopping(self) -> bool:
        return self._stop.is_set()

    def submit(self, request: BatchRequest, items: Iterable[Item]) -> tuple[Batch, bool]:
        """Take a list in; ``True`` if the batch was there already, by its idempotency key.

        Once this returns the batch outlives any process. Raises ``IdempotencyKeyReused``, ``Busy``,
        and whatever reading ``items`` raises; then nothing is kept.
        """
        return submission.submit(self._submission_context(), request, items)

    def check_intake(self, owner: str) -> None:
        """Raise ``Busy``, ``QuotaExceeded`` or ``StorageFull`` if no list would be taken in now."""
        submission.check_intake(self._submission_context(), owner)

    def _submission_context(self) -> submission.SubmissionContext:
        return submission.SubmissionContext(
            self._database,
            self._requests,
            self._queue,
            self._executor_id,
            self._max_waiting,
            self.max_kept_bytes,
            self.max_active_chunks,
            self._maintenance.delete_later,
            self._disk,
        )

    def get(self, batch_id: str, owner: str) -> Batch:
        """Raises ``NotFound``; another one's batch is not there either."""
        return queries.read_batch(self._requests, batch_id, owner)

    def get_of(self, batch_id: str, owners: Collection[str]) -> Batch:
        """The batch if one of ``owners`` has it. Raises ``NotFound``."""
        *others, last = owners
        for owner in others:
            with suppress(NotFound):
                return self.get(batch_id, owner)
        return self.get(batch_id, last)

    def list_batches(
        self, owner: str | Collection[str] | None, cursor: str | None = None, limit: int = 20
    ) -> BatchPage:
        """The batches of one or several owners, or of everybody (``None``), the newest first."""
        return queries.read_batch_page(self._requests, owner, cursor, limit)

    def count_batches(self) -> queries.BatchCounts:
        """Of everybody's batches."""
        return queries.count_batches(self._requests)

    def read_backlog(self) -> Backlog:
        """How far everybody's work is behind."""
        return read_backlog(self._requests)

    def _number_of(self, batch_id: str, owner: str) -> int:
        """The number that a batch's rows carry. Raises ``NotFound``."""
        return int(queries.find_batch(self._requests, batch_id, owner).no)

    def read_result_page(
        self,
        batch_id: str,
        owner: str,
        *,
        order: Order = "input",
        min_llr: float | None = None,
        verdict: str | None = None,
        after: str | None = None,
        limit: int = 100,
        thumbnails: bool = True,
    ) -> ResultPage:
        """A page of what is there by now. Raises ``NotFound`` and ``InvalidRequest``.

        In the list's order a page ends where an item has no result yet, and ``next_cursor`` leads
        on from there; of a batch that has ended it is ``None`` at the end.
        """
        row = queries.find_batch(self._requests, batch_id, owner)
        query = ResultQuery(row.no, order, min_llr, verdict, thumbnails)
        in_progress = row.status not in ENDED_STATUSES
        return result_queries.read_page(
            self._requests, query, after, limit, in_progress=in_progress
        )

    def iter_selected(self, batch_id: str, owner: str, seqs: Iterable[int]) -> Iterator[ItemResult]:
        """The results of these items with their thumbnails, in order. Raises ``NotFound``."""
        batch_no = self._number_of(batch_id, owner)
        return result_queries.iter_selected(self._requests, batch_no, seqs)

    def iter_results(
        self,
        batch_id: str,
        owner: str,
        *,
        order: Order = "input",
        min_llr: float | None = None,
        verdict: str | None = None,
        excluded_verdict: str | None = None,
        thumbnails: bool = True,
        analyses: bool = True,
        skip: int = 0,
    ) -> Iterator[ItemResult]:
        """All of what is there by now, a few hundred at a time. Raises ``NotFound``, at once.

        ``thumbnails``, ``analyses``: whether records come with theirs.
        ``skip``: so many of them are left out before the first.
        """
        batch_no = self._number_of(batch_id, owner)
        query = ResultQuery(
            batch_no, order, min_llr, verdict, thumbnails, skip, analyses, excluded_verdict
        )
        return result_queries.iter_results(self._requests, query)

    def iter_eyes(
        self, batch_id: str, owner: str
    ) -> Iterator[tuple[tuple[float, float, float, float], str]]:
        """Where the eyes of each item with a face lie, and its verdict. Raises ``NotFound``."""
        batch_no = self._number_of(batch_id, owner)
        return result_queries.iter_eyes(self._requests, batch_no)

    def read_an_analysis(self, batch_id: str, owner: str) -> bytes | None:
        """The analysis of one of its pictures, of which all have the same checks.

        ``None`` while there is none. Raises ``NotFound``.
        """
        batch_no = self._number_of(batch_id, owner)
        return result_queries.read_an_analysis(self._requests, batch_no)

    def read_tile_sums(
        self, batch_id: str, owner: str
    ) -> dict[str, tuple[int, NDArray[np.uint64]]]:
        """``likely_stylegan`` and ``rest`` → pictures, and the sum of their tiles (192, 192, 3).

        Each picture counts once, however often the list names it.
        """
        batch_no = self._number_of(batch_id, owner)
        with self._requests.reading() as c:
            return tile_sums.read_sums(c, batch_no)

    def iter_own_edges(self, batch_id: str, owner: str) -> Iterator[OwnEdge]:
        """The lines between accounts that came with the list. Raises ``NotFound``, at once."""
        batch_no = self._number_of(batch_id, owner)
        return iter_edges(self._requests, batch_no)

    def set_decision(
        self, batch_id: str, owner: str, seq: int, choice: DecisionChoice, note: str = ""
    ) -> Decision:
        """Keep what ``owner`` says of an item, instead of an earlier decision.

        Nothing else changes by it. Raises ``NotFound``.
        """
        return decisions.set_decision(self._requests, batch_id, owner, seq, choice, note)

    def clear_decision(self, batch_id: str, owner: str, seq: int) -> None:
        """Forget the decision on an item, if there is one. Raises ``NotFound``."""
        decisions.clear_decision(self._requests, batch_id, owner, seq)

    def count_decisions(self, batch_id: str, owner: str) -> DecisionCounts:
        """Raises ``NotFound``."""
        return decisions.count_decisions(self._requests, batch_id, owner)

    def cancel(self, batch_id: str, owner: str) -> Batch:
        """Skip what is not begun; what is done stays. A batch that has ended stays as it is."""
        return lifecycle.cancel(self._requests, self._queue, batch_id, owner)

    def count_retryable(self, batch_id: str, owner: str) -> int:
        """How many items failed and may succeed. Raises ``NotFound``."""
        batch_no = self._number_of(batch_id, owner)
        return result_queries.count_retryable(self._requests, batch_no)

    def retry_failed(self, batch_id: str, owner: str) -> Batch:
        """Try again what failed and may succeed. Raises ``NotYet`` unless the batch has ended."""
        return lifecycle.retry(self._requests, self._queue, batch_id, owner, self.max_active_chunks)

    def delete(self, batch_id: str, owner: str) -> None:
        """Delete a batch; one in progress is stopped. Nobody finds it once this returns.

        All that is kept of it is erased behind that, by this process or another.
        """
        row = queries.find_batch(self._requests, batch_id, owner)
        try:
            deletion.mark_deleted(self._requests, row.no)
        except StorageFull:
            if not self._disk.give_up_reserve():
                raise
            deletion.mark_deleted(self._requests, row.no)
        self._eraser.wake()

    def wait_for_change(self, batch_id: str, owner: str, revision: int, timeout_s: float) -> Batch:
        """The batch, once it is beyond ``revision`` or has ended, or after ``timeout_s``."""
        deadline = time.monotonic() + timeout_s
        while True:
            batch = self.get(batch_id, owner)
            remaining_s = deadline - time.monotonic()
            if batch.revision > revision or batch.has_ended or remaining_s <= 0 or self._closed:
                return batch
            self._stop.wait(
                min(CHANGE_POLL_S, remaining_s)
            ) if not self.is_stopping() else time.sleep(0.05)

    def health_problem(self) -> str | None:
        """Why batches can be neither kept nor read; ``None`` if they can."""
        problem = self._heartbeat.health_problem() or self._read_worker_count()[1]
        return problem or self._disk.problem()

    def worker_problem(self) -> str | None:
        """Why batches do not go forward; ``None`` if they do."""
        worker_count, problem = self._read_worker_count()
        if worker_count or problem:
            return problem
        return "no worker is running: start `eyeline worker`"

    def _read_worker_count(self) -> tuple[int, str | None]:
        """How many processes work on batches, or why that cannot be read."""
        try:
            return read_live_executors(self._requests).worker_count, None
        except (SQLAlchemyError, RetryLater) as error:
            reason = error.title if isinstance(error, RetryLater) else type(error).__name__
            return 0, f"the batch database cannot be read: {reason}"

    def close(self) -> None:
        """Commit what was analyzed; the rest is left to other processes, or to the next start."""
        if self._closed:
            return
        self._closed = True
        self._stop.set()
        # Where the server has frozen, nobody gets an answer, and everybody waits for one.
        watchdog = threading.Timer(CLOSE_TIMEOUT_S, self._database.cut_connections)
        watchdog.daemon = True
        watchdog.start()
        try:
            self._maintenance.close()
            self._eraser.close()
            self._runtime.close(CLOSE_TIMEOUT_S)
            self._queue.close()
            if self._picture_executor is not None:
                self._picture_executor.close()
            self._heartbeat.close()
        finally:
            watchdog.cancel()
            self._database.close()
