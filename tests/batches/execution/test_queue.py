"""What DBOS' tables hold: no batch without work, no id of a deleted one, and no pickle."""

import base64
import os
import pickle
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.batches.execution import chunk_processor
from app.batches.execution.chunks import ChunkKey
from app.batches.service import BatchService
from app.batches.store import tables
from app.batches.store.models import BatchRequest
from app.records import Item
from tests.batches.conftest import (
    OpenService,
    dbos_table,
    open_engine,
    wait_until_ended,
    wait_until_erased,
)
from tests.batches.fake_tools import FakeTools, picture_items

CRASHES = 4
APP = Path(chunk_processor.__file__).parents[3]


def dbos_rows(engine: sa.Engine) -> Iterator[tuple[str, Any]]:
    """Table and every row of DBOS' tables."""
    ours = set(tables.metadata.tables)
    schema = "dbos" if engine.dialect.name == "postgresql" else None
    for name in sa.inspect(engine).get_table_names(schema=schema):
        if name not in ours:
            with engine.connect() as c:
                for row in c.execute(sa.select(dbos_table(engine, name))):
                    yield name, row


def wait_until_looked_at(fake_tools: FakeTools, count: int) -> None:
    deadline = time.monotonic() + 20
    while fake_tools.analysis_counts().total() < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Planted:
    """Runs a command when it is unpickled."""

    def __init__(self, evidence: Path) -> None:
        self.evidence = evidence

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.evidence}",)


def test_a_planted_pickle_runs_nothing(open_service: OpenService, tmp_path: Path) -> None:
    """A row that calls itself pickled, written by whoever can write to the database."""
    service = open_service()
    evidence = tmp_path / "evidence"
    payload = {"args": (Planted(evidence),), "kwargs": {}}
    planted = base64.b64encode(pickle.dumps(payload)).decode()
    key = ChunkKey("batch_planted", 0, 0, 0)
    status = dbos_table(service.engine, "workflow_status")
    tables_with_inputs = inputs_tables(service.engine)
    with service.engine.begin() as c:
        service._queue.enqueue_chunk(c, key, "", 1)
        this_row = status.c.workflow_uuid == key.workflow_id
        c.execute(sa.update(status).where(this_row).values(serialization="py_pickle"))
        for table in tables_with_inputs:
            this_input = table.c.workflow_uuid == key.workflow_id
            c.execute(sa.update(table).where(this_input).values(inputs=planted))
    deadline = time.monotonic() + 20
    while service._queue.workflow_states([key.workflow_id]) != {key.workflow_id: False}:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not evidence.exists()
    with service.engine.connect() as c:
        assert c.scalar(sa.select(status.c.status).where(this_row)) == "ERROR"
    pickle.loads(base64.b64decode(planted))  # noqa: S301
    assert evidence.exists()  # what was planted would have run


def inputs_tables(engine: sa.Engine) -> list[sa.Table]:
    """DBOS' tables with the arguments of workflows."""
    schema = "dbos" if engine.dialect.name == "postgresql" else None
    names = sa.inspect(engine).get_table_names(schema=schema)
    ours = set(tables.metadata.tables)
    found = [dbos_table(engine, name) for name in names if name not in ours]
    with_inputs = [t for t in found if "inputs" in t.c and "workflow_uuid" in t.c]
    assert with_inputs
    return with_inputs


def test_no_table_holds_a_pickle(open_service: OpenService) -> None:
    service = open_service()
    batch, _ = service.submit(BatchRequest(prior=0.5), picture_items(120))
    wait_until_ended(service, batch)
    rows = list(dbos_rows(service.engine))
    statuses = [row for name, row in rows if name == "workflow_status"]
    assert len(statuses) >= 4
    assert {row.serialization for row in statuses} == {"portable_json"}
    pickled = re.compile(rb"\x80[\x02-\x05]|gA[SR]")  # raw, and as Base64
    for name, row in rows:
        for value in row:
            data = value if isinstance(value, bytes) else str(value).encode()
            assert not pickled.match(data), name


def test_two_private_names_of_dbos_are_used() -> None:
    """Its authors may drop any of them: these fail at import, or in the test of outages."""
    lines = [
        line
        for path in (APP / "app").rglob("*.py")
        for line in path.read_text().splitlines()
        if "dbos._" in line
    ]
    assert sorted(lines) == [
        "from dbos._serialization import DBOSDefaultSerializer",
        "import dbos._sys_db as dbos_database",
    ]


