"""Changes of a batch as a whole: cancel, retry, end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from app.batches.execution import chunks
from app.batches.store import tables
from app.batches.store.database import Database
from app.batches.store.models import ENDED_STATUSES, Batch, Status
from app.batches.store.queries import BatchRow, batch_from_row, select_current, select_row
from app.batches.store.tables import batches, payloads, results
from app.errors import NotFound, NotYet


def set_status(
    c: sa.Connection, database: Database, row: BatchRow, status: Status, **columns: Any
) -> None:
    """Take a batch to ``status``; the caller holds its row."""
    now = c.scalar(sa.select(database.now))
    previous: Mapping[str, Any] = json.loads(row.reached)
    if status == Status.IN_PROGRESS:
        # A retry: the end that was reached before no longer counts.
        previous = {Status.VALIDATING: previous[Status.VALIDATING]}
    reached = {**previous, status: now}
    c.execute(
        sa.update(batches)
        .where(batches.c.no == row.no)
        .values(
            status=status,
            reached=json.dumps(reached),
            revision=batches.c.revision + 1,
            changed_at=now,
            **columns,
        )
    )


def cancel(database: Database, queue: chunks.ChunkQueue, batch_id: str, owner: str | None) -> Batch:
    """Skip what is not begun; a batch that has ended stays as it is. The batch as it is then."""

    def transaction(c: sa.Connection) -> Batch:
        row = select_row(c, database, batch_id, owner, locked=True)
        if row.status == Status.VALIDATING:
            raise NotYet("the list is still being read: cancel it once it is in progress")
        if row.status == Status.IN_PROGRESS:
            skipped = c.execute(_skip_unstarted(row))
            chunks_done = row.chunks_done + skipped.rowcount
            set_status(c, database, row, Status.CANCELLING, chunks_done=chunks_done)
            chunks.enqueue_next(c, queue, row.no, 0)
        return batch_from_row(c.execute(select_current(database, row.no)).one())

    return database.write(transaction)


def retry(
    database: Database,
    queue: chunks.ChunkQueue,
    batch_id: str,
    owner: str | None,
    max_active_chunks: int,
) -> Batch:
    """Retry what failed and may succeed, as a new generation of chunks. The batch as it is then.

    Raises ``NotYet`` unless the batch has ended otherwise than by being cancelled.
    """

    def transaction(c: sa.Connection) -> Batch:
        row = select_row(c, database, batch_id, owner, locked=True)
        if row.status not in (Status.COMPLETED, Status.FAILED):
            raise NotYet(
                f"the batch is {row.status}: only a completed or failed batch can be retried",
                retryable=row.status != Status.CANCELLED,
            )
        retryable_rows = sa.and_(results.c.batch_no == row.no, results.c.retryable)
        deleted = c.execute(sa.delete(results).where(retryable_rows)).rowcount
        waiting = row.total - row.completed - row.failed + deleted
        if not waiting and row.status == Status.COMPLETED:
            return batch_from_row(row)
        generation = row.generation + 1
        count = chunks.create_chunks(c, row.no, generation, waiting)
        set_status(
            c,
            database,
            row,
            Status.IN_PROGRESS,
            failed=row.failed - deleted,
            generation=generation,
            chunks=count,
            chunks_asked=0,
            chunks_done=0,
            final_part=0,
            expires_at=None,
            cohort=None,
            error=None,
            pace=None,
            paced_from=None,
            paced_items=0,
        )
        chunks.enqueue_next(c, queue, row.no, max_active_chunks)
        return batch_from_row(c.execute(select_current(database, row.no)).one())

    return database.write(transaction)


def end_batch(
    database: Database,
    row: BatchRow,
    retention_s: int,
    cohort: Mapping[str, Any] | None = None,
    error: str | None = None,
) -> None:
    """A batch ends: completed, cancelled, or failed with ``error``; once a generation.

    Uploaded pictures that are not needed any more are deleted before it says so.
    """

    def transaction(c: sa.Connection) -> None:
        current = select_row(c, database, row.id, None, locked=True)
        if current.generation != row.generation or current.status in ENDED_STATUSES:
            return
        cancelled = current.status == Status.CANCELLING
        status = Status.CANCELLED if cancelled else Status.COMPLETED
        set_status(
            c,
            database,
            current,
            Status.FAILED if error is not None else status,
            cohort=None if cohort is None else json.dumps(cohort),
            error=error,
            expires_at=current.now + retention_s,
        )

    # A retry of a failed batch needs its pictures.
    if error is None:
        _drop_payloads(database, row)
    database.write(transaction)


def finalize(database: Database, batch_id: str, generation: int) -> BatchRow | None:
    """Set a batch whose chunks are done to finalizing; ``None`` if it is gone or was retried."""

    def transaction(c: sa.Connection) -> BatchRow | None:
        try:
            row = select_row(c, database, batch_id, None, locked=True)
        except NotFound:
            return None
        if row.generation != generation:
            return None
        if chunks.is_complete(row) and row.status == Status.IN_PROGRESS:
            set_status(c, database, row, Status.FINALIZING)
        return row

    return database.write(transaction)


def _drop_payloads(database: Database, row: BatchRow) -> None:
    """Delete pictures of items that were skipped. Those that can be retried stay."""
    of_batch = payloads.c.batch_no == row.no
    can_retry = sa.exists().where(
        results.c.batch_no == payloads.c.batch_no,
        results.c.seq == payloads.c.seq,
        results.c.retryable,
    )

    def transaction(c: sa.Connection) -> Sequence[int]:
        current = select_row(c, database, row.id, None, locked=True)
        if current.generation != row.generation or not chunks.is_complete(current):
            return ()
        statement = sa.select(payloads.c.seq).where(of_batch).limit(500)
        # A cancelled batch cannot be retried.
        seqs = c.scalars(
            statement if current.status == Status.CANCELLING else statement.where(~can_retry)
        ).all()
        if seqs:
            c.execute(sa.delete(payloads).where(of_batch, payloads.c.seq.in_(seqs)))
        return seqs

    while database.write(transaction):
        pass


def _skip_unstarted(row: BatchRow) -> sa.Update:
    """Mark enqueued chunks that are not begun as done: they need not be waited for."""
    table = tables.chunks
    return (
        sa.update(table)
        .where(
            table.c.batch_no == row.no,
            table.c.generation == row.generation,
            table.c.chunk < row.chunks_asked,
            ~table.c.begun,
            ~table.c.done,
        )
        .values(done=True)
    )
