"""Submission of a list: streamed into the database, a few megabytes at a time."""

from __future__ import annotations

import itertools
import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.batches.disk import Disk
from app.batches.execution import chunks
from app.batches.execution.heartbeat import read_live_executors
from app.batches.kept_bytes import read_kept_bytes
from app.batches.store import deletion
from app.batches.store.database import Database
from app.batches.store.models import ENDED_STATUSES, Batch, BatchRequest, Status
from app.batches.store.own_edges import insert_part, pack_edges
from app.batches.store.queries import BatchRow, batch_from_row, is_expired, select_current
from app.batches.store.result_store import result_row
from app.batches.store.row_codec import encode_item
from app.batches.store.tables import batches, items, payloads, results
from app.errors import Busy, IdempotencyKeyReused, QuotaExceeded, RetryLater
from app.records import Failure, Item, OwnEdge

INSERT_ROWS: Final = 5_000
INSERT_BYTES: Final = 8 * 2**20
"""Rows, or bytes of rows and pictures, of one transaction; others get in between."""
RETRY_MIN_S: Final = 5
RETRY_MAX_S: Final = 600
RETRY_KEPT_S: Final = 3600
VALIDATION_WAIT_S: Final = 10.0
"""How long to wait for an earlier list with the same key that is still being read."""


@dataclass(frozen=True)
class SubmissionContext:
    """What a submission needs. ``max_active_chunks``: chunks of a batch enqueued at once.

    ``requests``: the database for a caller who waits. ``delete_later``: called with the number of a
    batch that could not be deleted at once.
    """

    database: Database
    requests: Database
    queue: chunks.ChunkQueue
    submitter: str
    max_waiting: int
    max_kept_bytes: int
    max_active_chunks: int
    delete_later: Callable[[int], None]
    disk: Disk


@dataclass(frozen=True)
class _EncodedRow:
    """A row as it is stored; its cells are held once, as text."""

    seq: int
    item: str
    payload: bytes | None
    failure: Failure | None
    edges: tuple[OwnEdge, ...]

    @property
    def size_bytes(self) -> int:
        return len(self.item) + len(self.payload or b"")


def submit(
    context: SubmissionContext, request: BatchRequest, rows: Iterable[Item]
) -> tuple[Batch, bool]:
    """The batch that ``rows`` became, and whether it was there already.

    Raises ``IdempotencyKeyReused``, ``Busy``, ``DatabaseUnavailable``, ``StorageFull``, and
    whatever reading the rows raises; then nothing is kept. Nothing is read after the commit: what
    was accepted is answered so.
    """
    batch_id = f"batch_{secrets.token_hex(12)}"
    while True:
        if (existing := _find_replayed(context, request)) is not None:
            return existing, True
        check_intake(context, request.owner)
        try:
            batch_no = context.requests.write(
                lambda c: _insert_batch(c, context, batch_id, request)
            )
        except IntegrityError:
            continue  # another list came with the same key meanwhile
        break
    try:
        parts = itertools.count()
        _insert_items(context, batch_no, request.owner, rows, parts)
        _insert_edges(context, batch_no, request.owner, request.edges, parts)
        notes = json.dumps(list(request.notes))  # complete only now
        batch = context.requests.write(lambda c: _start_batch(c, context, batch_no, notes))
    except BaseException:
        _give_up(context, batch_no)
        raise
    return batch, False


def _give_up(context: SubmissionContext, batch_no: int) -> None:
    try:
        deletion.mark_deleted(context.requests, batch_no)
        deletion.delete_rows(context.requests, batch_no)
    except RetryLater:
        context.delete_later(batch_no)


def _insert_batch(
    c: sa.Connection, context: SubmissionContext, batch_id: str, request: BatchRequest
) -> int:
    now = c.scalar(sa.select(context.database.now))
    row = {
        "id": batch_id,
        "owner": request.owner,
        "idempotency_key": request.idempotency_key,
        "body_sha256": request.body_sha256,
        "prior": request.prior,
        "base_rate": request.base_rate,
        "webhook_url": request.webhook_url,
        "flagged_threshold": request.flagged_threshold,
        "metadata": json.dumps(dict(request.metadata)),
        "list_format": request.list_format,
        "columns": json.dumps(request.columns),
        "title": request.title,
        "status": Status.VALIDATING,
        "reached": json.dumps({Status.VALIDATING: now}),
        "changed_at": now,
        "submitter": context.submitter,
    }
    batch_no = c.execute(sa.insert(batches).values(**row).returning(batches.c.no)).scalar_one()
    return int(batch_no)


