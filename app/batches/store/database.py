"""The database under the batches: SQLite in a folder, for one process; or Postgres, for many."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.batches.store import engines
from app.batches.store.connection_problem import describe_connection_problem
from app.batches.store.engines import (
    WORK_TIMEOUT_S,
    DatabaseUnusable,
    Engines,
    OpenSockets,
)
from app.batches.store.migrate import create_or_upgrade
from app.batches.store.outage import translate_outage
from app.batches.store.tables import TablesTooNew
from app.errors import RetryLater


class DatabaseInUse(Exception):
    """Another process has the SQLite database open, as a running service has."""


def database_problem(url: str | None, data_dir: Path) -> str | None:
    """Why the database cannot be opened, in a line that holds no password; ``None`` if it can.

    Raises ``DatabaseInUse``.
    """
    location = f"in EYELINE_DATA_DIR={data_dir}" if url is None else "at EYELINE_DATABASE_URL"
    try:
        open_database(url, data_dir).close()
    except DatabaseUnusable as error:
        if url is None:
            raise DatabaseInUse(str(error)) from error
        return str(error)
    except TablesTooNew as error:
        return str(error)
    except RetryLater as error:
        reason = describe_connection_problem(str(error.__cause__)) or error.detail
        return f"the database {location} cannot be used: {reason}"
    except (OSError, SQLAlchemyError, ValueError) as error:
        # A ValueError: what a driver makes of a URL with a name that cannot be.
        reason = describe_connection_problem(str(error)) or type(error).__name__
        return f"the database {location} cannot be opened: {reason}"
    return None


T = TypeVar("T")

OLD_QUEUE: Final = "jobs.sqlite"
"""The queue of version 1, which our tables replace."""
LOCK_FILE: Final = "eyeline.lock"
_SCHEMA_LOCK_ID: Final = 0x65796C69  # an advisory lock: one process at a time makes the tables
_MAX_ATTEMPTS: Final = 6
_CONFLICT_SQLSTATES: Final = ("40001", "40P01")  # serialisation, deadlock
_LOCKED_SQLSTATE: Final = "55P03"


@dataclass(frozen=True, eq=False)
class Database:
    """``engine``: of our tables. ``dbos_url``, ``dbos_engine``: for DBOS' own connections.

    ``patience_s``: how long a transaction is begun again after a lock was not free in time.
    """

    engine: sa.Engine
    dbos_url: str
    dbos_engine: sa.Engine
    shared: bool
    lock: IO[str] | None = None
    request_engine: sa.Engine | None = None
    sockets: OpenSockets | None = None
    patience_s: float = WORK_TIMEOUT_S

    def for_requests(self) -> Database:
        """The same database for a caller who waits: an error comes within seconds."""
        engine = self.engine if self.request_engine is None else self.request_engine
        return replace(self, engine=engine, patience_s=0.0)

    @property
    def now(self) -> sa.ColumnElement[float]:
        """The database's own clock; machines that share one need not agree on the time."""
        if not self.shared:
            return sa.literal(time.time(), sa.Double)
        return sa.cast(sa.extract("epoch", sa.func.clock_timestamp()), sa.Double)

    def insert(self, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
        """An insert that supports ``on_conflict_…``."""
        return postgresql.insert(table) if self.shared else sqlite.insert(table)

    def text_bytes(self, column: sa.ColumnElement[str]) -> sa.ColumnElement[int]:
        """The length of a column of ASCII text."""
        # Postgres would unpack a long text to count its characters.
        length = sa.func.octet_length if self.shared else sa.func.length
        return length(column, type_=sa.Integer)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for reading, which blocks nobody.

        Raises ``DatabaseUnavailable``.
        """
        with translate_outage(), self.engine.connect() as connection:
            # Each statement on its own: a transaction costs two more trips to the server.
            if self.shared:
                yield connection.execution_options(isolation_level="AUTOCOMMIT")
            else:
                yield connection.execution_options(reading=True)

    def write(self, transaction: Callable[[sa.Connection], T]) -> T:
        """``transaction`` in one transaction, again if the database asks for that.

        Raises ``DatabaseUnavailable`` or ``StorageFull``.
        """
        deadline = time.monotonic() + self.patience_s
        with translate_outage():
            for attempt in range(_MAX_ATTEMPTS):
                try:
                    with self.engine.begin() as connection:
                        return transaction(connection)
                except DBAPIError as error:
                    is_late = time.monotonic() > deadline
                    if attempt + 1 == _MAX_ATTEMPTS or not _is_transient(error, is_late=is_late):
                        raise
                    time.sleep(0.05 * 2**attempt)
        raise AssertionError("unreachable")

    def terminate_sessions(self, executor_ids: Collection[str]) -> int:
        """End the sessions of processes presumed dead; how many there were.

        A process that froze in the middle of a statement keeps its locks: no timeout of the server
        runs while it waits for the rest of a message.
        """
        if not self.shared or not executor_ids:
            return 0
        activity = sa.table("pg_stat_activity", sa.column("pid"), sa.column("application_name"))
        statement = sa.select(sa.func.pg_terminate_backend(activity.c.pid)).where(
            activity.c.application_name.in_([_session_name(name) for name in executor_ids])
        )
        with self.reading() as connection:
            return len(connection.execute(statement).all())

    def cut_connections(self) -> None:
        """Whoever waits for a server that does not answer gets an error at once."""
        if self.sockets is not None:
            self.sockets.shut_down()

    def close(self) -> None:
        open_engines = [self.engine, self.dbos_engine]
        open_engines += [] if self.request_engine is None else [self.request_engine]
        for engine in open_engines:
            # A thread that has just stored a workflow's end is about to return its connection.
            until = time.monotonic() + 1.0
            while engine.pool.checkedout() and time.monotonic() < until:  # type: ignore[attr-defined]
                time.sleep(0.01)
            engines.refuse_connections(engine)
        self.cut_connections()
        if self.lock is not None:
            self.lock.close()


def count_fitting(sizes_bytes: Iterable[int], max_bytes: int) -> int:
    """How many of the first rows hold ``max_bytes`` together; one at least, if there is any."""
    count, total_bytes = 0, 0
    for size_bytes in sizes_bytes:
        total_bytes += size_bytes
        if count and total_bytes > max_bytes:
            break
        count += 1
    return count


def open_database(url: str | None, data_dir: Path, name: str = "") -> Database:
    """Open, create or upgrade the tables. ``name``: of the process, to end its sessions by.

    Raises ``DatabaseUnusable``, ``DatabaseUnavailable``, ``TablesTooNew`` or ``OSError``.
    """
    database = _open_sqlite(data_dir) if url is None else _open_postgres(url, name)
    try:
        database.write(lambda c: _create_tables(c, database.shared))
    except BaseException:
        database.close()
        raise
    if not database.shared:
        for ending in ("", "-wal", "-shm"):
            (data_dir / f"{OLD_QUEUE}{ending}").unlink(missing_ok=True)
    return database


def _create_tables(connection: sa.Connection, shared: bool) -> None:
    if shared:
        connection.execute(sa.text("SET LOCAL lock_timeout = 0"))
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_SCHEMA_LOCK_ID)))
    create_or_upgrade(connection)


def _open_sqlite(data_dir: Path) -> Database:
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = _lock_folder(data_dir)
    # SQLite gives the files beside it the same permissions.
    os.close(os.open(data_dir / engines.DATABASE_FILE, os.O_CREAT | os.O_RDWR, 0o600))
    return _from_engines(engines.open_sqlite(data_dir), lock)


def _open_postgres(url: str, name: str) -> Database:
    return _from_engines(engines.open_postgres(url, _session_name(name)), None)


def _from_engines(opened: Engines, lock: IO[str] | None) -> Database:
    return Database(
        opened.work,
        opened.dbos_url,
        opened.dbos,
        shared=lock is None,
        lock=lock,
        request_engine=opened.requests,
        sockets=OpenSockets(opened) if lock is None else None,
    )


def _lock_folder(data_dir: Path) -> IO[str]:
    """Lock the folder for this process; the lock ends with it, however it ends."""
    lock = os.fdopen(os.open(data_dir / LOCK_FILE, os.O_CREAT | os.O_RDWR, 0o600), "r+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise DatabaseUnusable(
            f"another process works in {data_dir}: SQLite allows one at a time; stop that one, "
            "set another EYELINE_DATA_DIR, or share a Postgres by EYELINE_DATABASE_URL"
        ) from None
    return lock


def _session_name(name: str) -> str:
    return f"eyeline {name}".strip()


def _is_transient(error: DBAPIError, *, is_late: bool) -> bool:
    """Whether the same transaction may go through in a moment.

    ``is_late``: a lock is waited for no longer.
    """
    code = getattr(error.orig, "sqlstate", None)
    if code in _CONFLICT_SQLSTATES:
        return True
    return not is_late and (code == _LOCKED_SQLSTATE or "database is locked" in str(error.orig))
