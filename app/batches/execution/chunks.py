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
AT_WORK: Final = (Status.IN_PROGRESS, Status.CANCELLING)
STRIKES: Final = 2
"""Looks at one picture that ended with the process."""
WEARS_OUT: Final = 8
"""Deaths in a row, without one item done between them, after which a chunk is given up."""


@dataclass(frozen=True)
class Key:
    """One run of a chunk, as workflows are named after it."""

    batch: str
    generation: int
    chunk: int
    part: int

    @property
    def workflow(self) -> str:
        return f"{self.batch}:{self.generation}:{self.chunk}:{self.part}"


@dataclass(frozen=True)
class Begun:
    """What a run has before it: the pictures ``first <= seq < end`` that have no result yet.

    ``careful``: one at a time. ``worn_out``: nothing went forward for too long. ``over``: there is
    nothing left to look at here.
    """

    key: Key
    batch_no: int
    prior: float
    first: int
    end: int
    careful: bool = False
    worn_out: bool = False
    over: bool = False


@dataclass(frozen=True)
class Next:
    """What is to be enqueued now; each name at most once, whoever asks."""

    chunks: tuple[Key, ...] = ()
    final: tuple[str, int, int] | None = None
    """Batch, generation and part of its last workflow, if all chunks are done."""


def size(total: int) -> int:
    """Items in a chunk of a list of ``total``."""
    return min(max(2 * isqrt(total), 32), 1000)


def pending(batch_no: int, first: int = 0, end: int | None = None) -> sa.Select[tuple[int]]:
    """The seqs of a batch that have no result yet, in order."""
    answered = sa.exists().where(results.c.batch_no == batch_no, results.c.seq == items.c.seq)
    within = [items.c.batch_no == batch_no, items.c.seq >= first]
    if end is not None:
        within.append(items.c.seq < end)
    return sa.select(items.c.seq).where(*within, ~answered).order_by(items.c.seq)


def lay_out(c: sa.Connection, batch_no: int, generation: int, waiting: int) -> int:
    """Write the chunks for ``waiting`` items without a result; how many they became."""
    step = size(waiting)
    numbered = pending(batch_no).subquery()
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


def ask(c: sa.Connection, batch_no: int, by: int, lanes: int) -> None:
    """Mark the next chunks as asked for by chunk ``by``; the caller holds the batch's row."""
    row = c.execute(
        sa.select(
            batches.c.generation, batches.c.chunks, batches.c.chunks_asked, batches.c.chunks_done
        ).where(batches.c.no == batch_no)
    ).one()
    asked: int = row.chunks_asked
    more = min(lanes - (asked - row.chunks_done), row.chunks - asked)
    if more <= 0:
        return
    those = _of(batch_no, row.generation, chunks.c.chunk.between(asked, asked + more - 1))
    c.execute(sa.update(chunks).where(those).values(asked_by=by))
    c.execute(sa.update(batches).where(batches.c.no == batch_no).values(chunks_asked=asked + more))


def asked(c: sa.Connection, batch_no: int, by: int) -> Next:
    """What ``by`` has asked for and is not done; the last workflow, if nothing is left."""
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
        return Next()
    open_ones = _of(batch_no, row.generation, chunks.c.asked_by == by, ~chunks.c.done)
    found = c.execute(
        sa.select(chunks.c.chunk, chunks.c.part).where(open_ones).order_by(chunks.c.chunk)
    )
    keys = tuple(Key(row.id, row.generation, each.chunk, each.part) for each in found)
    return Next(keys, (row.id, row.generation, row.final_part) if complete(row) else None)


def complete(row: sa.Row[*tuple[Any, ...]]) -> bool:
    """Whether only the end of a batch is left to do."""
    if row.status == Status.CANCELLING:
        return bool(row.chunks_done == row.chunks_asked)
    return row.status in (Status.IN_PROGRESS, Status.FINALIZING) and row.chunks_done == row.chunks


