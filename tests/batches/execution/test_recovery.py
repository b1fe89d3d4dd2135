"""Processes that crash: nothing lost, nothing twice, and no crash repeats for ever."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from app.batches.service import BatchService
from app.batches.store import tables
from app.batches.store.database import Database, open_database
from app.batches.store.models import Batch, BatchRequest, Status
from app.batches.store.queries import batch_from_row
from app.batches.webhooks.flagged_threshold import FLAGGED_THRESHOLD_TYPE
from app.batches.webhooks.messages import list_deliveries
from app.records import Item
from tests.batches.conftest import (
    OpenService,
    PostgresServer,
    dbos_table,
    open_engine,
    open_service_at,
    wait_until_ended,
    wait_until_erased,
)
from tests.batches.fake_tools import CRASHING, CRASHING_ONCE, FakeTools, bytes_of, picture_items

ITEMS = 2_000
ANALYZE_S = 0.002

StartWorker = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[StartWorker]:
    """Start a process that works on batches; it is ready when this returns."""
    running: list[subprocess.Popen[str]] = []

    def start_process(
        url: str | None, items: int = 0, analyze_s: float = ANALYZE_S
    ) -> subprocess.Popen[str]:
        log = tmp_path / "looks.log"
        arguments = [tmp_path, url or "-", log, 2, analyze_s, items]
        command = [sys.executable, "-m", "tests.batches.worker_process", *map(str, arguments)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield start_process
    for process in running:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def is_ready(process: subprocess.Popen[str]) -> bool:
    assert process.stdout is not None
    return process.stdout.readline() == "ready\n"


def read_single_batch(engine: sa.Engine) -> Batch | None:
    """The one batch, read past every service."""
    statement = sa.select(tables.batches, sa.literal(time.time()).label("now"))
    with engine.connect() as c:
        row = c.execute(statement).one_or_none()
    return None if row is None else batch_from_row(row)


def wait_until(
    engine: sa.Engine, is_reached: Callable[[Batch], bool], timeout_s: float = 60.0
) -> Batch:
    deadline = time.monotonic() + timeout_s
    while True:
        batch = read_single_batch(engine)
        if batch is not None and is_reached(batch):
            return batch
        assert time.monotonic() < deadline, batch
        time.sleep(0.02)


def assert_complete(engine: sa.Engine, count: int) -> None:
    """Every item exactly once, and counts that agree with the results."""
    with engine.connect() as c:
        seqs = list(c.scalars(sa.select(tables.results.c.seq).order_by(tables.results.c.seq)))
        statement = sa.select(sa.func.sum(tables.averages.c.pictures))
        averaged = c.scalar(statement)
        scored_count = sa.select(sa.func.count()).where(tables.pictures.c.outcome == "scored")
        scored_pictures = c.scalar(scored_count)
        open_chunks = c.scalar(sa.select(sa.func.count()).where(~tables.chunks.c.done))
    batch = read_single_batch(engine)
    assert batch is not None
    assert seqs == list(range(count))
    assert (batch.status, batch.total) == (Status.COMPLETED, count)
    assert batch.completed + batch.failed == count
    assert sum(batch.verdicts.values()) == sum(batch.outcomes.values()) == batch.completed
    assert batch.cohort is not None
    assert batch.cohort["items"] == count
    assert averaged == scored_pictures
    assert open_chunks == 0


@pytest.mark.slow
def test_a_process_killed_in_the_middle_of_2000_items(
    url: str | None, tmp_path: Path, start_worker: StartWorker
):
    first = start_worker(url, ITEMS)
    assert is_ready(first)
    engine = open_engine(url, tmp_path)
    wait_until(engine, lambda batch: batch.completed > ITEMS // 4)
    first.kill()
    first.wait()
    restarted = time.monotonic()
    second = start_worker(url)
    batch = wait_until(engine, lambda batch: batch.has_ended)
    assert time.monotonic() - restarted < 60
    assert_complete(engine, ITEMS)
    counts = FakeTools(tmp_path / "looks.log").analysis_counts()
    repeated = sum(counts.values()) - ITEMS
    assert repeated <= 300  # of the pieces that were not committed yet
    second.terminate()
    assert second.wait(15) == 0
    assert batch.completed == ITEMS
    # In each database about a sixth of them is flagged: before the end, after the crash.
    deliveries = list_deliveries(engine, batch.id)
    assert [each.type for each in deliveries] == [FLAGGED_THRESHOLD_TYPE]
    engine.dispose()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["dies", "freezes"])
@pytest.mark.slow
def test_one_of_two_workers_dies_or_freezes(
    postgres: PostgresServer, tmp_path: Path, start_worker: StartWorker, how: signal.Signals
):
    """The other one does the rest; and one that only froze does no harm when it thaws."""
    url = postgres.create_database()
    engine = open_engine(url, tmp_path)
    first, second = start_worker(url, 1_500, 0.005), start_worker(url, 0, 0.005)
    assert is_ready(first)
    assert is_ready(second)
    wait_until(engine, lambda batch: batch.completed > 300)
    stopped_at = time.monotonic()
    first.send_signal(how)
    wait_until(engine, lambda batch: batch.has_ended)
    assert time.monotonic() - stopped_at < 60
    assert_complete(engine, 1_500)
    if how == signal.SIGSTOP:
        first.send_signal(signal.SIGCONT)
        time.sleep(1.0)
        assert_complete(engine, 1_500)
        first.terminate()
        assert first.wait(15) == 0
    second.terminate()
    assert second.wait(15) == 0
    engine.dispose()


@pytest.mark.slow
def test_sigterm_leaves_everything_in_order(
    url: str | None, tmp_path: Path, start_worker: StartWorker
):
    engine = open_engine(url, tmp_path)
    first = start_worker(url, 500, 0.01)
    assert is_ready(first)
    wait_until(engine, lambda batch: batch.completed > 100)
    signalled_at = time.monotonic()
    first.terminate()
    assert first.wait(20) == 0
    assert time.monotonic() - signalled_at < 15
    with engine.connect() as c:
        assert c.scalar(sa.select(sa.func.sum(tables.chunks.c.deaths))) == 0
        assert c.scalar(sa.select(sa.func.count()).select_from(tables.workers)) == 0
    second = start_worker(url, 0, 0.0)
    wait_until(engine, lambda batch: batch.has_ended)
    assert_complete(engine, 500)
    assert set(FakeTools(tmp_path / "looks.log").analysis_counts().values()) == {1}
    second.terminate()
    assert second.wait(15) == 0
    engine.dispose()


@pytest.mark.slow
def test_pictures_that_crash_the_process_are_found_and_skipped(
    tmp_path: Path, start_worker: StartWorker
):
    """Two that always kill, one that killed once: three deaths at most for each."""
    payloads = [bytes_of(seq) for seq in range(120)]
    payloads[40], payloads[41], payloads[90] = CRASHING + b" a", CRASHING + b" b", CRASHING_ONCE
    fake_tools = FakeTools(tmp_path / "looks.log")
    with open_service_at(None, tmp_path, fake_tools, workers=0) as service:
        rows = (Item(s, str(s), payload=payload) for s, payload in enumerate(payloads))
        service.submit(BatchRequest(prior=0.5), rows)
    engine, crashes = open_engine(None, tmp_path), 0
    while True:
        process = start_worker(None, 0, 0.001)
        while process.poll() is None:
            batch = read_single_batch(engine)
            assert batch is not None
            if batch.has_ended:
                break
            time.sleep(0.05)
        if process.poll() is None:
            break
        assert process.returncode == -signal.SIGKILL
        crashes += 1
        assert crashes <= 9
    process.terminate()
    assert process.wait(15) == 0
    assert_complete(engine, 120)
    assert batch is not None
    assert (batch.completed, batch.failed) == (118, 2)
    with open_service_at(None, tmp_path, fake_tools, workers=0) as service:
        failures = {
            r.seq: r.failure for r in service.iter_results(batch.id, "") if r.failure is not None
        }
    assert {seq: failure.code for seq, failure in failures.items()} == {
        40: "picture_kills",
        41: "picture_kills",
    }
    assert not any(failure.retryable for failure in failures.values())
    engine.dispose()


def test_a_live_process_presumed_dead_does_nothing_twice(
    open_service: OpenService, fake_tools: FakeTools
):
    """As two processes at once on one chunk: its workflow is handed out again and again."""
    fake_tools.analyze_s = 0.005
    service = open_service()
    batch, _ = service.submit(BatchRequest(prior=0.5), picture_items(400))
    recovered = 0
    while not service.get(batch.id, "").has_ended:
        recovered += service._queue.recover([service._executor_id])
        time.sleep(0.1)
    assert recovered > 3
    assert_complete(service.engine, 400)


def test_lost_workflows_are_enqueued_again(open_service: OpenService, fake_tools: FakeTools):
    """As after a power cut, or a death between our transaction and the queue's."""
    fake_tools.analyze_s = 0.002
    service = open_service(workers=0)
    batch, _ = service.submit(BatchRequest(prior=0.5), picture_items(200))
    names = [f"{batch.id}:0:{k}:0" for k in range(service.max_active_chunks)]
    service._queue.delete_workflows(names[:2])
    make_stalled(service)
    service._maintenance.run_once()
    assert service._queue.workflow_states(names) == dict.fromkeys(names, True)
    service = open_service()
    wait_until_ended(service, service.get(batch.id, ""))
    assert_complete(service.engine, 200)


