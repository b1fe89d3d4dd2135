"""A list on its way in: streamed into the database, a few thousand rows at a time."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.batches.execution import chunks
from app.batches.execution.heartbeat import living
from app.batches.store import deletion
from app.batches.store.database import Database
from app.batches.store.models import ENDED, NewBatch, Status
from app.batches.store.queries import Row, is_over
from app.batches.store.result_store import result_row
from app.batches.store.row_codec import item_text
from app.batches.store.tables import batches, items, payloads, results
from app.errors import Busy, KeyReused
from app.records import Item

ROWS: Final = 5_000
BYTES: Final = 32 * 2**20
"""A transaction takes so many rows, or pictures of so many bytes; others get in between."""
RETRY_MIN_S: Final = 5
RETRY_MAX_S: Final = 600
READING_S: Final = 10.0
"""How long a list is waited for that came before with the same key and is still being read."""


@dataclass(frozen=True)
class Door:
    """Where lists come in. ``submitter``: the process; ``lanes``: chunks asked for at once."""

    database: Database
    submitter: str
    max_waiting: int
    lanes: int


def admit(door: Door, new: NewBatch, rows: Iterable[Item]) -> tuple[str, bool]:
    """The id of the batch that ``rows`` became, and whether it was there already.

    Raises ``KeyReused``, ``Busy``, and whatever reading the rows raises; then nothing is kept.
    """
    batch_id = f"batch_{secrets.token_hex(12)}"
    while True:
        if (known := _replayed(door, new)) is not None:
            return known, True
        _refuse_if_full(door, 1)
        try:
            batch_no = door.database.write(lambda c: _insert(c, door, batch_id, new))
        except IntegrityError:
            continue  # somebody else came with the same key meanwhile
        break
    try:
        _fill(door, batch_no, rows)
        door.database.write(lambda c: _start(c, door, batch_no))
    except BaseException:
        deletion.bury(door.database, batch_no)
        deletion.erase(door.database, batch_no)
        raise
    return batch_id, False


def _insert(c: sa.Connection, door: Door, batch_id: str, new: NewBatch) -> int:
    now = c.scalar(sa.select(door.database.now))
    row = {
        "id": batch_id,
        "owner": new.owner,
        "idempotency_key": new.idempotency_key,
        "body_sha256": new.body_sha256,
        "prior": new.prior,
        "webhook_url": new.webhook_url,
        "metadata": json.dumps(dict(new.metadata)),
        "list_format": new.list_format,
        "columns": json.dumps(new.columns),
        "status": Status.VALIDATING,
        "reached": json.dumps({Status.VALIDATING: now}),
        "changed_at": now,
        "submitter": door.submitter,
    }
    number = c.execute(sa.insert(batches).values(**row).returning(batches.c.no)).scalar_one()
    return int(number)


def _replayed(door: Door, new: NewBatch) -> str | None:
    """The batch that this key brought before; ``None`` if there is none, or none any more.

    Answered with are batches that will not be lost: one that is still being read may yet come to
    nothing, and is waited for. Raises ``KeyReused`` and ``Busy``.
    """
    of = sa.select(batches, door.database.now.label("now")).where(
        batches.c.owner == new.owner, batches.c.idempotency_key == new.idempotency_key
    )
    until = time.monotonic() + READING_S
    while new.idempotency_key is not None:
        with door.database.reading() as c:
            row = c.execute(of).one_or_none()
        if row is None:
            return None
        if _is_lost(door, row):
            _erase(door, row)
            continue
        if row.body_sha256 != new.body_sha256:
            raise KeyReused("send this list with another key, or the first one again as it was")
        if row.status != Status.VALIDATING:
            return str(row.id)
        if time.monotonic() > until:
            raise Busy("the list with this key is still being read: ask again", RETRY_MIN_S)
        time.sleep(0.1)
    return None


def _is_lost(door: Door, row: Row) -> bool:
    """Whether a batch's time is over, or whoever read the list died before it was whole."""
    if row.status != Status.VALIDATING:
        return is_over(row)
    alive = living(door.database).among(door.database, door.submitter)
    return row.submitter not in alive


