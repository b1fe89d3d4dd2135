"""The ranges a list is worked in: laid out, handed out a few at a time, begun, left, done.

A batch has only a few chunks asked for at a time; each that is done asks for the next. So the
batches take turns on the one queue, and the queue stays short. Which chunk asked for which is
kept: a chunk that is run again after a death asks for the very same ones again, under the same
names, and nothing is asked for twice.

A chunk counts the times it was begun and never left in order. From the second time on its pictures
are looked at one at a time, each marked before; one at which two looks were begun and none ended is
to blame. A death with somebody else's picture on the bench counts against nobody here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isqrt
from typing import Any, Final

import sqlalchemy as sa

from app.batches.store.database import Database
from app.batches.store.models import Status
from app.batches.store.tables import batches, chunks, items, results

SUBMISSION: Final = -1
"""Asks for a batch's first chunks."""
ACTIVE_STATUSES: Final = (Status.IN_PROGRESS, Status.CANCELLING)
MAX_CRASH_SUSPICIONS: Final = 2
"""Looks at one picture that ended with the process."""
MAX_CRASHES: Final = 8
"""Deaths in a row, without one item done between them, after which a chunk is given up."""


@dataclass(frozen=True)
class ChunkKey:
    """One run of a chunk, as workflows are named after it."""

    batch_id: str
    generation: int
    chunk: int
    part: int

    @property
    def workflow_id(self) -> str:
        return f"{self.batch_id}:{self.generation}:{self.chunk}:{self.part}"


@dataclass(frozen=True)
class ChunkRun:
    """What a run has before it: the pictures ``first <= seq < end`` that have no result yet.

    ``isolate``: one at a time. ``exhausted``: nothing went forward for too long. ``finished``:
    there is nothing left to look at here.
    """

    key: ChunkKey
    batch_no: int
    prior: float
    first: int
    end: int
    isolate: bool = False
    exhausted: bool = False
    finished: bool = False


@dataclass(frozen=True)
class FollowUp:
    """What is to be enqueued now; each name at most once, whoever asks."""

    chunks: tuple[ChunkKey, ...] = ()
    final: tuple[str, int, int] | None = None
    """Batch, generation and part of its last workflow, if all chunks are done."""


def chunk_size(total: int) -> int:
    """Items in a chunk of a list of ``total``."""
    return min(max(2 * isqrt(total), 32), 1000)


def select_pending(batch_no: int, first: int = 0, end: int | None = None) -> sa.Select[tuple[int]]:
    """The seqs of a batch that have no result yet, in order."""
    answered = sa.exists().where(results.c.batch_no == batch_no, results.c.seq == items.c.seq)
    conditions = [items.c.batch_no == batch_no, items.c.seq >= first]
    if end is not None:
        conditions.append(items.c.seq < end)
    return sa.select(items.c.seq).where(*conditions, ~answered).order_by(items.c.seq)


def create_chunks(c: sa.Connection, batch_no: int, generation: int, waiting: int) -> int:
    """Write the chunks for ``waiting`` items without a result; how many they became."""
    step = chunk_size(waiting)
    numbered = select_pending(batch_no).subquery()
    count = (sa.func.row_number().over(order_by=numbered.c.seq) - 1).label("count")
    ranked = sa.select(numbered.c.seq, count).subquery()
    starts = sa.select(ranked.c.seq).where(ranked.c.count % step == 0).order_by(ranked.c.seq)
    firsts = list(c.scalars(starts))
    if not firsts:
        return 0
    last = c.scalar(sa.select(sa.func.max(items.c.seq)).where(items.c.batch_no == batch_no))
    ends = [*firsts[1:], (last or 0) + 1]
    rows = [
        {"batch_no": batch_no, "generation": generation, "chunk": k, "first": first, "end": end}
        for k, (first, end) in enumerate(zip(firsts, ends, strict=True))
    ]
    c.execute(sa.insert(chunks), rows)
    return len(rows)


def request_chunks(
    c: sa.Connection, batch_no: int, requested_by: int, max_active_chunks: int
) -> None:
    """Mark the next chunks as asked for by ``requested_by``; the caller holds the batch's row."""
    row = c.execute(
        sa.select(
            batches.c.generation, batches.c.chunks, batches.c.chunks_asked, batches.c.chunks_done
        ).where(batches.c.no == batch_no)
    ).one()
    requested: int = row.chunks_asked
    count = min(max_active_chunks - (requested - row.chunks_done), row.chunks - requested)
    if count <= 0:
        return
    next_chunks = _chunk_filter(
        batch_no, row.generation, chunks.c.chunk.between(requested, requested + count - 1)
    )
    c.execute(sa.update(chunks).where(next_chunks).values(asked_by=requested_by))
    c.execute(
        sa.update(batches).where(batches.c.no == batch_no).values(chunks_asked=requested + count)
    )


def read_requested(c: sa.Connection, batch_no: int, requested_by: int) -> FollowUp:
    """What ``requested_by`` asked for and is not done; the last workflow, if nothing is left."""
    row = c.execute(
        sa.select(
            batches.c.id,
            batches.c.generation,
            batches.c.status,
            batches.c.chunks,
            batches.c.chunks_asked,
            batches.c.chunks_done,
            batches.c.final_part,
        ).where(batches.c.no == batch_no)
    ).one_or_none()
    if row is None:
        return FollowUp()
    open_chunks = _chunk_filter(
        batch_no, row.generation, chunks.c.asked_by == requested_by, ~chunks.c.done
    )
    rows = c.execute(
        sa.select(chunks.c.chunk, chunks.c.part).where(open_chunks).order_by(chunks.c.chunk)
    )
    keys = tuple(ChunkKey(row.id, row.generation, each.chunk, each.part) for each in rows)
    return FollowUp(keys, (row.id, row.generation, row.final_part) if is_complete(row) else None)


