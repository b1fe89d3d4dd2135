"""Chunks: the ranges of a list that are analyzed together, from their creation to their end.

A batch has only a few chunks on the queue at a time: owners share them, and the lists of an owner
share his; each that is done enqueues the next one in the same transaction. So the batches take
turns, the queue stays short, and a chunk that is run again after a crash finds that it is done.

A chunk counts its runs that ended with their process. From the second one on its pictures are
analyzed one at a time, each marked before; a picture with two analyses begun and none ended is
taken for the cause. A crash during another chunk's picture does not count here.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from math import isqrt
from typing import Any, Final, Protocol

import sqlalchemy as sa

from app.batches.kept_bytes import read_kept_bytes
from app.batches.store.database import Database
from app.batches.store.models import Status
from app.batches.store.tables import batches, chunks, items, results

ACTIVE_STATUSES: Final = (Status.IN_PROGRESS, Status.CANCELLING)
MAX_CRASH_SUSPICIONS: Final = 2
"""Analyses of one picture that ended with the process."""
HEAD_START_ITEMS: Final = 100
"""Waiting items from which on a list has no head start on the queue."""
MAX_CRASHES: Final = 8
"""Crashes in a row, without one item done between them, after which a chunk is given up."""


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
    """What a run has to do: the pictures ``first <= seq < end`` that have no result yet.

    ``base_rate``: as in ``BatchRequest``. ``isolate``: one at a time. ``exhausted``: too many
    crashes without progress. ``is_over_quota``: its owner keeps all that he may. ``finished``:
    nothing is left to analyze.
    """

    key: ChunkKey
    batch_no: int
    prior: float
    base_rate: float | None
    owner: str
    first: int
    end: int
    isolate: bool = False
    exhausted: bool = False
    is_over_quota: bool = False
    finished: bool = False


class ChunkQueue(Protocol):
    """Enqueues in the caller's transaction; each id once, however often it is called."""

    def enqueue_chunk(
        self, c: sa.Connection, key: ChunkKey, owner: str, waiting_items: int
    ) -> None: ...

    def enqueue_final(
        self, c: sa.Connection, batch_id: str, generation: int, part: int, owner: str
    ) -> None: ...


def chunk_size(total: int) -> int:
    """Items in a chunk of a list of ``total``."""
    return min(max(2 * isqrt(total), 32), 1000)


def select_pending(batch_no: int, first: int = 0, end: int | None = None) -> sa.Select[int]:
    """The seqs of a batch that have no result yet, in order."""
    answered = sa.exists().where(results.c.batch_no == batch_no, results.c.seq == items.c.seq)
    conditions = [items.c.batch_no == batch_no, items.c.seq >= first]
    if end is not None:
        conditions.append(items.c.seq < end)
    return sa.select(items.c.seq).where(*conditions, ~answered).order_by(items.c.seq)


def create_chunks(c: sa.Connection, batch_no: int, generation: int, waiting: int) -> int:
    """Write the chunks for ``waiting`` items without a result; how many they became."""
    if c.dialect.name == "postgresql":
        # Ten million rows take longer than a request's statement may.
        c.execute(sa.text("SET LOCAL statement_timeout = 0"))
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


def enqueue_next(
    c: sa.Connection, queue: ChunkQueue, batch_no: int, max_active_chunks: int
) -> None:
    """Enqueue what comes next: chunks, or the batch's end; the caller holds the batch's row.

    ``max_active_chunks``: shared as ``share_of_list`` does.
    """
    row = c.execute(sa.select(batches).where(batches.c.no == batch_no)).one()
    if is_complete(row):
        queue.enqueue_final(c, row.id, row.generation, row.final_part, row.owner)
    if row.status != Status.IN_PROGRESS:
        return
    owners, lists = c.execute(
        sa.select(
            sa.func.count(batches.c.owner.distinct()),
            sa.func.sum(sa.case((batches.c.owner == row.owner, 1), else_=0)),
        ).where(batches.c.status == Status.IN_PROGRESS)
    ).one()
    share = share_of_list(max_active_chunks, owners, lists)
    first: int = row.chunks_asked
    count = min(share - (first - row.chunks_done), row.chunks - first)
    if count <= 0:
        return
    waiting_items = row.total - row.completed - row.failed
    for chunk in range(first, first + count):
        key = ChunkKey(row.id, row.generation, chunk, 0)
        queue.enqueue_chunk(c, key, row.owner, waiting_items)
    c.execute(sa.update(batches).where(batches.c.no == batch_no).values(chunks_asked=first + count))