def _erase(door: Door, row: Row) -> None:
    # Unless it went on while it was looked at.
    same = batches.c.status == row.status, batches.c.generation == row.generation
    if deletion.bury(door.database, row.no, *same):
        deletion.erase(door.database, row.no)


def _fill(door: Door, batch_no: int, rows: Iterable[Item]) -> None:
    for portion in _portions(rows):
        _refuse_if_full(door, sum(row.failure is None for row in portion))
        door.database.write(lambda c, portion=portion: _write(c, door, batch_no, portion))  # type: ignore[misc]


def _portions(rows: Iterable[Item]) -> Iterator[list[Item]]:
    source = iter(rows)
    while first := list(islice(source, 1)):
        portion, held = first, len(first[0].payload or b"")
        while len(portion) < ROWS and held < BYTES:
            more = list(islice(source, 1))
            if not more:
                break
            portion += more
            held += len(more[0].payload or b"")
        yield portion


def _write(c: sa.Connection, door: Door, batch_no: int, portion: Sequence[Item]) -> None:
    _many(c, door.database, items, [(batch_no, row.seq, item_text(row)) for row in portion])
    pictures = [(batch_no, row.seq, row.payload) for row in portion if row.payload is not None]
    if pictures:
        c.execute(
            sa.insert(payloads),
            [{"batch_no": no, "seq": seq, "data": data} for no, seq, data in pictures],
        )
    wrong = [
        result_row(batch_no, row.seq, row.failure) for row in portion if row.failure is not None
    ]
    if wrong:
        c.execute(sa.insert(results), wrong)
    counted = c.execute(
        sa.update(batches)
        .where(batches.c.no == batch_no)
        .values(
            total=batches.c.total + len(portion),
            failed=batches.c.failed + len(wrong),
            changed_at=door.database.now,
        )
    )
    if not counted.rowcount:
        raise _given_up()


def _many(
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


def _start(c: sa.Connection, door: Door, batch_no: int) -> None:
    """From here on the batch is at work, whatever becomes of this process."""
    row = c.execute(
        sa.select(
            batches.c.total, batches.c.failed, batches.c.reached, door.database.now.label("now")
        )
        .where(batches.c.no == batch_no)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise _given_up()
    count = chunks.lay_out(c, batch_no, 0, row.total - row.failed)
    reached = json.loads(row.reached) | {Status.IN_PROGRESS: row.now}
    c.execute(
        sa.update(batches)
        .where(batches.c.no == batch_no)
        .values(
            status=Status.IN_PROGRESS,
            reached=json.dumps(reached),
            chunks=count,
            revision=batches.c.revision + 1,
            changed_at=row.now,
        )
    )
    chunks.ask(c, batch_no, chunks.SUBMISSION, door.lanes)


def _given_up() -> Busy:
    """It was erased meanwhile: by its owner, or because this process was taken for dead."""
    return Busy("the list was given up while it came in: send it again", RETRY_MIN_S)


def _refuse_if_full(door: Door, more: int) -> None:
    """Raise ``Busy`` if ``more`` items would wait beyond what may."""
    waiting = sa.func.coalesce(
        sa.func.sum(batches.c.total - batches.c.completed - batches.c.failed), 0
    )
    pace = sa.func.coalesce(sa.func.sum(batches.c.pace), 0.0)
    of = sa.select(waiting, pace).where(batches.c.status.not_in(ENDED))
    with door.database.reading() as c:
        there, speed = c.execute(of).one()
    over = int(there) + more - door.max_waiting
    if over > 0:
        seconds = over / speed if speed else RETRY_MAX_S
        raise Busy(
            f"{there} items wait already, and {door.max_waiting} may: send the list later",
            round(min(max(seconds, RETRY_MIN_S), RETRY_MAX_S)),
        )
