"""Heartbeats: every process writes every two seconds that it is alive."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from app.batches.store.database import Database
from app.batches.store.tables import workers
from app.errors import RetryLater

DEAD_AFTER_S: Final = 10.0
"""Silence after which a process is presumed dead. Being wrong costs work, never results."""


@dataclass(frozen=True)
class LiveExecutors:
    """Processes with a recent heartbeat. ``worker_count``: those with threads for batches."""

    ids: frozenset[str]
    worker_count: int

    def including(self, database: Database, executor_id: str) -> frozenset[str]:
        """Those that may have work in hand; always ``executor_id``, this process.

        SQLite has one process at a time: other recent heartbeats there are of ended ones.
        """
        own_ids = frozenset({executor_id})
        return self.ids | own_ids if database.shared else own_ids


def read_live_executors(database: Database) -> LiveExecutors:
    """By the database's clock."""
    since = database.now - DEAD_AFTER_S
    statement = sa.select(workers.c.executor, workers.c.threads).where(workers.c.seen_at > since)
    with database.reading() as c:
        rows = c.execute(statement).all()
    return LiveExecutors(
        frozenset(row.executor for row in rows), sum(row.threads > 0 for row in rows)
    )


def read_silent_executors(database: Database) -> list[str]:
    """Processes without a recent heartbeat that did not end in order."""
    statement = sa.select(workers.c.executor).where(
        workers.c.seen_at <= database.now - DEAD_AFTER_S
    )
    with database.reading() as c:
        return list(c.scalars(statement))


HEARTBEAT_INTERVAL_S: Final = 2.0
JOIN_TIMEOUT_S: Final = 10.0
"""How long the end of a process waits for a thread that may be waiting for the database."""

log = logging.getLogger("eyeline.jobs")


class Heartbeat:
    """Writes the heartbeat of one process; ``threads``: how many of it work on batches."""

    def __init__(self, database: Database, executor_id: str, threads: int) -> None:
        self._database = database
        self._executor_id = executor_id
        self._threads = threads
        self._last_beat = 0.0
        self._last_error = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="eyeline-heartbeat", daemon=True)
        self.beat()
        self._thread.start()

    def beat(self) -> None:
        database = self._database

        def transaction(c: sa.Connection) -> None:
            row = {"threads": self._threads, "seen_at": database.now}
            statement = database.insert(workers).values(executor=self._executor_id, **row)
            c.execute(statement.on_conflict_do_update(index_elements=["executor"], set_=row))

        database.write(transaction)
        self._last_beat, self._last_error = time.monotonic(), ""

    def health_problem(self) -> str | None:
        """Why the heartbeat failed or is late; ``None`` if neither."""
        if not self._last_error and time.monotonic() - self._last_beat <= DEAD_AFTER_S:
            return None
        return f"the batch database cannot be written: {self._last_error or 'no answer'}"

    def close(self) -> None:
        """Say that the process has ended, if the database can be told."""
        self._stop.set()
        self._thread.join(JOIN_TIMEOUT_S)
        statement = sa.delete(workers).where(workers.c.executor == self._executor_id)
        with suppress(RetryLater):
            self._database.for_requests().write(lambda c: c.execute(statement))

    def _run(self) -> None:
        while not self._stop.wait(HEARTBEAT_INTERVAL_S):
            try:
                self.beat()
            except RetryLater as error:  # which the log knows
                self._last_error = error.title
            except Exception as error:
                self._last_error = type(error).__name__
                log.exception("the heartbeat could not be written")
