"""Deletion of batches: marked first, so that nobody finds them; then their rows, in small steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import sqlalchemy as sa

from app.batches.store.database import Database
from app.batches.store.models import ENDED_STATUSES
from app.batches.store.tables import BATCH_TABLES, batches, deleted_batches
from app.batches.webhooks.webhook_tables import WEBHOOK_TABLES

VACUUM_PAGES: Final = 1_000
"""Pages of 4 KiB that one transaction gives back."""
DELETE_ROWS: Final = 2_000
"""Rows of a table that one transaction deletes, so that others get in between."""


def mark_deleted(database: Database, batch_no: int, *conditions: sa.ColumnElement[bool]) -> bool:
    """Mark a batch as deleted: from now on nobody finds it or adds to it. Whether it was there.

    Whoever is adding holds its row, or finds none. ``conditions``: what must still be true of it.
    """

    def transaction(c: sa.Connection) -> bool:
        statement = sa.delete(batches).where(batches.c.no == batch_no, *conditions)
        batch_id = c.scalar(statement.returning(batches.c.id))
        if batch_id is not None:
            c.execute(sa.insert(deleted_batches).values(batch_no=batch_no, id=batch_id))
        return batch_id is not None

    return database.write(transaction)


def delete_rows(
    database: Database, batch_no: int, is_stopping: Callable[[], bool] = lambda: False
) -> bool:
    """Delete everything kept under the number of a marked batch; may be done twice.

    ``False``: there is more, because ``is_stopping``.
    """
    for table in (*BATCH_TABLES, *WEBHOOK_TABLES):
        while database.write(lambda c, table=table: _delete_some(c, table, batch_no)):  # type: ignore[misc]
            if is_stopping():
                return False
    database.write(
        lambda c: c.execute(
            sa.delete(deleted_batches).where(deleted_batches.c.batch_no == batch_no)
        )
    )
    if not database.shared:
        _release_free_space(database)
    return True


def mark_expired(database: Database) -> None:
    """Mark batches whose time is over; one that was retried meanwhile stays."""
    expired = batches.c.status.in_(ENDED_STATUSES), batches.c.expires_at <= database.now
    with database.reading() as c:
        numbers = list(c.scalars(sa.select(batches.c.no).where(*expired)))
    for batch_no in numbers:
        mark_deleted(database, batch_no, *expired)


def marked_batches(database: Database) -> list[tuple[int, str | None]]:
    """Number and id of batches that are marked and still hold rows, whoever died deleting them."""
    with database.reading() as c:
        return [(row.batch_no, row.id) for row in c.execute(sa.select(deleted_batches))]


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
    """Return what became free to the file system, journal included, a few pages at a time."""
    with database.reading() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        pages = raw.execute("PRAGMA freelist_count").fetchone()[0]
        for _ in range(0, pages, VACUUM_PAGES):
            # A script is run to its end; after `execute` one page would be free, and no more.
            raw.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