def test_a_crash_around_a_start_leaves_no_batch_without_work(
    url: str | None, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.batches.submitter_process", str(tmp_path), url or "-"]
    for _ in range(CRASHES):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(2):
                assert process.stdout.readline() == "submitted\n"
            time.sleep(random.uniform(0.0, 0.2))
            process.kill()
    engine = open_engine(url, tmp_path)
    with engine.connect() as c:
        started = dict(
            c.execute(
                sa.select(tables.batches.c.id, tables.batches.c.chunks_asked).where(
                    tables.batches.c.status == "in_progress"
                )
            ).all()
        )
        status = dbos_table(engine, "workflow_status")
        ids = list(c.scalars(sa.select(status.c.workflow_uuid)))
    enqueued = [workflow_id.split(":")[0] for workflow_id in ids]
    assert len(started) > CRASHES
    assert {batch_id: enqueued.count(batch_id) for batch_id in {*started, *enqueued}} == started
    engine.dispose()


def test_a_short_list_need_not_wait_for_long_ones(
    open_service: OpenService, fake_tools: FakeTools, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve lists of 2,000 and one of 20: under 30 s, tried at a fifth of all times."""
    fake_tools.analyze_s = 0.1 / 5
    monkeypatch.setattr(chunk_processor, "TIME_SLICE_S", chunk_processor.TIME_SLICE_S / 5)
    service = open_service()
    for _ in range(12):
        service.submit(BatchRequest(prior=0.5), picture_items(2_000))
    wait_until_looked_at(fake_tools, 50)
    rows = [Item(seq, str(seq), payload=b"short %d" % seq) for seq in range(20)]
    began = time.monotonic()
    batch, _ = service.submit(BatchRequest(prior=0.5), rows)
    assert wait_until_ended(service, batch).completed == 20
    assert time.monotonic() - began < 30 / 5


@pytest.mark.parametrize("url", [None], ids=["sqlite"])
def test_six_long_lists_of_one_owner_do_not_hold_up_another(
    url: None, open_service: OpenService, fake_tools: FakeTools
) -> None:
    """Of what is analyzed until the other's are done, half is the other's, but for a few."""
    fake_tools.analyze_s = 0.015
    service = open_service()
    for n in range(6):
        rows = [Item(seq, str(seq), payload=b"hog %d %d" % (n, seq)) for seq in range(200)]
        service.submit(BatchRequest(prior=0.5, owner="hog"), rows)
    wait_until_looked_at(fake_tools, 50)
    rows = [Item(seq, str(seq), payload=b"other %d" % seq) for seq in range(40)]
    batch, _ = service.submit(BatchRequest(prior=0.5, owner="other"), rows)
    submitted = fake_tools.analysis_counts().total()
    assert wait_until_ended(service, batch).completed == 40
    looks = fake_tools.log.read_bytes().splitlines()
    first, *_, last = (n for n, look in enumerate(looks) if look.startswith(b"other"))
    assert last - first < 40 + 40 + 12
    assert (
        first - submitted < 90
    )  # no chunk of the hog's has to end before: three of 32 are at work


@pytest.mark.parametrize("in_progress", [False, True], ids=["waiting", "in progress"])
def test_deletion_leaves_no_id_in_the_queue(
    open_service: OpenService, fake_tools: FakeTools, in_progress: bool
) -> None:
    fake_tools.analyze_s = 0.05
    service = open_service(workers=2 if in_progress else 0)
    batch, _ = service.submit(BatchRequest(prior=0.5), picture_items(400))
    other, _ = service.submit(BatchRequest(prior=0.5), picture_items(1))
    if in_progress:
        wait_until_looked_at(fake_tools, 5)
    assert holds(service, batch.id)
    service.delete(batch.id, "")
    wait_until_erased(service)
    assert not holds(service, batch.id)
    if in_progress:
        wait_until_ended(service, other)  # the workers go on
        service.close()
        with_id = open_service(workers=0)
        assert not holds(with_id, batch.id)
        assert holds(with_id, other.id)
    else:
        assert holds(service, other.id)


def holds(service: BatchService, batch_id: str) -> bool:
    """Whether a table of DBOS names the batch."""
    return any(batch_id in str(value) for _, row in dbos_rows(service.engine) for value in row)
