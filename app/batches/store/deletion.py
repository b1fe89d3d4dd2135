"""What is to be gone: a batch at once for everybody, then, in small steps, all that is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa

from app.batches.store.database import Database
from app.batches.store.models import ENDED_STATUSES
from app.batches.store.tables import BATCH_TABLES, batches, deleted_batches
from app.batches.webhooks.webhook_tables import WEBHOOK_TABLES

DELETE_ROWS: Final = 2_000
"""Of a table, in one transaction: others get in between."""


def mark_deleted(database: Database, batch_no: int, *conditions: sa.ColumnElement[bool]) -> bool:
    """The batch is gone; nothing can be added to it any more, by whomever. Whether it was there.

    Whoever is adding holds its row, or finds none when it comes to that. ``conditions``: what must
    still be true of its row.
    """

    def transaction(c: sa.Connection) -> bool:
        deleted = c.execute(sa.delete(batches).where(batches.c.no == batch_no, *conditions))
        if deleted.rowcount:
            c.execute(sa.insert(deleted_batches).values(batch_no=batch_no))
        return bool(deleted.rowcount)

    return database.write(transaction)


def delete_rows(database: Database, batch_no: int) -> None:
    """Everything kept under the number of a batch that was buried; may be done twice."""
    for table in (*BATCH_TABLES, *WEBHOOK_TABLES):
        while database.write(lambda c, table=table: _delete_some(c, table, batch_no)):  # type: ignore[misc]
            pass
    database.write(
        lambda c: c.execute(
            sa.delete(deleted_batches).where(deleted_batches.c.batch_no == batch_no)
        )
    )
    if not database.shared:
        _release_free_space(database)


def mark_expired(database: Database) -> Iterator[int]:
    """The numbers of batches whose time is over, and of those somebody died erasing."""
    conditions = batches.c.status.in_(ENDED_STATUSES), batches.c.expires_at <= database.now
    with database.reading() as c:
        expired_nos = list(c.scalars(sa.select(batches.c.no).where(*conditions)))
        marked_nos = list(c.scalars(sa.select(deleted_batches.c.batch_no)))
    # One that was taken up again meanwhile stays.
    yield from {
        *(batch_no for batch_no in expired_nos if mark_deleted(database, batch_no, *conditions)),
        *marked_nos,
    }


def _delete_some(c: sa.Connection, table: sa.Table, batch_no: int) -> int:
    key_columns = list(table.primary_key.columns)[1:]
    keys = sa.select(*key_columns).where(table.c.batch_no == batch_no).limit(DELETE_ROWS)
    rows = c.execute(keys).all()
    if not rows:
        return 0
    key_tuple = sa.tuple_(*key_columns) if len(key_columns) > 1 else key_columns[0]
    values = [tuple(row) for row in rows] if len(key_columns) > 1 else [row[0] for row in rows]
    c.execute(sa.delete(table).where(table.c.batch_no == batch_no, key_tuple.in_(values)))
    return len(rows)


def _release_free_space(database: Database) -> None:
    """Return what became free to the file system, journal included."""
    with database.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.execute("PRAGMA incremental_vacuum").fetchall()
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