def test_work_that_an_older_program_enqueued_is_taken_up(open_service: OpenService):
    """One that still ran when this one started, and is gone."""
    service = open_service(workers=0)
    batch, _ = service.submit(BatchRequest(prior=0.5), picture_items(60))
    names = [f"{batch.id}:0:{k}:0" for k in range(2)]
    status = dbos_table(service.engine, "workflow_status")
    older = {"application_version": "2", "queue_partition_key": None}
    with service.engine.begin() as c:
        c.execute(sa.update(status).where(status.c.workflow_uuid.in_(names)).values(older))
    make_stalled(service)
    service._maintenance.run_once()
    following = [f"{batch.id}:0:{k}:1" for k in range(2)]
    assert service._queue.workflow_states(following) == dict.fromkeys(following, True)


def test_a_workflow_that_ended_too_early_is_run_again(open_service: OpenService):
    from dbos import DBOS

    service = open_service(workers=0)
    batch, _ = service.submit(BatchRequest(prior=0.5), picture_items(60))
    for k in range(3):
        DBOS.cancel_workflow(f"{batch.id}:0:{k}:0")
    make_stalled(service)
    service._maintenance.run_once()
    service = open_service()
    wait_until_ended(service, service.get(batch.id, ""))
    assert_complete(service.engine, 60)


