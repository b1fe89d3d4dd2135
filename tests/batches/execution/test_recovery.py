"""Processes that die in the middle: nothing lost, nothing twice, and nobody dies for ever."""

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

from app.batches.service import Desk
from app.batches.store import tables
from app.batches.store.database import Database, open_database
from app.batches.store.models import Batch, NewBatch, Status
from app.batches.store.queries import told
from app.records import Item
from tests.batches.conftest import Opened, Postgres, ended, open_desk
from tests.batches.stand_in import KILLER, SPITEFUL, StandIn, bytes_of, pictures

ITEMS = 5_000
SECONDS = 0.002

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a process that works on batches; it is ready when this returns."""
    running: list[subprocess.Popen[str]] = []

    def started(url: str | None, items: int = 0, seconds: float = SECONDS) -> subprocess.Popen[str]:
        log = tmp_path / "looks.log"
        words = [tmp_path, url or "-", log, 2, seconds, items]
        command = [sys.executable, "-m", "tests.batches.house", *map(str, words)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield started
    for process in running:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def is_ready(process: subprocess.Popen[str]) -> bool:
    assert process.stdout is not None
    return process.stdout.readline() == "ready\n"


def standing(engine: sa.Engine) -> Batch | None:
    """The one batch, read past every desk."""
    of = sa.select(tables.batches, sa.literal(time.time()).label("now"))
    with engine.connect() as c:
        row = c.execute(of).one_or_none()
    return None if row is None else told(row)


def reader(url: str | None, folder: Path) -> sa.Engine:
    if url is None:
        return sa.create_engine(f"sqlite:///{folder / 'eyeline.sqlite'}")
    return sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))


def until(engine: sa.Engine, reached: Callable[[Batch], bool], timeout_s: float = 60.0) -> Batch:
    end = time.monotonic() + timeout_s
    while True:
        batch = standing(engine)
        if batch is not None and reached(batch):
            return batch
        assert time.monotonic() < end, batch
        time.sleep(0.02)


def assert_whole(engine: sa.Engine, count: int) -> None:
    """Every item exactly once, and counts that agree with the results."""
    with engine.connect() as c:
        seqs = list(c.scalars(sa.select(tables.results.c.seq).order_by(tables.results.c.seq)))
        shown = sa.select(sa.func.sum(tables.averages.c.pictures))
        averaged = c.scalar(shown)
        scored = sa.select(sa.func.count()).where(tables.pictures.c.outcome == "scored")
        met = c.scalar(scored)
        open_ones = c.scalar(sa.select(sa.func.count()).where(~tables.chunks.c.done))
    batch = standing(engine)
    assert batch is not None
    assert seqs == list(range(count))
    assert (batch.status, batch.total) == (Status.COMPLETED, count)
    assert batch.completed + batch.failed == count
    assert sum(batch.verdicts.values()) == sum(batch.outcomes.values()) == batch.completed
    assert batch.cohort is not None
    assert batch.cohort["items"] == count
    assert averaged == met
    assert open_ones == 0


def test_a_process_killed_in_the_middle_of_5000_items(
    url: str | None, tmp_path: Path, start: Start
):
    first = start(url, ITEMS)
    assert is_ready(first)
    engine = reader(url, tmp_path)
    until(engine, lambda batch: batch.completed > ITEMS // 4)
    first.kill()
    first.wait()
    restarted = time.monotonic()
    second = start(url)
    batch = until(engine, lambda batch: batch.ended)
    assert time.monotonic() - restarted < 60
    assert_whole(engine, ITEMS)
    looks = StandIn(tmp_path / "looks.log").looks()
    twice = sum(looks.values()) - ITEMS
    assert twice <= 300  # of the pieces that were not committed yet
    second.terminate()
    assert second.wait(15) == 0
    assert batch.completed == ITEMS
    engine.dispose()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["dies", "freezes"])
def test_one_of_two_workers_is_gone_for_good(
    postgres: Postgres, tmp_path: Path, start: Start, how: signal.Signals
):
    """The other one does the rest; and one that only froze does no harm when it thaws."""
    url = postgres.fresh()
    engine = reader(url, tmp_path)
    first, second = start(url, 1_500, 0.005), start(url, 0, 0.005)
    assert is_ready(first)
    assert is_ready(second)
    until(engine, lambda batch: batch.completed > 300)
    gone = time.monotonic()
    first.send_signal(how)
    until(engine, lambda batch: batch.ended)
    assert time.monotonic() - gone < 60
    assert_whole(engine, 1_500)
    if how == signal.SIGSTOP:
        first.send_signal(signal.SIGCONT)
        time.sleep(1.0)
        assert_whole(engine, 1_500)
        first.terminate()
        assert first.wait(15) == 0
    second.terminate()
    assert second.wait(15) == 0
    engine.dispose()


def test_told_to_go_a_process_leaves_everything_in_order(
    url: str | None, tmp_path: Path, start: Start
):
    engine = reader(url, tmp_path)
    first = start(url, 500, 0.01)
    assert is_ready(first)
    until(engine, lambda batch: batch.completed > 100)
    asked = time.monotonic()
    first.terminate()
    assert first.wait(20) == 0
    assert time.monotonic() - asked < 15
    with engine.connect() as c:
        assert c.scalar(sa.select(sa.func.sum(tables.chunks.c.deaths))) == 0
        assert c.scalar(sa.select(sa.func.count()).select_from(tables.workers)) == 0
    second = start(url, 0, 0.0)
    until(engine, lambda batch: batch.ended)
    assert_whole(engine, 500)
    assert set(StandIn(tmp_path / "looks.log").looks().values()) == {1}
    second.terminate()
    assert second.wait(15) == 0
    engine.dispose()


def test_pictures_that_kill_are_found_and_left_alone(tmp_path: Path, start: Start):
    """Two that always kill, one that killed once: three deaths at most for each."""
    payloads = [bytes_of(seq) for seq in range(120)]
    payloads[40], payloads[41], payloads[90] = KILLER + b" a", KILLER + b" b", SPITEFUL
    stand_in = StandIn(tmp_path / "looks.log")
    with open_desk(None, tmp_path, stand_in, workers=0) as desk:
        rows = (Item(s, str(s), payload=payload) for s, payload in enumerate(payloads))
        desk.submit(NewBatch(prior=0.5), rows)
    engine, deaths = reader(None, tmp_path), 0
    while True:
        process = start(None, 0, 0.001)
        while process.poll() is None:
            batch = standing(engine)
            assert batch is not None
            if batch.ended:
                break
            time.sleep(0.05)
        if process.poll() is None:
            break
        assert process.returncode == -signal.SIGKILL
        deaths += 1
        assert deaths <= 9
    process.terminate()
    assert process.wait(15) == 0
    assert_whole(engine, 120)
    assert batch is not None
    assert (batch.completed, batch.failed) == (118, 2)
    with open_desk(None, tmp_path, stand_in, workers=0) as desk:
        failures = {r.seq: r.failure for r in desk.every(batch.id, "") if r.failure is not None}
    assert {seq: failure.code for seq, failure in failures.items()} == {
        40: "picture_kills",
        41: "picture_kills",
    }
    assert not any(failure.retryable for failure in failures.values())
    engine.dispose()


def test_one_taken_for_dead_while_it_works_does_nothing_twice(opened: Opened, stand_in: StandIn):
    """As two processes at once on one chunk: its workflow is handed out again and again."""
    stand_in.seconds = 0.005
    desk = opened()
    batch, _ = desk.submit(NewBatch(prior=0.5), pictures(400))
    handed_out = 0
    while not desk.get(batch.id, "").ended:
        handed_out += desk._engine.recover([desk._executor])
        time.sleep(0.1)
    assert handed_out > 3
    assert_whole(desk.engine, 400)


def test_what_vanished_from_the_queue_is_put_there_again(opened: Opened, stand_in: StandIn):
    """As after a power cut, or a death between our transaction and the queue's."""
    stand_in.seconds = 0.002
    desk = opened(workers=0)
    batch, _ = desk.submit(NewBatch(prior=0.5), pictures(200))
    names = [f"{batch.id}:0:{k}:0" for k in range(desk.lanes)]
    desk._engine.forget(names[:2])
    age(desk)
    desk._chores.round()
    assert desk._engine.states(names) == dict.fromkeys(names, True)
    desk = opened()
    ended(desk, desk.get(batch.id, ""))
    assert_whole(desk.engine, 200)