def _find_replayed(context: SubmissionContext, request: BatchRequest) -> Batch | None:
    """The batch that was submitted with this key before; ``None`` if there is none any more.

    Waits for one that is still being read, since that may yet fail. Raises ``IdempotencyKeyReused``
    and ``Busy``.
    """
    statement = sa.select(batches, context.database.now.label("now")).where(
        batches.c.owner == request.owner, batches.c.idempotency_key == request.idempotency_key
    )
    deadline = time.monotonic() + VALIDATION_WAIT_S
    while request.idempotency_key is not None:
        with context.requests.reading() as c:
            row = c.execute(statement).one_or_none()
        if row is None:
            return None
        if _is_abandoned(context, row):
            _delete_batch(context, row)
            continue
        if row.body_sha256 != request.body_sha256:
            raise IdempotencyKeyReused(
                "use another idempotency key, or resend the original list unchanged"
            )
        if row.status != Status.VALIDATING:
            return batch_from_row(row)
        if time.monotonic() > deadline:
            raise Busy("the list with this key is still being read: ask again", RETRY_MIN_S)
        time.sleep(0.1)
    return None


def _is_abandoned(context: SubmissionContext, row: BatchRow) -> bool:
    """Whether a batch has expired, or the process that read the list died before its end."""
    if row.status != Status.VALIDATING:
        return is_expired(row)
    live_ids = read_live_executors(context.database).including(context.database, context.submitter)
    return row.submitter not in live_ids


def _delete_batch(context: SubmissionContext, row: BatchRow) -> None:
    # Unless it went on meanwhile. Maintenance deletes its rows.
    unchanged = batches.c.status == row.status, batches.c.generation == row.generation
    deletion.mark_deleted(context.requests, row.no, *unchanged)


def _insert_items(
    context: SubmissionContext,
    batch_no: int,
    owner: str,
    rows: Iterable[Item],
    parts: Iterator[int],
) -> None:
    """``parts``: numbers of parts of lines between accounts, the next one first."""
    for portion in _split_portions(rows):
        _check_capacity(context, sum(row.failure is None for row in portion))
        context.disk.check_intake()
        _check_kept_bytes(context, owner, sum(len(row.item) for row in portion))
        # Writers of SQLite wait for each other; those of Postgres for nobody.
        database = context.requests if context.database.shared else context.database
        database.write(
            partial(_insert_portion, context=context, batch_no=batch_no, portion=portion)
        )
        edges = (edge for row in portion for edge in row.edges)
        _insert_edges(context, batch_no, owner, edges, parts)


def _insert_edges(
    context: SubmissionContext,
    batch_no: int,
    owner: str,
    edges: Iterable[OwnEdge],
    parts: Iterator[int],
) -> None:
    for data in pack_edges(edges):
        part = next(parts)
        _check_kept_bytes(context, owner, len(data))
        context.requests.write(
            partial(_insert_edge_part, context=context, batch_no=batch_no, part=part, data=data)
        )


def _insert_edge_part(
    c: sa.Connection, context: SubmissionContext, batch_no: int, part: int, data: bytes
) -> None:
    insert_part(c, batch_no, part, data)
    changes = {"kept_bytes": batches.c.kept_bytes + len(data), "changed_at": context.database.now}
    updated = c.execute(sa.update(batches).where(batches.c.no == batch_no).values(**changes))
    if not updated.rowcount:
        raise _abandoned_error()


def _split_portions(rows: Iterable[Item]) -> Iterator[list[_EncodedRow]]:
    """Portions of ``INSERT_ROWS``, or of ``INSERT_BYTES`` and the row that goes beyond them."""
    portion: list[_EncodedRow] = []
    size_bytes = 0
    for row in rows:
        encoded = _EncodedRow(row.seq, encode_item(row), row.payload, row.failure, row.edges)
        portion.append(encoded)
        size_bytes += encoded.size_bytes
        if len(portion) >= INSERT_ROWS or size_bytes >= INSERT_BYTES:
            yield portion
            portion, size_bytes = [], 0
    if portion:
        yield portion


