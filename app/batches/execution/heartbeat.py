"""Who is alive, and what is done for those who are not.

Every process says every two seconds that it lives. Whatever a process had taken up that is not
among the living goes back to its queue: DBOS knows whose each workflow is, so nobody has to have
noticed the dead while they lived.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from app.batches.execution.chunks import ChunkKey, FollowUp, is_complete
from app.batches.execution.queue import WorkflowQueue, final_workflow_id
from app.batches.store import deletion
from app.batches.store.database import Database
from app.batches.store.models import ENDED_STATUSES, Status
from app.batches.store.tables import batches, chunks, workers

DEAD_AFTER_S: Final = 10.0
"""Silence after which a process is taken for dead. Being wrong costs work, never results."""


@dataclass(frozen=True)
class LiveExecutors:
    """Processes that said so lately. ``worker_count``: those with threads for batches."""

    ids: frozenset[str]
    worker_count: int

    def including(self, database: Database, executor_id: str) -> frozenset[str]:
        """Those that may have work in hand, ``executor_id`` (this process) always.

        With SQLite there is this process and no other, however lately another one beat.
        """
        own_ids = frozenset({executor_id})
        return self.ids | own_ids if database.shared else own_ids


def read_live_executors(database: Database) -> LiveExecutors:
    """By the database's clock."""
    since = database.now - DEAD_AFTER_S
    statement = sa.select(workers.c.executor, workers.c.threads).where(workers.c.seen_at > since)
    with database.reading() as c:
        rows = c.execute(statement).all()
    return LiveExecutors(
        frozenset(row.executor for row in rows), sum(row.threads > 0 for row in rows)
    )


def read_silent_executors(database: Database) -> list[str]:
    """Processes that have said nothing for too long, and never that they would leave."""
    statement = sa.select(workers.c.executor).where(
        workers.c.seen_at <= database.now - DEAD_AFTER_S
    )
    with database.reading() as c:
        return list(c.scalars(statement))


HEARTBEAT_INTERVAL_S: Final = 2.0
MAINTENANCE_S: Final = 2.5
STALLED_S: Final = 10.0
"""A batch that did not move for so long is looked after."""
CLEANUP_S: Final = 60.0
RETAIN_ENDED_S: Final = 3600.0

log = logging.getLogger("eyeline.jobs")


class Heartbeat:
    """Beats for one process; ``threads``: how many of it work on batches."""

    def __init__(self, database: Database, executor_id: str, threads: int) -> None:
        self._database = database
        self._executor_id = executor_id
        self._threads = threads
        self._last_beat = 0.0
        self._last_error = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="eyeline-heart", daemon=True)
        self.beat()
        self._thread.start()

    def beat(self) -> None:
        database = self._database

        def transaction(c: sa.Connection) -> None:
            row = {"threads": self._threads, "seen_at": database.now}
            statement = database.insert(workers).values(executor=self._executor_id, **row)
            c.execute(statement.on_conflict_do_update(index_elements=["executor"], set_=row))

        database.write(transaction)
        self._last_beat = time.monotonic()

    def health_problem(self) -> str | None:
        """Why this process cannot be said to live."""
        if time.monotonic() - self._last_beat <= DEAD_AFTER_S:
            return None
        return (
            f"the database of the batches cannot be written: "
            f"{self._last_error or 'it does not answer'}"
        )

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        statement = sa.delete(workers).where(workers.c.executor == self._executor_id)
        self._database.write(lambda c: c.execute(statement))

    def _run(self) -> None:
        while not self._stop.wait(HEARTBEAT_INTERVAL_S):
            try:
                self.beat()
            except Exception as error:
                self._last_error = type(error).__name__
                log.exception("the heartbeat could not be written")