def test_a_workflow_that_ended_too_early_is_run_again(opened: Opened):
    from dbos import DBOS

    desk = opened(workers=0)
    batch, _ = desk.submit(NewBatch(prior=0.5), pictures(60))
    for k in range(3):
        DBOS.cancel_workflow(f"{batch.id}:0:{k}:0")
    age(desk)
    desk._chores.round()
    desk = opened()
    ended(desk, desk.get(batch.id, ""))
    assert_whole(desk.engine, 60)


def test_a_list_that_never_arrived_is_erased(opened: Opened, tmp_path: Path, url: str | None):
    desk = opened(workers=0)
    held, go_on = threading.Event(), threading.Event()

    def slow() -> Iterator[Item]:
        yield from pictures(10)
        held.set()
        go_on.wait(10)
        raise ConnectionError("the client is gone")

    def hand_in() -> None:
        with pytest.raises(ConnectionError):
            desk.submit(NewBatch(prior=0.5), slow())

    thread = threading.Thread(target=hand_in)
    thread.start()
    held.wait(10)
    desk._chores.sweep()
    assert standing(desk.engine) is not None  # its process lives
    with desk.engine.begin() as c:
        c.execute(sa.update(tables.batches).values(submitter="somebody dead"))
    desk._chores.sweep()
    go_on.set()
    thread.join()
    with desk.engine.connect() as c:
        for table in (tables.batches, tables.graves, *tables.BELONGINGS):
            assert c.execute(sa.select(table)).all() == [], table.name


