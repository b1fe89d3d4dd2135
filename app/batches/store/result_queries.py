"""Reads results: a page at a time, or all of them, never many at once in memory."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from app.batches.execution import chunks
from app.batches.store.database import Database, count_fitting
from app.batches.store.row_codec import FAILURE_RANK, decode_eyes, decode_result
from app.batches.store.tables import decisions, items, pictures, results
from app.errors import InvalidRequest
from app.records import ItemResult

Order = Literal["input", "-llr"]
PAGE_ROWS: Final = 500
PAGE_BYTES: Final = 4 * 2**20
"""Rows that are read at once, and what the list's own rows among them may hold together."""
FIRST_PAGE_ROWS: Final = 50
"""Then twice as many as the page before had: to weigh a row costs as much as to read it."""
EYES_PAGE_ROWS: Final = 2_000
"""Rows of a few hundred bytes."""


@dataclass(frozen=True)
class ResultPage:
    """Results in the order asked for, without the cells of their rows.

    ``next_cursor``: where the next page begins, if anywhere.
    ``more``: whether there is something on it already; while a batch is in progress it may come.
    """

    results: tuple[ItemResult, ...]
    next_cursor: str | None
    more: bool


@dataclass(frozen=True)
class ResultQuery:
    """Which results of a batch, and how.

    ``thumbnails``, ``analyses``: whether to read them; both are most of what there is to read.
    ``order``: of the list, or the strongest evidence first and failures last. ``skip``: how many of
    them are left out before the first, where all are read.
    """

    batch_no: int
    order: Order = "input"
    min_llr: float | None = None
    verdict: str | None = None
    thumbnails: bool = True
    skip: int = 0
    analyses: bool = True
    excluded_verdict: str | None = None


def read_page(
    database: Database,
    query: ResultQuery,
    after: str | None,
    limit: int,
    *,
    in_progress: bool = False,
) -> ResultPage:
    """Raises ``InvalidRequest`` for a cursor that was not given out for this order.

    ``in_progress``: results are still to come. In the list's order a page then ends before the
    first item that has none, and the cursor holds that place: whoever follows it passes nothing
    over.
    """
    position = None if after is None else _decode_cursor(after, query.order)
    rows = _read_slim_rows(database, query, position, limit + 1)
    if not in_progress or query.order != "input":
        cursor = _encode_cursor(rows[limit - 1], query.order) if len(rows) > limit else None
        results_read = tuple(row.result for row in rows[:limit])
        return ResultPage(results_read, cursor, cursor is not None)
    contiguous = _contiguous_rows(
        database, query.batch_no, -1 if position is None else position[1], rows
    )
    page_rows = contiguous[:limit]
    cursor = _encode_cursor(page_rows[-1], query.order) if page_rows else after
    return ResultPage(tuple(row.result for row in page_rows), cursor, len(contiguous) > limit)


def iter_selected(database: Database, batch_no: int, seqs: Iterable[int]) -> Iterator[ItemResult]:
    """The results of these items as far as there are any, in order, a few hundred at a time."""
    query, ordered_seqs = ResultQuery(batch_no), sorted(set(seqs))
    limit = FIRST_PAGE_ROWS
    while ordered_seqs:
        wanted = ordered_seqs[:limit]
        rows = _read_portion(database, query, ((results.c.seq.in_(wanted),),), limit, 0)
        limit = min(2 * max(len(rows), FIRST_PAGE_ROWS), PAGE_ROWS)
        yield from map(decode_result, rows)
        last = rows[-1]["seq"] if rows else wanted[-1]
        ordered_seqs = [seq for seq in ordered_seqs if seq > last]


def iter_results(database: Database, query: ResultQuery) -> Iterator[ItemResult]:
    """All of them; those that come in while this is read may or may not be among them."""
    position: tuple[float, int] | None = None
    skip, limit = query.skip, FIRST_PAGE_ROWS
    while rows := _read_portion(database, query, _index_ranges(query.order, position), limit, skip):
        skip, limit = 0, min(2 * len(rows), PAGE_ROWS)
        yield from (decode_result(row) for row in rows)
        position = rows[-1]["rank"], rows[-1]["seq"]


def iter_eyes(
    database: Database, batch_no: int
) -> Iterator[tuple[tuple[float, float, float, float], str]]:
    """Eyes of each item with a face, and its verdict, in the list's order; nothing else is read."""
    same_picture = sa.and_(
        pictures.c.batch_no == results.c.batch_no, pictures.c.sha256 == results.c.sha256
    )
    last_seq = -1
    while True:
        statement = (
            sa.select(results.c.seq, results.c.verdict, pictures.c.finding)
            .join(pictures, same_picture)
            .where(results.c.batch_no == batch_no, results.c.seq > last_seq)
            .order_by(results.c.seq)
            .limit(EYES_PAGE_ROWS)
        )
        with database.reading() as c:
            rows = c.execute(statement).all()
        if not rows:
            return
        for _, verdict, finding in rows:
            if (eyes := decode_eyes(finding)) is not None:
                yield eyes, verdict
        last_seq = rows[-1].seq


def read_an_analysis(database: Database, batch_no: int) -> bytes | None:
    """The analysis of one of a batch's pictures, as it was kept."""
    statement = sa.select(pictures.c.analysis).where(pictures.c.batch_no == batch_no).limit(1)
    with database.reading() as c:
        analysis = c.scalar(statement)
    return None if analysis is None else bytes(analysis)


