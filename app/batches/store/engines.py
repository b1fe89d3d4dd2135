"""SQLAlchemy engines with the timeouts and pragmas that each use of the database needs.

Three for a database: for our own work, which is patient; for requests, which have a caller waiting;
and for DBOS' own connections.
"""

from __future__ import annotations

import os
import socket
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
import sqlalchemy as sa

DATABASE_FILE: Final = "eyeline.sqlite"
POOL_SIZE: Final = 5
"""Connections of each engine to Postgres that stay open; twice as many more under load."""
REQUEST_TIMEOUT_S: Final = 3
"""How long a request waits for a connection, or for a lock."""
REQUEST_STATEMENT_TIMEOUT_S: Final = 30
"""How long a statement of a request may take."""
WORK_TIMEOUT_S: Final = 30
"""How long workers wait for a lock."""
_SESSION_OPTIONS: Final = (
    # A process that freezes inside a transaction must not block the others for ever.
    "-c idle_in_transaction_session_timeout=20000 "
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
)
_WORK_OPTIONS: Final = f"-c lock_timeout={WORK_TIMEOUT_S * 1000}"
_REQUEST_OPTIONS: Final = (
    f"-c lock_timeout={REQUEST_TIMEOUT_S * 1000} "
    f"-c statement_timeout={REQUEST_STATEMENT_TIMEOUT_S * 1000}"
)
_LIVENESS: Final = {
    # A server that is gone without a word is noticed within half a minute.
    "connect_timeout": str(REQUEST_TIMEOUT_S),
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
}


class DatabaseUnusable(ValueError):
    """Another process works on this SQLite database, or the URL is none that is known here."""


@dataclass(frozen=True, eq=False)
class Engines:
    """``dbos_url``: of DBOS' database, with its password."""

    work: sa.Engine
    requests: sa.Engine
    dbos: sa.Engine
    dbos_url: str

    def all(self) -> tuple[sa.Engine, ...]:
        return self.work, self.requests, self.dbos


def open_sqlite(data_dir: Path) -> Engines:
    """Engines of the file in ``data_dir``."""
    url = f"sqlite:///{data_dir / DATABASE_FILE}"

    def create(busy_timeout_s: int, *, for_dbos: bool = False) -> sa.Engine:
        sizes = (POOL_SIZE, 2 * POOL_SIZE) if for_dbos else (16, 16)
        engine = sa.create_engine(
            url, pool_size=sizes[0], max_overflow=sizes[1], pool_timeout=busy_timeout_s
        )

        def prepare(connection: Any, _: object) -> None:
            _prepare_sqlite(connection, busy_timeout_s, for_dbos=for_dbos)

        sa.event.listen(engine, "connect", prepare)
        if not for_dbos:
            sa.event.listen(engine, "begin", _begin_sqlite)
        return engine

    work, requests = create(WORK_TIMEOUT_S), create(REQUEST_TIMEOUT_S)
    return Engines(work, requests, create(WORK_TIMEOUT_S, for_dbos=True), url)


def open_postgres(url: str, session_name: str) -> Engines:
    """Engines of the server at ``url``. Raises ``DatabaseUnusable``."""
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # a ValueError for a port that is no number
        raise DatabaseUnusable("EYELINE_DATABASE_URL is not a URL") from None
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise DatabaseUnusable(
            f"EYELINE_DATABASE_URL is {parsed.drivername}://…, and only postgresql:// is supported"
        )
    parsed = parsed.set(drivername="postgresql+psycopg")
    user_options = str(parsed.query.get("options", ""))

    def with_options(options: str) -> sa.URL:
        return parsed.update_query_dict(
            {
                **{name: value for name, value in _LIVENESS.items() if name not in parsed.query},
                "options": f"{_SESSION_OPTIONS} {options} {user_options}".strip(),
                "application_name": session_name,
            }
        )

    work_url = with_options(_WORK_OPTIONS)
    dbos = _create_postgres(work_url)
    sa.event.listen(dbos, "do_connect", _connect_for_dbos)
    return Engines(
        _create_postgres(work_url),
        _create_postgres(with_options(_REQUEST_OPTIONS)),
        dbos,
        work_url.render_as_string(hide_password=False),
    )


class OpenSockets:
    """The connections of engines to Postgres, to be cut where the server has stopped answering."""

    def __init__(self, engines: Engines) -> None:
        self._connections: weakref.WeakSet[psycopg.Connection[Any]] = weakref.WeakSet()
        for engine in engines.all():
            sa.event.listen(engine, "connect", lambda connection, _: self._add(connection))

    def shut_down(self) -> None:
        """Whoever waits for an answer on one of them gets an error at once."""
        for connection in list(self._connections):
            if not connection.closed:
                with socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
                    duplicate.shutdown(socket.SHUT_RDWR)

    def _add(self, connection: Any) -> None:
        if isinstance(connection, psycopg.Connection):
            self._connections.add(connection)


def refuse_connections(engine: sa.Engine) -> None:
    """Close an engine for good: a thread that polls would open it again for ever."""
    sa.event.listen(engine, "do_connect", _closed)
    engine.dispose()


def _create_postgres(url: sa.URL) -> sa.Engine:
    return sa.create_engine(
        url,
        pool_size=POOL_SIZE,
        max_overflow=2 * POOL_SIZE,
        pool_timeout=REQUEST_TIMEOUT_S,
        pool_pre_ping=True,
    )


def _connect_for_dbos(dialect: Any, _: object, arguments: Any, options: Any) -> Any:
    """DBOS tries again where the error says "connection failed", which is not in all of them."""
    try:
        return dialect.connect(*arguments, **options)
    except psycopg.OperationalError as error:
        raise psycopg.OperationalError(f"connection failed: {error}") from error


def _closed(*_: object) -> None:
    raise sa.exc.ResourceClosedError("the database was closed")


def _prepare_sqlite(connection: Any, busy_timeout_s: int, *, for_dbos: bool) -> None:
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says
    pragmas = [
        "synchronous=FULL",  # what was accepted outlives a power cut
        "secure_delete=ON",  # what was erased is not left in free pages
    ]
    connection.execute(f"PRAGMA busy_timeout={busy_timeout_s * 1000}")
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        # Of a new file alone: setting them needs the lock that a writer may hold.
        pragmas = ["auto_vacuum=INCREMENTAL", "journal_mode=WAL", *pragmas]
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")
    if for_dbos:
        connection.isolation_level = "IMMEDIATE"  # as DBOS sets it: its reads hold nobody up
        connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: sa.Connection) -> None:
    if not connection.get_execution_options().get("reading", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
