"""A database that is away, locked, out of connections or out of space, as an error for callers.

Every access passes ``translate_outage``: what a database says of itself becomes
``DatabaseUnavailable`` or ``StorageFull``, and any other error stays a fault of ours. The log says
it in one line, once a minute, however many threads run into it.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.errors import DatabaseUnavailable, RetryLater, StorageFull

RETRY_AFTER_S: Final = 5
"""What callers are told to wait: workers are at work again within 10 s of a database's return."""
STORAGE_RETRY_AFTER_S: Final = 60
"""Room comes back when lists are erased or expire, which is looked after once a minute."""
LOG_INTERVAL_S: Final = 60.0

_FULL_SQLSTATES: Final = ("53100",)  # disk_full
_AWAY_SQLSTATES: Final = (
    "08",  # the connection failed
    "53",  # too many connections, out of memory
    "57",  # shutting down, starting up, or a statement's time is over
    "55P03",  # a lock was not free in time
    "25006",  # read-only: a standby
    "25P03",  # a session that was idle for too long was ended
)
_AWAY_SQLITE_CODES: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)

log = logging.getLogger("eyeline.database")


class ThrottledWarning:
    """Logs a line at most once in ``LOG_INTERVAL_S``; thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = -LOG_INTERVAL_S
        self._lock = threading.Lock()

    def is_due(self) -> bool:
        """Whether a line may be logged now, which then counts as logged."""
        with self._lock:
            now = self._clock()
            if now - self._last < LOG_INTERVAL_S:
                return False
            self._last = now
            return True


class OutageFilter(logging.Filter):
    """For loggers of libraries: their lines on lost connections once a minute, cut to one line."""

    MESSAGES: Final = ("Database connection", "Exception", "Error fetching", "Error executing")

    def __init__(self) -> None:
        super().__init__()
        self._warning = ThrottledWarning()

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if not message.startswith(self.MESSAGES):
            return True
        record.msg, record.args = message.splitlines()[0], ()
        record.exc_info = record.exc_text = None
        return self._warning.is_due()


_warning = ThrottledWarning()


@contextmanager
def translate_outage() -> Iterator[None]:
    """Raises ``DatabaseUnavailable`` or ``StorageFull`` for what the database reports as such."""
    try:
        yield
    except SQLAlchemyError as error:
        outage = outage_from_error(error)
        if outage is None:
            raise
        if _warning.is_due():
            reason = str(getattr(error, "orig", None) or error).strip().splitlines()
            log.warning("%s: %s", outage.title, reason[0] if reason else type(error).__name__)
        raise outage from error


def outage_from_error(error: SQLAlchemyError) -> RetryLater | None:
    """What ``error`` means for a caller; ``None`` for a fault of ours, as a wrong statement is."""
    if isinstance(error, PoolTimeout):
        return database_unavailable()
    if not isinstance(error, DBAPIError):
        return None
    if isinstance(error.orig, sqlite3.Error):
        return _from_sqlite(error.orig)
    sqlstate = str(getattr(error.orig, "sqlstate", None) or "")
    if sqlstate.startswith(_FULL_SQLSTATES):
        return storage_full()
    # A connection that could not be made, or broke off, has no state of the server's.
    is_lost = not sqlstate and isinstance(error, OperationalError | InterfaceError)
    if is_lost or error.connection_invalidated or sqlstate.startswith(_AWAY_SQLSTATES):
        return database_unavailable()
    return None


def database_unavailable() -> DatabaseUnavailable:
    """The error for a database that does not answer."""
    return DatabaseUnavailable(
        "The batch database does not answer, is locked, or has no connection to spare; nothing was "
        "changed. Try again in a moment.",
        RETRY_AFTER_S,
    )


def storage_full() -> StorageFull:
    """The error for a disk that the database ran out of."""
    return StorageFull(
        "The disk of the batch database is full: erase batches that are no longer needed, or ask "
        "the operator for space.",
        STORAGE_RETRY_AFTER_S,
    )


def _from_sqlite(error: sqlite3.Error) -> RetryLater | None:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the primary code
    if code == sqlite3.SQLITE_FULL:
        return storage_full()
    return database_unavailable() if code in _AWAY_SQLITE_CODES else None
