"""What every process does for all: recover the work of dead ones, delete what is over.

What a process had in hand that is no longer alive goes back to its queue: DBOS keeps which process
has each workflow, so nothing has to be noticed while it lives.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import sqlalchemy as sa

from app.batches.answers import delete_expired
from app.batches.execution.chunks import (
    ACTIVE_STATUSES,
    HEAD_START_ITEMS,
    ChunkKey,
    is_complete,
)
from app.batches.execution.heartbeat import (
    DEAD_AFTER_S,
    JOIN_TIMEOUT_S,
    read_live_executors,
    read_silent_executors,
)
from app.batches.execution.queue import Claimed, WorkflowQueue, final_workflow_id
from app.batches.store import deletion
from app.batches.store.database import Database
from app.batches.store.models import ENDED_STATUSES, Status
from app.batches.store.queries import BatchRow
from app.batches.store.tables import batches, chunks, workers
from app.errors import RetryLater

MAINTENANCE_S: Final = 2.5
STALLED_S: Final = 10.0
"""A batch without progress for so long is looked after."""
CLEANUP_S: Final = 60.0
RETAIN_ENDED_S: Final = 3600.0

log = logging.getLogger("eyeline.jobs")


class Maintenance:
    """Runs on a thread of its own; two processes that do the same do no harm."""

    def __init__(
        self,
        database: Database,
        queue: WorkflowQueue,
        erase_marked: Callable[[], None],
        running_workflows: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        """``erase_marked``: begins to erase what was marked as deleted.

        ``running_workflows``: ids of those that run in this process.
        """
        self._erase_marked = erase_marked
        self._database = database
        self._queue = queue
        self._running_workflows = running_workflows
        self._lost_claims: frozenset[Claimed] = frozenset()
        self._others_wait_until = 0.0
        self._unwanted: deque[int] = deque()
        self._stop = threading.Event()
        self._last_cleanup = 0.0
        self.live_executors = read_live_executors(database)
        self._recover_dead()
        self._thread = threading.Thread(target=self._run, name="eyeline-maintenance", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(JOIN_TIMEOUT_S)

    def delete_later(self, batch_no: int) -> None:
        """Delete a batch as soon as the database lets us."""
        self._unwanted.append(batch_no)

    def run_once(self) -> None:
        """One pass: dead processes, stalled batches, and every ``CLEANUP_S`` what is over."""
        if time.monotonic() >= self._others_wait_until:
            self._recover_dead()
        self._recover_lost_claims()
        self._mark_unwanted()
        for batch_no in stalled_batches(self._database):
            restore(self._database, self._queue, batch_no)
        if time.monotonic() - self._last_cleanup > CLEANUP_S:
            self._last_cleanup = time.monotonic()
            self.clean_up()

    def clean_up(self) -> None:
        """Mark what expired or never arrived whole; delete what else is kept longer than it may."""
        deletion.mark_expired(self._database)
        self._mark_abandoned()
        self._erase_marked()
        delete_expired(self._database)
        self._queue.delete_ended(RETAIN_ENDED_S)
        statement = sa.delete(workers).where(
            workers.c.seen_at < self._database.now - RETAIN_ENDED_S
        )
        self._database.write(lambda c: c.execute(statement))

    def _run(self) -> None:
        while not self._stop.wait(MAINTENANCE_S):
            try:
                self.run_once()
            except RetryLater:  # which the log knows
                # When the database is back, everybody gets the time to say that he lives.
                self._others_wait_until = time.monotonic() + DEAD_AFTER_S
            except Exception:
                log.exception("maintenance failed, will retry")

    def _recover_dead(self) -> None:
        # In this order: a process says that it lives before it takes anything up.
        active = self._queue.active_executors()
        self.live_executors = read_live_executors(self._database)
        self._database.terminate_sessions(read_silent_executors(self._database))
        dead = active - self._live_executor_ids()
        if dead:
            recovered = self._queue.recover(dead)
            log.warning(
                "%d processes died; %d of their workflows are requeued", len(dead), recovered
            )

    def _mark_unwanted(self) -> None:
        while self._unwanted:
            deletion.mark_deleted(self._database, self._unwanted[0])
            self._unwanted.popleft()

    def _recover_lost_claims(self) -> None:
        """Requeue what this process claimed and does not run: an outage came in between."""
        running = self._running_workflows()
        claims = self._queue.own_claims()
        idle = frozenset(claim for claim in claims if claim.workflow_id not in running)
        lost, self._lost_claims = idle & self._lost_claims, idle
        if lost:
            self._queue.requeue({claim.workflow_id for claim in lost})
            log.warning("%d workflows were claimed and not begun; they are requeued", len(lost))

    def _live_executor_ids(self) -> frozenset[str]:
        return self.live_executors.including(self._database, self._queue.executor_id)

    def _mark_abandoned(self) -> None:
        """Lists whose process died while it read them."""
        statement = sa.select(batches.c.no).where(
            batches.c.status == Status.VALIDATING,
            batches.c.submitter.not_in(self._live_executor_ids()),
        )
        with self._database.reading() as c:
            abandoned = list(c.scalars(statement))
        # One that was merely slow may have gone on meanwhile: then it stays.
        still_validating = batches.c.status == Status.VALIDATING
        for batch_no in abandoned:
            deletion.mark_deleted(self._database, batch_no, still_validating)


def stalled_batches(database: Database) -> list[int]:
    """Numbers of batches that are not at their end and had no progress lately."""
    statement = sa.select(batches.c.no).where(
        batches.c.status.in_((*ACTIVE_STATUSES, Status.FINALIZING)),
        batches.c.changed_at < database.now - STALLED_S,
    )
    with database.reading() as c:
        return list(c.scalars(statement))


def restore(database: Database, queue: WorkflowQueue, batch_no: int) -> None:
    """Enqueue again what was taken from the queue by hand, or left by an older program.

    Our tables hold what should be there. An id that has ended is used up: the next part follows.
    """
    with database.reading() as c:
        row = c.execute(sa.select(batches).where(batches.c.no == batch_no)).one_or_none()
        if row is None:
            return
        complete = is_complete(row)
        keys = [] if complete else _open_chunks(c, row)
    final_id = final_workflow_id(row.id, row.generation, row.final_part)
    states = queue.workflow_states([final_id] if complete else [key.workflow_id for key in keys])
    missing = [key for key in keys if not states.get(key.workflow_id, False)]

    def transaction(c: sa.Connection) -> None:
        for key in missing:
            _enqueue_chunk_again(c, queue, row, key, ended=key.workflow_id in states)
        if complete:
            _enqueue_final_again(c, queue, row, ended=final_id in states)

    if missing or (complete and not states.get(final_id, False)):
        log.warning("a stalled batch: %d workflows enqueued again", len(missing) or 1)
        database.write(transaction)


def _open_chunks(c: sa.Connection, row: BatchRow) -> list[ChunkKey]:
    statement = sa.select(chunks.c.chunk, chunks.c.part).where(
        chunks.c.batch_no == row.no,
        chunks.c.generation == row.generation,
        chunks.c.chunk < row.chunks_asked,
        ~chunks.c.done,
    )
    return [ChunkKey(row.id, row.generation, *chunk) for chunk in c.execute(statement)]


def _enqueue_chunk_again(
    c: sa.Connection, queue: WorkflowQueue, row: BatchRow, key: ChunkKey, *, ended: bool
) -> None:
    part = key.part + ended
    statement = sa.update(chunks).where(
        chunks.c.batch_no == row.no,
        chunks.c.generation == row.generation,
        chunks.c.chunk == key.chunk,
        chunks.c.part == key.part,
        ~chunks.c.done,
    )
    if c.execute(statement.values(part=part)).rowcount:
        queue.enqueue_chunk(c, replace(key, part=part), row.owner, HEAD_START_ITEMS)


def _enqueue_final_again(
    c: sa.Connection, queue: WorkflowQueue, row: BatchRow, *, ended: bool
) -> None:
    part = row.final_part + ended
    statement = sa.update(batches).where(
        batches.c.no == row.no,
        batches.c.generation == row.generation,
        batches.c.status.not_in(ENDED_STATUSES),
    )
    if c.execute(statement.values(final_part=part)).rowcount:
        queue.enqueue_final(c, row.id, row.generation, part, row.owner)