def test_an_incomplete_list_is_deleted(open_service: OpenService, tmp_path: Path, url: str | None):
    service = open_service(workers=0)
    is_reading, may_continue = threading.Event(), threading.Event()

    def slow() -> Iterator[Item]:
        yield from picture_items(10)
        is_reading.set()
        may_continue.wait(10)
        raise ConnectionError("the client is gone")

    def submit() -> None:
        with pytest.raises(ConnectionError):
            service.submit(BatchRequest(prior=0.5), slow())

    thread = threading.Thread(target=submit)
    thread.start()
    is_reading.wait(10)
    service._maintenance.clean_up()
    assert read_single_batch(service.engine) is not None  # its process lives
    with service.engine.begin() as c:
        c.execute(sa.update(tables.batches).values(submitter="somebody dead"))
    service._maintenance.clean_up()
    may_continue.set()
    thread.join()
    wait_until_erased(service)
    with service.engine.connect() as c:
        for table in (tables.batches, tables.deleted_batches, *tables.BATCH_TABLES):
            assert c.execute(sa.select(table)).all() == [], table.name


def test_locks_of_a_dead_process_are_released(
    postgres: PostgresServer, tmp_path: Path, fake_tools: FakeTools
):
    """Nothing else ends the session of one that froze in the middle of a statement."""
    url = postgres.create_database()
    with open_service_at(url, tmp_path, fake_tools, workers=0) as service:
        batch, _ = service.submit(BatchRequest(prior=0.5), picture_items(40))
    with psycopg.connect(url, application_name="eyeline a ghost") as frozen:
        frozen.execute("INSERT INTO workers VALUES ('a ghost', 1, 0)")
        frozen.commit()
        frozen.execute("SELECT * FROM batches, chunks FOR UPDATE")
        began = time.monotonic()
        with open_service_at(url, tmp_path, fake_tools) as service:
            assert wait_until_ended(service, batch).completed == 40
        assert time.monotonic() - began < 15
        with pytest.raises(psycopg.OperationalError):
            frozen.execute("SELECT 1")


def test_old_ended_workflows_are_deleted(open_service: OpenService):
    service = open_service()
    batch = wait_until_ended(
        service, service.submit(BatchRequest(prior=0.5), picture_items(120))[0]
    )
    waiting, _ = open_service(workers=0).submit(BatchRequest(prior=0.5), picture_items(120))
    service = open_service(workers=0)
    names = [f"{batch.id}:0:{k}:0" for k in range(4)]
    assert service._queue.workflow_states(names) == dict.fromkeys(names, False)
    service._queue.delete_ended(3600.0)
    assert service._queue.workflow_states(names) == dict.fromkeys(names, False)
    service._queue.delete_ended(-1.0)
    assert service._queue.workflow_states(names) == {}
    waiting_names = [f"{waiting.id}:0:{k}:0" for k in range(4)]
    assert service._queue.workflow_states(waiting_names) == dict.fromkeys(waiting_names, True)


def make_stalled(service: BatchService) -> None:
    """As if nothing had moved for a while."""
    with service.engine.begin() as c:
        c.execute(sa.update(tables.batches).values(changed_at=0.0))


def test_a_database_lock_ends_with_its_process(tmp_path: Path, start_worker: StartWorker):
    process = start_worker(None)
    assert is_ready(process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    database: Database = open_database(None, tmp_path)
    database.close()