def count_retryable(database: Database, batch_no: int) -> int:
    """How many items of a batch failed and may succeed."""
    statement = sa.select(sa.func.count()).where(
        results.c.batch_no == batch_no, results.c.retryable
    )
    with database.reading() as c:
        return int(c.scalar(statement) or 0)


class _SlimRow(NamedTuple):
    """A result and its place in the order."""

    rank: float
    seq: int
    result: ItemResult


def _read_slim_rows(
    database: Database, query: ResultQuery, position: tuple[float, int] | None, limit: int
) -> list[_SlimRow]:
    """The next ``limit`` results, without the cells of their rows."""
    slim_rows: list[_SlimRow] = []
    page_limit = FIRST_PAGE_ROWS
    while len(slim_rows) < limit:
        wanted = min(limit - len(slim_rows), page_limit)
        rows = _read_portion(database, query, _index_ranges(query.order, position), wanted, 0)
        if not rows:
            break
        slim_rows += [
            _SlimRow(row["rank"], row["seq"], decode_result(row, cells_too=False)) for row in rows
        ]
        position = rows[-1]["rank"], rows[-1]["seq"]
        page_limit = min(2 * len(rows), PAGE_ROWS)
    return slim_rows


def _read_portion(
    database: Database,
    query: ResultQuery,
    index_ranges: Iterable[Sequence[sa.ColumnElement[bool]]],
    limit: int,
    skip: int,
) -> Sequence[sa.RowMapping]:
    """The first rows of the first range that has any: ``limit``, or as many as ``PAGE_BYTES``."""
    with database.reading() as c:
        for index_range in index_ranges:
            selected = _select_keys(query, index_range, limit, skip)
            sizes = c.scalars(_select_sizes(database, query, selected))
            if count := count_fitting(sizes, PAGE_BYTES):
                keys = _select_keys(query, index_range, count, skip)
                return c.execute(_select_results(query, keys)).mappings().all()
    return ()


def _contiguous_rows(
    database: Database, batch_no: int, after: int, rows: Sequence[_SlimRow]
) -> Sequence[_SlimRow]:
    """Those of ``rows`` (behind ``after``, in order) before which every item has its result."""
    if not rows:
        return rows
    waiting = chunks.select_pending(batch_no, after + 1, rows[-1].seq).limit(1)
    with database.reading() as c:
        gap = c.scalar(waiting)
    return rows if gap is None else [row for row in rows if row.seq < gap]


def _select_keys(
    query: ResultQuery, index_range: Sequence[sa.ColumnElement[bool]], limit: int, skip: int
) -> sa.Subquery:
    """Rows of ``results``, found by the index alone."""
    matching = sa.select(*results.c).where(results.c.batch_no == query.batch_no, *index_range)
    if query.min_llr is not None:
        matching = matching.where(results.c.rank >= max(query.min_llr, FAILURE_RANK / 2))
    if query.verdict is not None:
        matching = matching.where(results.c.verdict == query.verdict)
    if query.excluded_verdict is not None:
        others = results.c.verdict != query.excluded_verdict
        matching = matching.where(sa.or_(results.c.verdict.is_(None), others))
    return _order_by(matching, results.c, query.order).limit(limit).offset(skip).subquery()


def _select_sizes(database: Database, query: ResultQuery, selected: sa.Subquery) -> sa.Select[int]:
    """What the list's own rows hold, in the order of the results."""
    statement = sa.select(database.text_bytes(items.c.item)).join(
        selected, _is_row_of(selected, items)
    )
    return _order_by(statement, selected.c, query.order)


def _select_results(query: ResultQuery, selected: sa.Subquery) -> sa.Select[Any]:
    columns = [pictures.c[name] for name in ("outcome", "llr", "finding")]
    if query.analyses:
        columns.append(pictures.c.analysis)
    columns += [decisions.c[name] for name in ("choice", "decided_by", "decided_at", "note")]
    if query.thumbnails:
        columns.append(pictures.c.thumbnail)
    picture_join = sa.and_(
        pictures.c.batch_no == selected.c.batch_no, pictures.c.sha256 == selected.c.sha256
    )
    statement = sa.select(
        selected.c.seq,
        selected.c.rank,
        selected.c.verdict,
        selected.c.sha256,
        selected.c.failure,
        items.c.item,
        *columns,
    )
    joined = (
        statement.join(items, _is_row_of(selected, items))
        .outerjoin(pictures, picture_join)
        .outerjoin(decisions, _is_row_of(selected, decisions))
    )
    return _order_by(joined, selected.c, query.order)


def _is_row_of(selected: sa.Subquery, table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.batch_no == selected.c.batch_no, table.c.seq == selected.c.seq)


def _index_ranges(
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


def _order_by(
    statement: sa.Select[Any], columns: ReadOnlyColumnCollection[str, Any], order: Order
) -> sa.Select[Any]:
    if order == "input":
        return statement.order_by(columns.seq)
    return statement.order_by(columns.rank.desc(), columns.seq)


def _encode_cursor(row: _SlimRow, order: Order) -> str:
    text = json.dumps([order, float(row.rank).hex(), row.seq])
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode_cursor(cursor: str, order: Order) -> tuple[float, int]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        cursor_order, rank, seq = json.loads(urlsafe_b64decode(padded))
        position = float.fromhex(rank), int(seq)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        cursor_order, position = None, (0.0, 0)
    if cursor_order != order or not 0 <= position[1] < 2**62 or position[0] != position[0]:
        raise InvalidRequest("this cursor was not given out for these results")
    return position
