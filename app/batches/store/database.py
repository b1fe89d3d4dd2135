"""The database under the batches: SQLite in a folder, for one process; or Postgres, for many."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.batches.store.migrate import create_or_upgrade
from app.batches.store.tables import TablesTooNew


class DatabaseInUse(Exception):
    """Another process has the SQLite database open, as a running service has."""


def database_problem(url: str | None, data_dir: Path) -> str | None:
    """Why the database cannot be opened, in a line that holds no password; ``None`` if it can.

    Raises ``DatabaseInUse``.
    """
    try:
        open_database(url, data_dir).close()
    except DatabaseUnavailable as error:
        if url is None:
            raise DatabaseInUse(str(error)) from error
        return str(error)
    except TablesTooNew as error:
        return str(error)
    except (OSError, SQLAlchemyError) as error:
        location = f"in EYELINE_DATA_DIR={data_dir}" if url is None else "at EYELINE_DATABASE_URL"
        return f"the database {location} cannot be opened ({type(error).__name__})"
    return None


T = TypeVar("T")

DATABASE_FILE: Final = "eyeline.sqlite"
OLD_QUEUE: Final = "jobs.sqlite"
"""The queue of version 1, which our tables replace."""
LOCK_FILE: Final = "eyeline.lock"
BUSY_TIMEOUT_MS: Final = 30_000
POOL_SIZE: Final = 5
"""Connections of one process to Postgres, for the batches and once more for DBOS."""
_SCHEMA_LOCK_ID: Final = 0x65796C69  # an advisory lock: one process at a time makes the tables
_MAX_ATTEMPTS: Final = 6
_RETRYABLE_SQLSTATES: Final = (
    "40001",
    "40P01",
    "55P03",
)  # serialisation, deadlock, lock not available
_SESSION_OPTIONS: Final = (
    # A process that freezes inside a transaction must not block the others for ever.
    "-c idle_in_transaction_session_timeout=20000 -c lock_timeout=30000 "
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
)


class DatabaseUnavailable(ValueError):
    """Another process works on this SQLite database, or the URL is none that is known here."""


@dataclass(frozen=True, eq=False)
class Database:
    """``engine``: of our tables. ``dbos_url``, ``dbos_engine``: for DBOS' own connections."""

    engine: sa.Engine
    dbos_url: str
    dbos_engine: sa.Engine
    shared: bool
    lock: IO[str] | None = None

    @property
    def now(self) -> sa.ColumnElement[float]:
        """The database's own clock; machines that share one need not agree on the time."""
        if not self.shared:
            return sa.literal(time.time(), sa.Double)
        return sa.cast(sa.extract("epoch", sa.func.clock_timestamp()), sa.Double)

    def insert(self, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
        """An insert that supports ``on_conflict_…``."""
        return postgresql.insert(table) if self.shared else sqlite.insert(table)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for reading, which blocks nobody."""
        with self.engine.connect() as connection:
            # Each statement on its own: a transaction costs two more trips to the server.
            if self.shared:
                yield connection.execution_options(isolation_level="AUTOCOMMIT")
            else:
                yield connection.execution_options(reading=True)

    def write(self, transaction: Callable[[sa.Connection], T]) -> T:
        """``transaction`` in one transaction, again if the database asks for that."""
        for attempt in range(_MAX_ATTEMPTS):
            try:
                with self.engine.begin() as connection:
                    return transaction(connection)
            except DBAPIError as error:
                if attempt + 1 == _MAX_ATTEMPTS or not _is_transient(error):
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

    def close(self) -> None:
        for engine in (self.engine, self.dbos_engine):
            # A thread that has just stored a workflow's end is about to return its connection.
            until = time.monotonic() + 1.0
            while engine.pool.checkedout() and time.monotonic() < until:  # type: ignore[attr-defined]
                time.sleep(0.01)
            sa.event.listen(engine, "do_connect", _closed)
            engine.dispose()
        if self.lock is not None:
            self.lock.close()


def open_database(url: str | None, data_dir: Path, name: str = "") -> Database:
    """Open, create or upgrade the tables. ``name``: of the process, to end its sessions by.

    Raises ``DatabaseUnavailable``, ``TablesTooNew`` or ``OSError``.
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
    data_dir.mkdir(parents=True, exist_ok=True)
    lock = _lock_folder(data_dir)
    url = f"sqlite:///{data_dir / DATABASE_FILE}"
    engine = sa.create_engine(url, pool_size=16, max_overflow=16)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    second = sa.create_engine(url, pool_size=POOL_SIZE, max_overflow=2 * POOL_SIZE)
    sa.event.listen(second, "connect", _prepare_for_dbos)
    return Database(engine, url, second, False, lock)


def _lock_folder(data_dir: Path) -> IO[str]:
    """Lock the folder for this process; the lock ends with it, however it ends."""
    lock = (data_dir / LOCK_FILE).open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise DatabaseUnavailable(
            f"another process works in {data_dir}: SQLite allows one at a time; stop that one, "
            "set another EYELINE_DATA_DIR, or share a Postgres by EYELINE_DATABASE_URL"
        ) from None
    return lock


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",  # first: those below may have to wait
        "auto_vacuum=INCREMENTAL",
        "journal_mode=WAL",
        "synchronous=FULL",  # what was accepted outlives a power cut
        "secure_delete=ON",  # what was erased is not left in free pages
    ):
        connection.execute(f"PRAGMA {pragma}")


def _prepare_for_dbos(connection: Any, given: object) -> None:
    _prepare_sqlite(connection, given)
    connection.isolation_level = "IMMEDIATE"  # as DBOS sets it: its reads hold nobody up
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: sa.Connection) -> None:
    if not connection.get_execution_options().get("reading", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _open_postgres(url: str, name: str) -> Database:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise DatabaseUnavailable("EYELINE_DATABASE_URL is not a URL") from None
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise DatabaseUnavailable(
            f"EYELINE_DATABASE_URL is {parsed.drivername}://…, and only postgresql:// is supported"
        )
    parsed = parsed.set(drivername="postgresql+psycopg")
    user_options = str(parsed.query.get("options", ""))
    parsed = parsed.update_query_dict(
        {
            "options": f"{_SESSION_OPTIONS} {user_options}".strip(),
            "application_name": _session_name(name),
        }
    )
    engine, dbos_engine = (
        sa.create_engine(
            parsed, pool_size=POOL_SIZE, max_overflow=2 * POOL_SIZE, pool_pre_ping=True
        )
        for _ in range(2)
    )
    return Database(engine, parsed.render_as_string(hide_password=False), dbos_engine, True)


def _closed(*_: object) -> None:
    """Refuse new connections: a thread of DBOS that polls would ask for ever."""
    raise sa.exc.ResourceClosedError("the database was closed")


def _session_name(name: str) -> str:
    return f"eyeline {name}".strip()


def _is_transient(error: DBAPIError) -> bool:
    """Whether the same transaction may go through in a moment."""
    code = getattr(error.orig, "sqlstate", None)
    return code in _RETRYABLE_SQLSTATES or "database is locked" in str(error.orig)
