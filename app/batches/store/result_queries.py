"""Results on their way out: a page at a time, or all of them, never many at once in memory."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from app.batches.execution import chunks
from app.batches.store.database import Database
from app.batches.store.row_codec import NO_LLR, result
from app.batches.store.tables import items, pictures, results
from app.errors import InvalidRequest
from app.records import Result

Order = Literal["input", "-llr"]
ROWS: Final = 500


@dataclass(frozen=True)
class Page:
    """Results in the order asked for. ``next_cursor``: where the next page begins, if anywhere.

    ``more``: whether there is something on it already; of a batch at work it may come later.
    """

    results: tuple[Result, ...]
    next_cursor: str | None
    more: bool


@dataclass(frozen=True)
class Wanted:
    """Which results of a batch, and how. ``thumbnails``: whether findings come with theirs.

    ``order``: of the list, or the strongest evidence first and failures last. ``skip``: how many of
    them are left out before the first, where all are read.
    """

    batch_no: int
    order: Order = "input"
    min_llr: float | None = None
    verdict: str | None = None
    thumbnails: bool = True
    skip: int = 0


def page(
    database: Database, wanted: Wanted, after: str | None, limit: int, *, at_work: bool = False
) -> Page:
    """Raises ``InvalidRequest`` for a cursor that was not given out for this order.

    ``at_work``: results are still to come. In the list's order a page then ends before the first
    item that has none, and the cursor holds that place: whoever follows it passes nothing over.
    """
    place = None if after is None else _place(after, wanted.order)
    rows = _rows(database, wanted, place, limit + 1)
    if not at_work or wanted.order != "input":
        cursor = _cursor(rows[limit - 1], wanted.order) if len(rows) > limit else None
        return Page(tuple(map(result, rows[:limit])), cursor, cursor is not None)
    whole = _before_the_gap(database, wanted.batch_no, -1 if place is None else place[1], rows)
    shown = whole[:limit]
    cursor = _cursor(shown[-1], wanted.order) if shown else after
    return Page(tuple(map(result, shown)), cursor, len(whole) > limit)


def picked(database: Database, batch_no: int, seqs: Iterable[int]) -> Iterator[Result]:
    """The results of these items as far as there are any, in order, a few hundred at a time."""
    wanted, every_one = Wanted(batch_no), sorted(set(seqs))
    for first in range(0, len(every_one), ROWS):
        those = results.c.seq.in_(every_one[first : first + ROWS])
        with database.reading() as c:
            rows = c.execute(_select(wanted, (those,), ROWS, 0)).mappings().all()
        yield from map(result, rows)


def every(database: Database, wanted: Wanted) -> Iterator[Result]:
    """All of them; those that come in while this is read may or may not be among them."""
    place: tuple[float, int] | None = None
    skip = wanted.skip
    while rows := _rows(database, wanted, place, ROWS, skip):
        skip = 0
        yield from (result(row) for row in rows)
        place = rows[-1]["rank"], rows[-1]["seq"]


def _rows(
    database: Database,
    wanted: Wanted,
    after: tuple[float, int] | None,
    limit: int,
    skip: int = 0,
) -> list[sa.RowMapping]:
    rows: list[sa.RowMapping] = []
    with database.reading() as c:
        for stretch in _stretches(wanted.order, after):
            of = _select(wanted, stretch, limit - len(rows), skip)
            rows += c.execute(of).mappings()
            if len(rows) == limit:
                break
    return rows


def _before_the_gap(
    database: Database, batch_no: int, after: int, rows: Sequence[sa.RowMapping]
) -> Sequence[sa.RowMapping]:
    """Those of ``rows`` (behind ``after``, in order) before which every item has its result."""
    if not rows:
        return rows
    waiting = chunks.pending(batch_no, after + 1, rows[-1]["seq"]).limit(1)
    with database.reading() as c:
        gap = c.scalar(waiting)
    return rows if gap is None else [row for row in rows if row["seq"] < gap]


def _select(
    wanted: Wanted, stretch: Sequence[sa.ColumnElement[bool]], limit: int, skip: int
) -> sa.Select[Any]:
    """Which first, by the index alone; then what is told of each."""
    which = sa.select(*results.c).where(results.c.batch_no == wanted.batch_no, *stretch)
    if wanted.min_llr is not None:
        which = which.where(results.c.rank >= max(wanted.min_llr, NO_LLR / 2))
    if wanted.verdict is not None:
        which = which.where(results.c.verdict == wanted.verdict)
    one = _in_order(which, results.c, wanted.order).limit(limit).offset(skip).subquery()
    columns = [pictures.c[name] for name in ("outcome", "llr", "finding", "analysis")]
    if wanted.thumbnails:
        columns.append(pictures.c.thumbnail)
    same = sa.and_(pictures.c.batch_no == one.c.batch_no, pictures.c.sha256 == one.c.sha256)
    there = sa.and_(items.c.batch_no == one.c.batch_no, items.c.seq == one.c.seq)
    told = sa.select(
        one.c.seq, one.c.rank, one.c.verdict, one.c.sha256, one.c.failure, items.c.item, *columns
    )
    return _in_order(told.join(items, there).outerjoin(pictures, same), one.c, wanted.order)


def _stretches(
    order: Order, after: tuple[float, int] | None
) -> tuple[tuple[sa.ColumnElement[bool], ...], ...]:
    """What comes after a place, as ranges of an index: first those as strong, then the weaker.

    As one condition it would have every failure of a list looked at again for each page of them.
    """
    seq, rank = results.c.seq, results.c.rank
    if after is None:
        return ((),)
    if order == "input":
        return ((seq > after[1],),)
    return (rank == after[0], seq > after[1]), (rank < after[0],)


def _in_order(
    of: sa.Select[Any], columns: ReadOnlyColumnCollection[str, Any], order: Order
) -> sa.Select[Any]:
    if order == "input":
        return of.order_by(columns.seq)
    return of.order_by(columns.rank.desc(), columns.seq)


def _cursor(row: sa.RowMapping, order: Order) -> str:
    said = json.dumps([order, float(row["rank"]).hex(), row["seq"]])
    return urlsafe_b64encode(said.encode()).decode().rstrip("=")


def _place(cursor: str, order: Order) -> tuple[float, int]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        of, rank, seq = json.loads(urlsafe_b64decode(padded))
        place = float.fromhex(rank), int(seq)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        of, place = None, (0.0, 0)
    if of != order or not 0 <= place[1] < 2**62 or place[0] != place[0]:
        raise InvalidRequest("this cursor was not given out for these results")
    return place