def begin(database: Database, key: Key) -> Begun | Key | None:
    """Begin a run. Another ``Key``: the chunk has moved on to that one. ``None``: it is gone."""
    return database.write(lambda c: _begin(c, key))


def _begin(c: sa.Connection, key: Key) -> Begun | Key | None:
    of = sa.select(batches.c.no, batches.c.prior, batches.c.status, batches.c.generation)
    batch = c.execute(of.where(batches.c.id == key.batch)).one_or_none()
    if batch is None or batch.generation != key.generation:
        return None
    mine = _of(batch.no, key.generation, chunks.c.chunk == key.chunk)
    row = c.execute(sa.select(chunks).where(mine).with_for_update()).one_or_none()
    if row is None:
        return None
    if row.part != key.part and not row.done:
        return Key(key.batch, key.generation, key.chunk, row.part)
    there = Begun(key, batch.no, batch.prior, row.first, row.end)
    if row.done or batch.status != Status.IN_PROGRESS:
        return replace(there, over=True)
    c.execute(sa.update(chunks).where(mine).values(begun=True, deaths=row.deaths + 1))
    return replace(there, careful=row.deaths > 0, worn_out=row.deaths >= WEARS_OUT)


def look(c: sa.Connection, begun: Begun, seq: int) -> bool:
    """Mark ``seq`` as the one that is being looked at, before it is. ``False``: it is to blame."""
    of = sa.select(chunks.c.looking, chunks.c.strikes).where(_run(begun)).with_for_update()
    row = c.execute(of).one_or_none()
    strikes = row.strikes if row is not None and row.looking == seq else 0
    if strikes >= STRIKES:
        return False
    c.execute(sa.update(chunks).where(_run(begun)).values(looking=seq, strikes=strikes + 1))
    return True


def forward(c: sa.Connection, begun: Begun) -> None:
    """Something was done since the last death; with the results, in one transaction."""
    c.execute(
        sa.update(chunks)
        .where(_run(begun))
        .values(
            looking=None, strikes=0, deaths=sa.case((chunks.c.deaths > 1, 1), else_=chunks.c.deaths)
        )
    )


def leave(c: sa.Connection, begun: Begun) -> None:
    """This run ends in order, and not with the chunk's end."""
    c.execute(sa.update(chunks).where(_run(begun)).values(looking=None, strikes=0, deaths=0))


def turn(c: sa.Connection, begun: Begun) -> Key | None:
    """Go to the end of the queue: the name to be enqueued under; ``None`` if others did it."""
    key = begun.key
    moved = c.execute(
        sa.update(chunks)
        .where(_run(begun), chunks.c.part == key.part, ~chunks.c.done)
        .values(part=key.part + 1, deaths=0, looking=None, strikes=0)
    )
    return Key(key.batch, key.generation, key.chunk, key.part + 1) if moved.rowcount else None


def finish(c: sa.Connection, begun: Begun, lanes: int) -> Next:
    """The chunk is done, once; what it asks for, every time."""
    key = begun.key
    found = c.execute(
        sa.select(batches.c.status, batches.c.generation)
        .where(batches.c.no == begun.batch_no)
        .with_for_update()
    ).one_or_none()
    if found is None or found.generation != key.generation:
        return Next()
    ended = c.execute(
        sa.update(chunks)
        .where(_run(begun), ~chunks.c.done)
        .values(done=True, deaths=0, looking=None, strikes=0)
    )
    if ended.rowcount:
        c.execute(
            sa.update(batches)
            .where(batches.c.no == begun.batch_no)
            .values(chunks_done=batches.c.chunks_done + 1)
        )
        if found.status == Status.IN_PROGRESS:
            ask(c, begun.batch_no, key.chunk, lanes)
    return asked(c, begun.batch_no, key.chunk)


def _of(batch_no: int, generation: int, *more: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return sa.and_(chunks.c.batch_no == batch_no, chunks.c.generation == generation, *more)


def _run(begun: Begun) -> sa.ColumnElement[bool]:
    return _of(begun.batch_no, begun.key.generation, chunks.c.chunk == begun.key.chunk)
