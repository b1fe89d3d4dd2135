"""What is to be gone: a batch at once for everybody, then, in small steps, all that is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa

from app.batches.store.database import Database
from app.batches.store.models import ENDED
from app.batches.store.tables import BELONGINGS, batches, graves
from app.batches.webhooks.webhook_tables import WEBHOOK_BELONGINGS

ROWS: Final = 2_000
"""Of a table, in one transaction: others get in between."""


def bury(database: Database, batch_no: int, *only_if: sa.ColumnElement[bool]) -> bool:
    """The batch is gone; nothing can be added to it any more, by whomever. Whether it was there.

    Whoever is adding holds its row, or finds none when it comes to that. ``only_if``: what must
    still be true of its row.
    """

    def gone(c: sa.Connection) -> bool:
        found = c.execute(sa.delete(batches).where(batches.c.no == batch_no, *only_if))
        if found.rowcount:
            c.execute(sa.insert(graves).values(batch_no=batch_no))
        return bool(found.rowcount)

    return database.write(gone)


def erase(database: Database, batch_no: int) -> None:
    """Everything kept under the number of a batch that was buried; may be done twice."""
    for table in (*BELONGINGS, *WEBHOOK_BELONGINGS):
        while database.write(lambda c, table=table: _some(c, table, batch_no)):  # type: ignore[misc]
            pass
    database.write(lambda c: c.execute(sa.delete(graves).where(graves.c.batch_no == batch_no)))
    if not database.shared:
        _give_back(database)


def expired(database: Database) -> Iterator[int]:
    """The numbers of batches whose time is over, and of those somebody died erasing."""
    over = batches.c.status.in_(ENDED), batches.c.expires_at <= database.now
    with database.reading() as c:
        late = list(c.scalars(sa.select(batches.c.no).where(*over)))
        buried = list(c.scalars(sa.select(graves.c.batch_no)))
    # One that was taken up again meanwhile stays.
    yield from {*(number for number in late if bury(database, number, *over)), *buried}


def _some(c: sa.Connection, table: sa.Table, batch_no: int) -> int:
    last = list(table.primary_key.columns)[1:]
    keys = sa.select(*last).where(table.c.batch_no == batch_no).limit(ROWS)
    found = c.execute(keys).all()
    if not found:
        return 0
    names = sa.tuple_(*last) if len(last) > 1 else last[0]
    values = [tuple(row) for row in found] if len(last) > 1 else [row[0] for row in found]
    c.execute(sa.delete(table).where(table.c.batch_no == batch_no, names.in_(values)))
    return len(found)


def _give_back(database: Database) -> None:
    """Return what became free to the file system, journal included."""
    with database.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.execute("PRAGMA incremental_vacuum").fetchall()
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
