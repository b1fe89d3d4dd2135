"""A database of the released version is carried over, whichever kind it is."""

import base64
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.batches.store import tables
from app.batches.store.database import open_database
from app.batches.store.models import Status
from app.batches.store.tables import SCHEMA_VERSION
from tests.batches.conftest import open_engine, open_service_at, wait_until_ended
from tests.batches.fake_tools import FakeTools, bytes_of, record_of

RELEASED = Path(__file__).with_name("released_v1.json")
"""DDL and rows of version 1: a list of 12 pictures that has ended, and one of 40 that waits."""


@pytest.fixture(params=["sqlite", "postgres"])
def released_url(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    """Of a database of version 1; ``None`` for SQLite, in ``tmp_path``."""
    is_sqlite = request.param == "sqlite"
    url = None if is_sqlite else request.getfixturevalue("postgres").create_empty_database()
    engine = open_engine(url, tmp_path)
    with engine.begin() as c:
        restore_released(c)
        if url is not None:
            c.exec_driver_sql("SELECT setval('batches_no_seq', 2)")
    engine.dispose()
    return url


def restore_released(c: sa.Connection) -> None:
    released: dict[str, Any] = json.loads(RELEASED.read_text())
    for statement in released["tables"][c.dialect.name]:
        c.exec_driver_sql(statement)
    for name, rows in released["rows"].items():
        for row in rows:
            values = {column: decode(value) for column, value in row.items()}
            c.execute(sa.insert(sa.table(name, *map(sa.column, values))).values(values))
    row = {"batch_no": 1, "of": "likely_generated", "shard": 0, "pictures": 0, "sums": b""}
    c.execute(sa.insert(tables.averages).values(row))


def decode(value: Any) -> Any:
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value


def test_a_released_database_is_carried_over(
    released_url: str | None, tmp_path: Path, fake_tools: FakeTools
) -> None:
    for ending in ("", "-wal", "-shm"):
        (tmp_path / f"jobs.sqlite{ending}").write_bytes(b"the queue of version 1")
    with open_service_at(released_url, tmp_path, fake_tools) as service:
        finished = service.get("batch_finished", "anna")
        assert finished.verdicts["likely_stylegan"] > 0
        assert set(finished.verdicts) <= {"likely_stylegan", "inconclusive", "not_applicable"}
        assert (finished.request.notes, finished.request.title) == ((), None)
        assert set(service.read_tile_sums(finished.id, "anna")) == {"likely_stylegan", "rest"}
        records = [result.record for result in service.iter_results(finished.id, "anna")]
        expected = [record_of(bytes_of(seq)) for seq in range(12)]
        assert [(r.sha256, r.llr, r.verdict, r.eyes) for r in records if r is not None] == [
            (r.sha256, r.llr, r.verdict, r.eyes) for r in expected
        ]
        unmeasured = {(r.llr_ordinary, r.llr_framed, r.pdq, r.pdq_quality) for r in records if r}
        assert unmeasured == {(None, None, "", 0)}
        began = time.monotonic()
        ended = wait_until_ended(service, service.get("batch_unfinished", "anna"))
        assert time.monotonic() - began < 20
        assert (ended.status, ended.completed) == (Status.COMPLETED, 40)
        assert ended.cohort is not None
        with service.engine.connect() as c:
            assert c.scalar(sa.select(tables.schema.c.version)) == SCHEMA_VERSION
    if released_url is None:
        assert list(tmp_path.glob("jobs.sqlite*")) == []


def test_migrated_tables_are_those_of_a_new_database(
    released_url: str | None, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    fresh_url = None
    if released_url is not None:
        fresh_url = request.getfixturevalue("postgres").create_empty_database()
    migrated = read_shape(released_url, tmp_path)
    assert migrated == read_shape(fresh_url, tmp_path / "fresh")
    assert set(tables.metadata.tables) < set(migrated)
    assert read_shape(released_url, tmp_path) == migrated  # a second start changes nothing


def read_shape(url: str | None, folder: Path) -> dict[str, object]:
    """Columns and indexes of every table of a database, once it was opened."""
    database = open_database(url, folder)
    inspector = sa.inspect(database.engine)
    shape: dict[str, object] = {
        name: (
            sorted(
                str([c[key] for key in ("name", "type", "nullable", "default")])
                for c in inspector.get_columns(name)
            ),
            sorted(str(index["name"]) for index in inspector.get_indexes(name)),
        )
        for name in inspector.get_table_names()
    }
    database.close()
    return shape


def test_answers_of_the_released_version_get_the_new_verdicts(
    released_url: str | None, tmp_path: Path, fake_tools: FakeTools
) -> None:
    engine = open_engine(released_url, tmp_path)
    stored = '{"verdict":"likely_generated","summary":"é","checks":[]}'.encode()
    with engine.begin() as c:
        c.execute(sa.update(tables.pictures).values(analysis=stored))
    engine.dispose()
    with open_service_at(released_url, tmp_path, fake_tools, workers=0) as service:
        answers = {
            bytes(result.record.analysis)
            for result in service.iter_results("batch_finished", "anna")
            if result.record is not None
        }
    assert answers == {stored.replace(b"likely_generated", b"likely_stylegan")}


def test_whoever_opens_a_new_database_first_makes_every_table(tmp_path: Path) -> None:
    """In a process that has imported nothing else, as a worker's first check is."""
    program = (
        "import sys; from pathlib import Path\n"
        "from app.batches.store.database import database_problem\n"
        "sys.exit(database_problem(None, Path(sys.argv[1])))"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    engine = open_engine(None, tmp_path)
    names = set(sa.inspect(engine).get_table_names())
    engine.dispose()
    assert {"batches", "decisions", "webhook_messages", "webhook_tries"} <= names


def test_missing_tables_of_webhooks_are_added(tmp_path: Path) -> None:
    open_database(None, tmp_path).close()
    engine = open_engine(None, tmp_path)
    with engine.begin() as c:
        c.exec_driver_sql("DROP TABLE webhook_messages")
    open_database(None, tmp_path).close()
    assert sa.inspect(engine).has_table("webhook_messages")
    engine.dispose()