def is_complete(row: sa.Row[*tuple[Any, ...]]) -> bool:
    """Whether only the end of a batch is left to do."""
    if row.status == Status.CANCELLING:
        return bool(row.chunks_done == row.chunks_asked)
    return row.status in (Status.IN_PROGRESS, Status.FINALIZING) and row.chunks_done == row.chunks


def begin_run(database: Database, key: ChunkKey) -> ChunkRun | ChunkKey | None:
    """Begin a run. Another ``ChunkKey``: the chunk moved on to that one. ``None``: it is gone."""
    return database.write(lambda c: _begin_run(c, key))


def _begin_run(c: sa.Connection, key: ChunkKey) -> ChunkRun | ChunkKey | None:
    statement = sa.select(batches.c.no, batches.c.prior, batches.c.status, batches.c.generation)
    batch = c.execute(statement.where(batches.c.id == key.batch_id)).one_or_none()
    if batch is None or batch.generation != key.generation:
        return None
    this_chunk = _chunk_filter(batch.no, key.generation, chunks.c.chunk == key.chunk)
    row = c.execute(sa.select(chunks).where(this_chunk).with_for_update()).one_or_none()
    if row is None:
        return None
    if row.part != key.part and not row.done:
        return ChunkKey(key.batch_id, key.generation, key.chunk, row.part)
    run = ChunkRun(key, batch.no, batch.prior, row.first, row.end)
    if row.done or batch.status != Status.IN_PROGRESS:
        return replace(run, finished=True)
    c.execute(sa.update(chunks).where(this_chunk).values(begun=True, deaths=row.deaths + 1))
    return replace(run, isolate=row.deaths > 0, exhausted=row.deaths >= MAX_CRASHES)


def mark_analyzing(c: sa.Connection, run: ChunkRun, seq: int) -> bool:
    """Mark ``seq`` as the one that is being looked at, before it is. ``False``: it is to blame."""
    statement = (
        sa.select(chunks.c.looking, chunks.c.strikes).where(_run_filter(run)).with_for_update()
    )
    row = c.execute(statement).one_or_none()
    suspicions = row.strikes if row is not None and row.looking == seq else 0
    if suspicions >= MAX_CRASH_SUSPICIONS:
        return False
    c.execute(sa.update(chunks).where(_run_filter(run)).values(looking=seq, strikes=suspicions + 1))
    return True


def record_progress(c: sa.Connection, run: ChunkRun) -> None:
    """Something was done since the last death; with the results, in one transaction."""
    c.execute(
        sa.update(chunks)
        .where(_run_filter(run))
        .values(
            looking=None, strikes=0, deaths=sa.case((chunks.c.deaths > 1, 1), else_=chunks.c.deaths)
        )
    )


def release_run(c: sa.Connection, run: ChunkRun) -> None:
    """This run ends in order, and not with the chunk's end."""
    c.execute(sa.update(chunks).where(_run_filter(run)).values(looking=None, strikes=0, deaths=0))


def requeue(c: sa.Connection, run: ChunkRun) -> ChunkKey | None:
    """Go to the end of the queue: the name to be enqueued under; ``None`` if others did it."""
    key = run.key
    updated = c.execute(
        sa.update(chunks)
        .where(_run_filter(run), chunks.c.part == key.part, ~chunks.c.done)
        .values(part=key.part + 1, deaths=0, looking=None, strikes=0)
    )
    return (
        ChunkKey(key.batch_id, key.generation, key.chunk, key.part + 1)
        if updated.rowcount
        else None
    )


def finish(c: sa.Connection, run: ChunkRun, max_active_chunks: int) -> FollowUp:
    """The chunk is done, once; what it asks for, every time."""
    key = run.key
    batch = c.execute(
        sa.select(batches.c.status, batches.c.generation)
        .where(batches.c.no == run.batch_no)
        .with_for_update()
    ).one_or_none()
    if batch is None or batch.generation != key.generation:
        return FollowUp()
    updated = c.execute(
        sa.update(chunks)
        .where(_run_filter(run), ~chunks.c.done)
        .values(done=True, deaths=0, looking=None, strikes=0)
    )
    if updated.rowcount:
        c.execute(
            sa.update(batches)
            .where(batches.c.no == run.batch_no)
            .values(chunks_done=batches.c.chunks_done + 1)
        )
        if batch.status == Status.IN_PROGRESS:
            request_chunks(c, run.batch_no, key.chunk, max_active_chunks)
    return read_requested(c, run.batch_no, key.chunk)


def _chunk_filter(
    batch_no: int, generation: int, *more: sa.ColumnElement[bool]
) -> sa.ColumnElement[bool]:
    return sa.and_(chunks.c.batch_no == batch_no, chunks.c.generation == generation, *more)


def _run_filter(run: ChunkRun) -> sa.ColumnElement[bool]:
    return _chunk_filter(run.batch_no, run.key.generation, chunks.c.chunk == run.key.chunk)
