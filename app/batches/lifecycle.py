"""What happens to a batch as a whole: cancelled, tried again, ended."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from app.batches.execution import chunks
from app.batches.store import tables
from app.batches.store.database import Database
from app.batches.store.models import ENDED, Status
from app.batches.store.queries import Row, row_of
from app.batches.store.tables import batches, payloads, results
from app.errors import NotFound, NotYet


def change(c: sa.Connection, database: Database, row: Row, status: Status, **more: Any) -> None:
    """Take a batch to ``status``; the caller holds its row."""
    now = c.scalar(sa.select(database.now))
    before: Mapping[str, Any] = json.loads(row.reached)
    if status == Status.IN_PROGRESS:
        # Tried again: an end that was reached before is none.
        before = {Status.VALIDATING: before[Status.VALIDATING]}
    reached = {**before, status: now}
    c.execute(
        sa.update(batches)
        .where(batches.c.no == row.no)
        .values(
            status=status,
            reached=json.dumps(reached),
            revision=batches.c.revision + 1,
            changed_at=now,
            **more,
        )
    )


def cancel(database: Database, batch_id: str, owner: str | None) -> chunks.Next:
    """What is not begun is skipped; a batch that has ended stays as it is."""

    def cancelling(c: sa.Connection) -> chunks.Next:
        row = row_of(c, database, batch_id, owner, locked=True)
        if row.status == Status.VALIDATING:
            raise NotYet("the list is still being read: cancel it once it is in progress")
        if row.status == Status.IN_PROGRESS:
            skipped = c.execute(_skip(row))
            done = row.chunks_done + skipped.rowcount
            change(c, database, row, Status.CANCELLING, chunks_done=done)
        return chunks.asked(c, row.no, chunks.SUBMISSION)

    return database.write(cancelling)


def retry(database: Database, batch_id: str, owner: str | None, lanes: int) -> chunks.Next:
    """Take up what failed and may not fail again, as a new generation of chunks.

    Raises ``NotYet`` unless the batch has ended otherwise than by being cancelled.
    """

    def again(c: sa.Connection) -> chunks.Next:
        row = row_of(c, database, batch_id, owner, locked=True)
        if row.status not in (Status.COMPLETED, Status.FAILED):
            raise NotYet(
                f"the batch is {row.status}: what has ended, and was not cancelled, can "
                "be tried again"
            )
        mine = sa.and_(results.c.batch_no == row.no, results.c.retryable)
        dropped = c.execute(sa.delete(results).where(mine)).rowcount
        waiting = row.total - row.completed - row.failed + dropped
        if not waiting and row.status == Status.COMPLETED:
            return chunks.Next()
        generation = row.generation + 1
        count = chunks.lay_out(c, row.no, generation, waiting)
        change(
            c,
            database,
            row,
            Status.IN_PROGRESS,
            failed=row.failed - dropped,
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
        chunks.ask(c, row.no, chunks.SUBMISSION, lanes)
        return chunks.asked(c, row.no, chunks.SUBMISSION)

    return database.write(again)


def end(
    database: Database,
    row: Row,
    retention_s: int,
    cohort: Mapping[str, Any] | None = None,
    error: str | None = None,
) -> None:
    """A batch ends: completed, cancelled, or failed with ``error``; once a generation.

    Whoever is told that it has ended finds no picture that is not needed any more.
    """

    def ended(c: sa.Connection) -> None:
        now = row_of(c, database, row.id, None, locked=True)
        if now.generation != row.generation or now.status in ENDED:
            return
        cancelled = now.status == Status.CANCELLING
        status = Status.CANCELLED if cancelled else Status.COMPLETED
        change(
            c,
            database,
            now,
            Status.FAILED if error is not None else status,
            cohort=None if cohort is None else json.dumps(cohort),
            error=error,
            expires_at=now.now + retention_s,
        )

    # Pictures of a batch that failed are still to be looked at, if it is tried again.
    if error is None:
        _drop_payloads(database, row)
    database.write(ended)


def finalize(database: Database, batch_id: str, generation: int) -> Row | None:
    """A batch whose chunks are done, as it goes to its end; ``None`` if it is not there for it."""

    def finalizing(c: sa.Connection) -> Row | None:
        try:
            row = row_of(c, database, batch_id, None, locked=True)
        except NotFound:
            return None
        if row.generation != generation:
            return None
        if chunks.complete(row) and row.status == Status.IN_PROGRESS:
            change(c, database, row, Status.FINALIZING)
        return row

    return database.write(finalizing)


def _drop_payloads(database: Database, row: Row) -> None:
    """What is left: pictures of items that were skipped. Those that can be tried again stay."""
    mine = payloads.c.batch_no == row.no
    again = sa.exists().where(
        results.c.batch_no == payloads.c.batch_no,
        results.c.seq == payloads.c.seq,
        results.c.retryable,
    )

    def some(c: sa.Connection) -> Sequence[int]:
        now = row_of(c, database, row.id, None, locked=True)
        if now.generation != row.generation or not chunks.complete(now):
            return ()
        of = sa.select(payloads.c.seq).where(mine).limit(500)
        # A batch that was cancelled cannot be tried again.
        seqs = c.scalars(of if now.status == Status.CANCELLING else of.where(~again)).all()
        if seqs:
            c.execute(sa.delete(payloads).where(mine, payloads.c.seq.in_(seqs)))
        return seqs

    while database.write(some):
        pass


def _skip(row: Row) -> sa.Update:
    """Chunks that were asked for and not begun need not be waited for."""
    table = tables.chunks
    return (
        sa.update(table)
        .where(
            table.c.batch_no == row.no,
            table.c.generation == row.generation,
            table.c.asked_by.is_not(None),
            ~table.c.begun,
            ~table.c.done,
        )
        .values(done=True)
    )