def share_of_list(chunks: int, owners: int, lists: int) -> int:
    """How many of ``chunks`` a list may have on the queue: an equal part of its owner's equal part.

    ``lists``: of its owner. One at least.
    """
    return max(1, chunks // owners // lists)


def is_complete(row: sa.Row[*tuple[Any, ...]]) -> bool:
    """Whether only the end of a batch is left to do."""
    if row.status == Status.CANCELLING:
        return bool(row.chunks_done == row.chunks_asked)
    return row.status in (Status.IN_PROGRESS, Status.FINALIZING) and row.chunks_done == row.chunks


def begin_run(
    database: Database, key: ChunkKey, max_kept_bytes: int = sys.maxsize
) -> ChunkRun | None:
    """Begin a run. ``None``: the chunk is gone, or has another run by now.

    ``max_kept_bytes``: of an owner.
    """
    return database.write(lambda c: _begin_run(c, key, max_kept_bytes))


def _begin_run(c: sa.Connection, key: ChunkKey, max_kept_bytes: int) -> ChunkRun | None:
    columns = ("no", "prior", "base_rate", "status", "generation", "owner")
    statement = sa.select(*(batches.c[name] for name in columns))
    batch = c.execute(statement.where(batches.c.id == key.batch_id)).one_or_none()
    if batch is None or batch.generation != key.generation:
        return None
    this_chunk = _chunk_filter(batch.no, key.generation, chunks.c.chunk == key.chunk)
    row = c.execute(sa.select(chunks).where(this_chunk).with_for_update()).one_or_none()
    if row is None or (row.part != key.part and not row.done):
        return None
    run = ChunkRun(key, batch.no, batch.prior, batch.base_rate, batch.owner, row.first, row.end)
    if row.done or batch.status != Status.IN_PROGRESS:
        return replace(run, finished=True)
    c.execute(sa.update(chunks).where(this_chunk).values(begun=True, deaths=row.deaths + 1))
    return replace(
        run,
        isolate=row.deaths > 0,
        exhausted=row.deaths >= MAX_CRASHES,
        is_over_quota=read_kept_bytes(c, run.owner) >= max_kept_bytes,
    )


def mark_analyzing(c: sa.Connection, run: ChunkRun, seq: int) -> bool:
    """Mark ``seq`` before it is analyzed. ``False``: it crashed the process twice."""
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
    """Something was done since the last crash; in one transaction with the results."""
    c.execute(
        sa.update(chunks)
        .where(_run_filter(run))
        .values(
            looking=None, strikes=0, deaths=sa.case((chunks.c.deaths > 1, 1), else_=chunks.c.deaths)
        )
    )


def release_run(c: sa.Connection, run: ChunkRun) -> None:
    """This run ends in order, and the chunk is not done."""
    c.execute(sa.update(chunks).where(_run_filter(run)).values(looking=None, strikes=0, deaths=0))


def requeue(c: sa.Connection, queue: ChunkQueue, run: ChunkRun) -> None:
    """Enqueue the rest of the chunk, once, as its next part."""
    key = run.key
    updated = c.execute(
        sa.update(chunks)
        .where(_run_filter(run), chunks.c.part == key.part, ~chunks.c.done)
        .values(part=key.part + 1, deaths=0, looking=None, strikes=0)
    )
    if updated.rowcount:
        queue.enqueue_chunk(c, replace(key, part=key.part + 1), run.owner, HEAD_START_ITEMS)


def finish(c: sa.Connection, queue: ChunkQueue, run: ChunkRun, max_active_chunks: int) -> None:
    """The chunk is done: count it, once, and enqueue what follows."""
    key = run.key
    batch = c.execute(
        sa.select(batches.c.generation).where(batches.c.no == run.batch_no).with_for_update()
    ).one_or_none()
    if batch is None or batch.generation != key.generation:
        return
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
        enqueue_next(c, queue, run.batch_no, max_active_chunks)


def _chunk_filter(
    batch_no: int, generation: int, *more: sa.ColumnElement[bool]
) -> sa.ColumnElement[bool]:
    return sa.and_(chunks.c.batch_no == batch_no, chunks.c.generation == generation, *more)


def _run_filter(run: ChunkRun) -> sa.ColumnElement[bool]:
    return _chunk_filter(run.batch_no, run.key.generation, chunks.c.chunk == run.key.chunk)
