"""Databases that are away, locked or full: what callers are told, and work after their return."""

import logging
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from app.batches.store import engines, outage, tables
from app.batches.store.database import open_database
from app.batches.store.models import BatchRequest
from app.batches.store.outage import OutageFilter, ThrottledWarning, outage_from_error
from app.errors import DatabaseUnavailable, RetryLater, StorageFull
from tests.batches.conftest import (
    OpenService,
    PostgresServer,
    open_engine,
    open_service_at,
)
from tests.batches.execution.test_recovery import read_single_batch, wait_until
from tests.batches.fake_tools import FakeTools, picture_items


def postgres_error(sqlstate: str | None) -> Exception:
    error = psycopg.OperationalError("the server says no")
    error.sqlstate = sqlstate
    return error


def sqlite_error(code: int) -> Exception:
    error = sqlite3.OperationalError("the file says no")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("driver_error", "expected"),
    [
        (postgres_error(None), DatabaseUnavailable),  # no connection at all
        (postgres_error("53300"), DatabaseUnavailable),  # too many connections
        (postgres_error("57P03"), DatabaseUnavailable),  # starting up
        (postgres_error("57014"), DatabaseUnavailable),  # a statement's time is over
        (postgres_error("55P03"), DatabaseUnavailable),  # a lock
        (postgres_error("53100"), StorageFull),
        (postgres_error("42P01"), None),  # no such table: a fault of ours
        (sqlite_error(sqlite3.SQLITE_BUSY), DatabaseUnavailable),
        (sqlite_error(sqlite3.SQLITE_IOERR_WRITE), DatabaseUnavailable),
        (sqlite_error(sqlite3.SQLITE_FULL), StorageFull),
        (sqlite_error(sqlite3.SQLITE_ERROR), None),
    ],
)
def test_what_the_drivers_report(driver_error: Exception, expected: type[RetryLater] | None):
    error = sa.exc.OperationalError("SELECT 1", {}, driver_error)
    translated = outage_from_error(error)
    assert (None if translated is None else type(translated)) is expected


def test_a_pool_without_connections_and_a_wrong_value():
    assert isinstance(outage_from_error(sa.exc.TimeoutError("no connection")), DatabaseUnavailable)
    wrong_value = sa.exc.DataError("SELECT 1", {}, psycopg.DataError("a NUL byte"))
    assert outage_from_error(wrong_value) is None
    assert outage_from_error(sa.exc.NoResultFound()) is None


def test_a_line_a_minute():
    times = iter((0.0, 1.0, 59.0, 60.0, 61.0, 120.0))
    warning = ThrottledWarning(lambda: next(times))
    assert [warning.is_due() for _ in range(6)] == [True, False, False, True, False, True]


def test_lines_of_libraries_are_cut_and_throttled():
    throttle = OutageFilter()
    lost, other = (
        logging.LogRecord("dbos", logging.WARNING, "", 0, text, (), None)
        for text in ("Database connection failed: refused\n(Background on …)", "queue is empty")
    )
    assert [throttle.filter(lost), throttle.filter(lost), throttle.filter(other)] == [
        True,
        False,
        True,
    ]
    assert lost.getMessage() == "Database connection failed: refused"


@contextmanager
def away(server: PostgresServer, url: str) -> Iterator[None]:
    """The server is not to be reached: no new connection, and those that there were are gone."""
    folder = Path(url.rpartition("host=")[2])
    address, hidden = folder / ".s.PGSQL.5432", folder / "hidden"
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        address.rename(hidden)
        try:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            yield
        finally:
            hidden.rename(address)


@pytest.mark.slow
def test_work_goes_on_after_an_outage_and_ends_in_one(postgres: PostgresServer, tmp_path: Path):
    url = postgres.create_database()
    engine, log = open_engine(url, tmp_path), tmp_path / "looks.log"
    command = [sys.executable, "-m", "tests.batches.worker_process", tmp_path, url, log, 2, 0.01]
    with subprocess.Popen(
        [*map(str, command), "2000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        wait_until(engine, lambda batch: batch.completed > 20)
        with away(postgres, url):
            time.sleep(0.5)
        engine.dispose()
        returned_at = time.monotonic()
        before = read_single_batch(engine)
        assert before is not None
        wait_until(engine, lambda batch: batch.completed > before.completed, timeout_s=10.0)
        assert time.monotonic() - returned_at < 10.0
        with away(postgres, url):
            worker.terminate()
            assert worker.wait(15) == 0
        assert worker.stderr is not None
        lines = worker.stderr.read().splitlines()
    assert sum("database is unavailable" in line for line in lines) == 1
    assert not [line for line in lines if "Traceback" in line], lines
    engine.dispose()
    with engine.connect() as c:  # what is counted is there
        stored = c.scalar(sa.select(sa.func.count()).select_from(tables.results))
    batch = read_single_batch(engine)
    assert batch is not None
    assert stored == batch.completed
    engine.dispose()


def test_locked_tables_are_an_answer_within_seconds_and_nothing_is_half_done(
    postgres: PostgresServer, tmp_path: Path, fake_tools: FakeTools
):
    """As where a backup or a migration holds the queue's tables."""
    url = postgres.create_database()
    hurried_url = f"{url}&options=-c%20lock_timeout%3D200"  # instead of 3 s
    with open_service_at(hurried_url, tmp_path, fake_tools, workers=0) as service:
        batch, _ = service.submit(BatchRequest(prior=0.5), picture_items(10))
        with psycopg.connect(url) as other:
            other.execute("LOCK TABLE dbos.workflow_status IN ACCESS EXCLUSIVE MODE")
            began = time.monotonic()
            with pytest.raises(DatabaseUnavailable) as refused:
                service.submit(BatchRequest(prior=0.5), picture_items(10))
            assert refused.value.retry_after_s == outage.RETRY_AFTER_S
            with pytest.raises(DatabaseUnavailable):
                service.cancel(batch.id, "")
            assert time.monotonic() - began < 5.0
            assert service.list_batches("").batches == (batch,)
            other.rollback()
        assert service.cancel(batch.id, "").status == "cancelling"


def test_a_locked_file_is_an_answer_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engines, "REQUEST_TIMEOUT_S", 0)
    database = open_database(None, tmp_path)
    with closing(sqlite3.connect(tmp_path / engines.DATABASE_FILE)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnavailable):
            database.for_requests().write(lambda c: c.execute(sa.text("SELECT 1")))
        with database.for_requests().reading() as c:
            assert c.scalar(sa.text("SELECT 1")) == 1  # readers wait for nobody
        other.rollback()
    assert database.for_requests().write(lambda c: c.scalar(sa.text("SELECT 1"))) == 1
    database.close()


def test_a_missing_server_is_unavailable(open_service: OpenService, tmp_path: Path):
    with pytest.raises(DatabaseUnavailable):
        open_database(f"postgresql://nobody@/none?host={tmp_path}", tmp_path)