class Maintenance:
    """What every process does for all, now and then; two that do the same do no harm."""

    def __init__(self, database: Database, queue: WorkflowQueue) -> None:
        self._database = database
        self._queue = queue
        self._stop = threading.Event()
        self._last_cleanup = 0.0
        self.live_executors = read_live_executors(database)
        self._recover_dead()
        self._thread = threading.Thread(target=self._run, name="eyeline-chores", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def run_once(self) -> None:
        """Once around: the dead, what stands still, what is over."""
        self._recover_dead()
        for batch_no in stalled_batches(self._database):
            self._requeue_lost(batch_no)
        if time.monotonic() - self._last_cleanup > CLEANUP_S:
            self._last_cleanup = time.monotonic()
            self.clean_up()

    def clean_up(self) -> None:
        """Erase what expired, what is half erased, what never arrived, and what is long over."""
        for batch_no in [*deletion.mark_expired(self._database), *self._mark_abandoned()]:
            deletion.delete_rows(self._database, batch_no)
        self._queue.delete_ended(RETAIN_ENDED_S)
        statement = sa.delete(workers).where(
            workers.c.seen_at < self._database.now - RETAIN_ENDED_S
        )
        self._database.write(lambda c: c.execute(statement))

    def _run(self) -> None:
        while not self._stop.wait(MAINTENANCE_S):
            try:
                self.run_once()
            except Exception:
                log.exception("looking after the batches failed; it is tried again")

    def _recover_dead(self) -> None:
        # In this order: a process says that it lives before it takes anything up.
        active = self._queue.active_executors()
        self.live_executors = read_live_executors(self._database)
        self._database.terminate_sessions(read_silent_executors(self._database))
        dead = active - self._live_executor_ids()
        if dead:
            recovered = self._queue.recover(dead)
            log.warning(
                "%d processes died; %d workflows of theirs are taken up", len(dead), recovered
            )

    def _live_executor_ids(self) -> frozenset[str]:
        return self.live_executors.including(self._database, self._queue.executor_id)

    def _mark_abandoned(self) -> list[int]:
        """Lists whose process died while they came in."""
        statement = sa.select(batches.c.no).where(
            batches.c.status == Status.VALIDATING,
            batches.c.submitter.not_in(self._live_executor_ids()),
        )
        with self._database.reading() as c:
            batch_nos = list(c.scalars(statement))
        # One that was merely slow may have gone on meanwhile: then it stays.
        is_validating = batches.c.status == Status.VALIDATING
        return [
            batch_no
            for batch_no in batch_nos
            if deletion.mark_deleted(self._database, batch_no, is_validating)
        ]

    def _requeue_lost(self, batch_no: int) -> None:
        """Enqueue again what should be on a queue and is not, whatever took it from there.

        A process can die between our transaction and DBOS's; a power cut can take the last of
        either.
        """
        keys, final = read_unfinished(self._database, batch_no)
        keys_by_workflow = {key.workflow_id: key for key in keys}
        final_id = final_workflow_id(*final) if final is not None else None
        states = self._queue.workflow_states([*keys_by_workflow, *([final_id] if final_id else [])])
        lost = [key for name, key in keys_by_workflow.items() if name not in states]
        ended = [key for name, key in keys_by_workflow.items() if states.get(name) is False]
        moved = [
            key
            for key in (self._advance_chunk(batch_no, each) for each in ended)
            if key is not None
        ]
        next_final = None
        if final is not None and final_id is not None:
            next_final = final if final_id not in states else None
            if states.get(final_id) is False:
                next_final = self._advance_final(batch_no, final)
        if lost or moved or next_final:
            log.warning("a batch stood still: %d of its workflows go on", len(lost) + len(moved))
            self._queue.enqueue(FollowUp((*lost, *moved), next_final))

    def _advance_chunk(self, batch_no: int, key: ChunkKey) -> ChunkKey | None:
        """The chunk's workflow ended without the chunk being done: another name, another run."""
        conditions = (
            chunks.c.batch_no == batch_no,
            chunks.c.generation == key.generation,
            chunks.c.chunk == key.chunk,
            chunks.c.part == key.part,
            ~chunks.c.done,
        )
        statement = sa.update(chunks).where(*conditions).values(part=key.part + 1)
        updated = self._database.write(lambda c: c.execute(statement).rowcount)
        return ChunkKey(key.batch_id, key.generation, key.chunk, key.part + 1) if updated else None

    def _advance_final(
        self, batch_no: int, final: tuple[str, int, int]
    ) -> tuple[str, int, int] | None:
        batch_id, generation, part = final
        statement = (
            sa.update(batches)
            .where(
                batches.c.no == batch_no,
                batches.c.generation == generation,
                batches.c.final_part == part,
                batches.c.status.not_in(ENDED_STATUSES),
            )
            .values(final_part=part + 1)
        )
        updated = self._database.write(lambda c: c.execute(statement).rowcount)
        return (batch_id, generation, part + 1) if updated else None


def stalled_batches(database: Database) -> list[int]:
    """Batches that are at work and did not move lately."""
    at_work = (Status.IN_PROGRESS, Status.FINALIZING, Status.CANCELLING)
    statement = sa.select(batches.c.no).where(
        batches.c.status.in_(at_work), batches.c.changed_at < database.now - STALLED_S
    )
    with database.reading() as c:
        return list(c.scalars(statement))


def read_unfinished(
    database: Database, batch_no: int
) -> tuple[list[ChunkKey], tuple[str, int, int] | None]:
    """What of a batch should be waiting or running: chunks, or its last workflow."""
    open_chunks = (
        sa.select(batches.c.id, chunks.c.generation, chunks.c.chunk, chunks.c.part)
        .join(
            chunks,
            sa.and_(chunks.c.batch_no == batches.c.no, chunks.c.generation == batches.c.generation),
        )
        .where(batches.c.no == batch_no, chunks.c.asked_by.is_not(None), ~chunks.c.done)
    )
    with database.reading() as c:
        row = c.execute(sa.select(batches).where(batches.c.no == batch_no)).one_or_none()
        if row is None:
            return [], None
        if is_complete(row):
            return [], (row.id, row.generation, row.final_part)
        return [ChunkKey(*each) for each in c.execute(open_chunks)], None