def _insert_portion(
    c: sa.Connection, context: SubmissionContext, batch_no: int, portion: Sequence[_EncodedRow]
) -> None:
    _bulk_insert(c, context.database, items, [(batch_no, row.seq, row.item) for row in portion])
    pictures = [(batch_no, row.seq, row.payload) for row in portion if row.payload is not None]
    if pictures:
        c.execute(
            sa.insert(payloads),
            [{"batch_no": no, "seq": seq, "data": data} for no, seq, data in pictures],
        )
    failures = [
        result_row(batch_no, row.seq, row.failure) for row in portion if row.failure is not None
    ]
    if failures:
        c.execute(sa.insert(results), failures)
    updated = c.execute(
        sa.update(batches)
        .where(batches.c.no == batch_no)
        .values(
            total=batches.c.total + len(portion),
            failed=batches.c.failed + len(failures),
            kept_bytes=batches.c.kept_bytes + sum(len(row.item) for row in portion),
            changed_at=context.database.now,
        )
    )
    if not updated.rowcount:
        raise _abandoned_error()


def _bulk_insert(
    c: sa.Connection, database: Database, table: sa.Table, rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert by the driver's own shortest way: a million rows pass here."""
    names = ", ".join(column.name for column in table.columns)
    if not database.shared:
        marks = ", ".join("?" for _ in table.columns)
        c.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", list(rows))  # noqa: S608
        return
    driver: Any = c.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _start_batch(c: sa.Connection, context: SubmissionContext, batch_no: int, notes: str) -> Batch:
    """From here on the batch is at work, whatever becomes of this process."""
    row = c.execute(
        sa.select(
            batches.c.total, batches.c.failed, batches.c.reached, context.database.now.label("now")
        )
        .where(batches.c.no == batch_no)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise _abandoned_error()
    count = chunks.create_chunks(c, batch_no, 0, row.total - row.failed)
    reached = json.loads(row.reached) | {Status.IN_PROGRESS: row.now}
    c.execute(
        sa.update(batches)
        .where(batches.c.no == batch_no)
        .values(
            status=Status.IN_PROGRESS,
            reached=json.dumps(reached),
            notes=notes,
            chunks=count,
            revision=batches.c.revision + 1,
            changed_at=row.now,
        )
    )
    chunks.enqueue_next(c, context.queue, batch_no, context.max_active_chunks)
    return batch_from_row(c.execute(select_current(context.database, batch_no)).one())


def _abandoned_error() -> Busy:
    """The batch was deleted meanwhile: by its owner, or because this process was presumed dead."""
    return Busy("the list was given up during its upload: send it again", RETRY_MIN_S)


def check_intake(context: SubmissionContext, owner: str) -> None:
    """Raise ``Busy``, ``QuotaExceeded`` or ``StorageFull`` if no list would be taken in now."""
    context.disk.check_intake()
    _check_capacity(context, 1)
    _check_kept_bytes(context, owner, 0)


def _check_kept_bytes(context: SubmissionContext, owner: str, more_bytes: int) -> None:
    """Raise ``QuotaExceeded`` if all lists of ``owner`` would hold more than they may, results too.

    Rows that failed count like others: they are kept as long.
    """
    with context.requests.reading() as c:
        kept_bytes = read_kept_bytes(c, owner)
    if kept_bytes + more_bytes > context.max_kept_bytes:
        raise QuotaExceeded(
            f"your lists and their results hold {kept_bytes} bytes and may hold "
            f"{context.max_kept_bytes} (EYELINE_MAX_KEPT_BYTES): erase lists, or wait until they "
            "expire",
            RETRY_KEPT_S,
        )


def _check_capacity(context: SubmissionContext, count: int) -> None:
    """Raise ``Busy`` if ``count`` more items would exceed the limit of waiting items."""
    waiting = sa.func.coalesce(
        sa.func.sum(batches.c.total - batches.c.completed - batches.c.failed), 0
    )
    pace = sa.func.coalesce(sa.func.sum(batches.c.pace), 0.0)
    statement = sa.select(waiting, pace).where(batches.c.status.not_in(ENDED_STATUSES))
    with context.requests.reading() as c:
        waiting_items, items_per_s = c.execute(statement).one()
    excess = int(waiting_items) + count - context.max_waiting
    if excess > 0:
        seconds = excess / items_per_s if items_per_s else RETRY_MAX_S
        raise Busy(
            f"the queue is full: {waiting_items} items are waiting, the limit is "
            f"{context.max_waiting}; send the list later",
            round(min(max(seconds, RETRY_MIN_S), RETRY_MAX_S)),
        )