def test_what_a_dead_process_had_locked_is_let_go(
    postgres: Postgres, tmp_path: Path, stand_in: StandIn
):
    """Nothing else ends the session of one that froze in the middle of a statement."""
    url = postgres.fresh()
    with open_desk(url, tmp_path, stand_in, workers=0) as desk:
        batch, _ = desk.submit(NewBatch(prior=0.5), pictures(40))
    with psycopg.connect(url, application_name="eyeline a ghost") as frozen:
        frozen.execute("INSERT INTO workers VALUES ('a ghost', 1, 0)")
        frozen.commit()
        frozen.execute("SELECT * FROM batches, chunks FOR UPDATE")
        began = time.monotonic()
        with open_desk(url, tmp_path, stand_in) as desk:
            assert ended(desk, batch).completed == 40
        assert time.monotonic() - began < 15
        with pytest.raises(psycopg.OperationalError):
            frozen.execute("SELECT 1")


def test_workflows_that_ended_long_ago_are_not_kept(opened: Opened):
    desk = opened()
    batch = ended(desk, desk.submit(NewBatch(prior=0.5), pictures(120))[0])
    waiting, _ = opened(workers=0).submit(NewBatch(prior=0.5), pictures(120))
    desk = opened(workers=0)
    names = [f"{batch.id}:0:{k}:0" for k in range(4)]
    assert desk._engine.states(names) == dict.fromkeys(names, False)
    desk._engine.tidy(3600.0)
    assert desk._engine.states(names) == dict.fromkeys(names, False)
    desk._engine.tidy(-1.0)
    assert desk._engine.states(names) == {}
    left = [f"{waiting.id}:0:{k}:0" for k in range(4)]
    assert desk._engine.states(left) == dict.fromkeys(left, True)


def age(desk: Desk) -> None:
    """As if nothing had moved for a while."""
    with desk.engine.begin() as c:
        c.execute(sa.update(tables.batches).values(changed_at=0.0))


def test_a_database_is_let_go_of_with_its_process(tmp_path: Path, start: Start):
    process = start(None)
    assert is_ready(process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    again: Database = open_database(None, tmp_path)
    again.close()
