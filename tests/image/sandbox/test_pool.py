"""Decoding apart: the same pictures as in the process, and whatever happens to a child, no more."""

from __future__ import annotations

import csv
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import structlog

from app.errors import AvatarError, DecoderFailed, ImageBomb, TooLarge
from app.image.picture import DecodeLimits, Picture, decode
from app.image.sandbox import pool
from app.image.sandbox.pool import Decoders
from app.image.sandbox.process import MOST_LOOKS, Child, NotStartedError
from tests.image.sandbox import frail, shy

FACES = Path(__file__).resolve().parents[3] / "fixtures" / "faces"
HOSTILE = FACES / "hostile"
TRAPS = {
    row["file"]: row["expected"]
    for row in csv.DictReader((HOSTILE / "manifest.csv").read_text("utf-8").splitlines())
}
PICTURE = (FACES / "astronaut.jpg").read_bytes()
LIMITS = DecodeLimits(max_pixels=1_000_000)


@pytest.fixture(scope="module")
def apart() -> Iterator[Decoders]:
    made = Decoders(2)
    yield made
    made.close()


@pytest.fixture
def fragile() -> Iterator[Decoders]:
    made = Decoders(2, LIMITS, program="tests.image.sandbox.frail")
    yield made
    made.close()


@pytest.fixture(autouse=True)
def heard() -> Iterator[list[dict[str, object]]]:
    """What is logged: a lost child is."""
    with structlog.testing.capture_logs() as lines:
        yield lines  # type: ignore[misc]


def children() -> set[int]:
    """The processes that this one started and that still run."""
    tasks = Path("/proc/self/task").iterdir()
    return {int(pid) for task in tasks for pid in (task / "children").read_text().split()}


def losses(heard: list[dict[str, object]]) -> list[object]:
    """What was logged, but that a child was slow: on a busy machine any may be."""
    return [line["event"] for line in heard if line["event"] != "decoder_slow"]


def answer(unpack: Callable[[bytes], Picture], data: bytes) -> Picture | tuple[str, str]:
    try:
        return unpack(data)
    except AvatarError as error:
        return error.code, error.detail


def same(a: Picture, b: Picture) -> bool:
    facts = [
        (p.format, p.sha256, p.animated, p.declared_size, p.rgb.flags.writeable) for p in (a, b)
    ]
    return facts[0] == facts[1] and np.array_equal(a.rgb, b.rgb)


@pytest.mark.parametrize("name", TRAPS)
def test_apart_is_as_here(apart: Decoders, name: str) -> None:
    here, there = (answer(unpack, (HOSTILE / name).read_bytes()) for unpack in (decode, apart))
    if isinstance(here, Picture):
        assert isinstance(there, Picture)
        assert same(here, there)
    else:
        assert there == here


def test_a_picture_at_the_limit_of_the_working_size(apart: Decoders) -> None:
    from PIL import Image

    from tests.make_hostile import saved

    data = saved(Image.effect_noise((2400, 2400), 40).convert("RGB"), "JPEG", quality=60)
    assert same(apart(data), decode(data))


def test_too_many_bytes(apart: Decoders) -> None:
    with pytest.raises(TooLarge):
        apart(bytes(5_000_001))


def test_limits_are_kept_apart_too(fragile: Decoders) -> None:
    with pytest.raises(ImageBomb):
        fragile((HOSTILE / "bomb.png").read_bytes())


def test_threads_agree(apart: Decoders) -> None:
    names = [name for name, code in TRAPS.items() if code == "ok"] * 2
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda name: apart((HOSTILE / name).read_bytes()), names))
    alone = [decode((HOSTILE / name).read_bytes()) for name in names]
    assert all(same(a, b) for a, b in zip(together, alone, strict=True))


@pytest.mark.parametrize("word", [frail.SEGFAULT, frail.ABORT, frail.LIE])
def test_a_killed_decoder_is_the_fault_of_its_picture_alone(
    fragile: Decoders, heard: list[dict[str, object]], word: bytes
) -> None:
    assert fragile(PICTURE).format == "JPEG"
    with pytest.raises(DecoderFailed, match="save it anew"):
        fragile(PICTURE + word)
    assert same(fragile(PICTURE), decode(PICTURE))
    assert losses(heard) == ["decoder_lost"] * 2  # asked twice


def test_neighbours_of_a_killer_are_unharmed(fragile: Decoders) -> None:
    words = [b"", frail.SEGFAULT, b"", b"", frail.ABORT, b"", b""]

    def outcome(word: bytes) -> str:
        try:
            return fragile(PICTURE + word).format
        except AvatarError as error:
            return error.code

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(outcome, words))
    assert outcomes == ["decoder_failed" if word else "JPEG" for word in words]


def test_time_is_bounded_and_costs_the_next_picture_nothing(
    fragile: Decoders, heard: list[dict[str, object]]
) -> None:
    with pytest.raises(ImageBomb, match="too long"):
        fragile(PICTURE + frail.SPIN)
    assert losses(heard) == ["decoder_lost"]  # it would take as long again
    assert fragile(PICTURE).format == "JPEG"


def test_memory_is_bounded(fragile: Decoders, heard: list[dict[str, object]]) -> None:
    with pytest.raises(ImageBomb, match="too much"):
        fragile(PICTURE + frail.EAT)
    assert losses(heard) == []
    assert fragile(PICTURE).format == "JPEG"


def test_an_idle_child_that_is_killed_costs_nobody_an_answer() -> None:
    before = children()
    decoders = Decoders(1)
    decoders(PICTURE)
    (pid,) = children() - before
    os.kill(pid, signal.SIGKILL)
    assert decoders(PICTURE).format == "JPEG"
    decoders.close()
    assert children() == before


def test_children_that_were_killed_while_idle_are_held_against_no_picture(
    heard: list[dict[str, object]],
) -> None:
    before = children()
    decoders, together = Decoders(3), threading.Barrier(3)

    def once(_: int) -> None:
        with decoders._borrowed() as child:
            together.wait(60)
            child.decode(PICTURE)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(once, range(3)))
    for pid in children() - before:
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert decoders(PICTURE).format == "JPEG"
    assert losses(heard) == ["decoder_gone"] * 3
    assert len(decoders.resident_bytes()) == 1
    decoders.close()
    assert children() == before


def test_told_to_stop_a_child_finishes() -> None:
    before = children()
    decoders = Decoders(1)
    decoders(PICTURE)
    (pid,) = children() - before
    for number in (signal.SIGTERM, signal.SIGINT):
        os.kill(pid, number)
    assert decoders(PICTURE).format == "JPEG"
    assert children() - before == {pid}
    decoders.close()


def test_no_more_children_than_callers_at_once() -> None:
    before = children()
    decoders = Decoders(8)
    for _ in range(5):
        decoders(PICTURE)
    assert len(children() - before) == 1
    decoders.close()


def test_a_child_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYELINE_API_KEYS", "hush hush hush hush")
    before = children()
    decoders = Decoders(1)
    decoders(PICTURE)
    (pid,) = children() - before
    assert b"hush" not in Path(f"/proc/{pid}/environ").read_bytes()
    decoders.close()


def test_a_child_that_does_not_start_is_our_fault_not_the_picture_s() -> None:
    decoders = Decoders(1, program="tests.decoding.nowhere")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="doctor"):
            decoders(PICTURE)
    decoders.close()


def test_waiting_callers_are_served_in_turn() -> None:
    decoders, done = Decoders(1), threading.Semaphore(0)
    with ThreadPoolExecutor(3) as pool:
        for _ in range(9):
            pool.submit(decoders, PICTURE).add_done_callback(lambda _: done.release())
        assert all(done.acquire(timeout=30) for _ in range(9))
    decoders.close()


def test_a_child_is_closed_whatever_it_does() -> None:
    before = children()
    child = Child(LIMITS)
    child.decode(PICTURE)
    (pid,) = children() - before
    os.kill(pid, signal.SIGSTOP)
    child.close()
    assert children() == before


@pytest.mark.parametrize(
    ("mood", "events"),
    [
        (shy.EXIT, ["decoder_not_started"]),
        (shy.HANG, ["decoder_not_started"]),
        (shy.TOIL, []),
    ],
)
def test_a_child_that_does_not_start_well_costs_no_picture(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    heard: list[dict[str, object]],
    mood: str,
    events: list[str],
) -> None:
    """One that works is waited for, one that hangs is not."""
    monkeypatch.chdir(tmp_path)
    Path(shy.MOOD).write_text(mood)
    before = children()
    decoders = Decoders(1, program="tests.image.sandbox.shy", look_s=0.7)
    assert decoders(PICTURE).format == "JPEG"
    assert losses(heard) == events
    if mood == shy.TOIL:
        assert heard[0]["event"] == "decoder_slow"
    if mood == shy.EXIT:
        assert any("I would rather not" in str(line.get("why")) for line in heard)
    assert len(children() - before) == 1
    decoders.close()
    assert children() == before


def test_where_children_once_started_a_shortage_is_waited_out(
    monkeypatch: pytest.MonkeyPatch, heard: list[dict[str, object]]
) -> None:
    monkeypatch.setattr(pool, "PAUSES_S", (0.1, 60.0))
    before = children()
    decoders = Decoders(1)
    decoders(PICTURE)
    (pid,) = children() - before
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    _, hard = limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(decoders, PICTURE)
        while len([line for line in heard if line["event"] == "decoder_not_started"]) < 1:
            pass
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert asked.result().format == "JPEG"
    decoders.close()


def test_a_child_that_cannot_be_started_leaves_nothing_open() -> None:
    def opened() -> set[str]:
        return {path.name for path in Path("/proc/self/fd").iterdir()}

    before, open_before = children(), opened()
    _, hard = limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    refused = 0
    for more in range(12):  # each time a little more of it succeeds
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free + more, hard))
        try:
            Child(LIMITS).kill()
        except NotStartedError:
            refused += 1
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert opened() == open_before
    assert refused >= 4
    assert children() == before


def test_a_decoder_that_hangs_is_not_waited_for(heard: list[dict[str, object]]) -> None:
    before = children()
    decoders = Decoders(1, program="tests.image.sandbox.frail", look_s=0.4)
    with pytest.raises(DecoderFailed):
        decoders(PICTURE + frail.SLEEP)
    assert [str(x["why"]) for x in heard if x["event"] == "decoder_lost"] == ["it hangs (-9)"] * 2
    assert len(heard) < MOST_LOOKS  # it was not looked at until nobody had patience any more
    assert decoders(PICTURE).format == "JPEG"
    decoders.close()
    assert children() == before


def test_nothing_outlives_a_parent_that_is_killed(tmp_path: Path) -> None:
    """Not even a child that hangs over a picture."""
    picture = tmp_path / "picture"
    picture.write_bytes(PICTURE + frail.SLEEP)
    program = (
        "import sys, pathlib; from app.image.sandbox.pool import Decoders;"
        'decoders = Decoders(1, program="tests.image.sandbox.frail");'
        f"decoders(pathlib.Path({str(FACES / 'astronaut.jpg')!r}).read_bytes());"
        "print(next(iter(decoders._children)).pid, flush=True);"
        "decoders(pathlib.Path(sys.argv[1]).read_bytes())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, picture], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    until = time.monotonic() + 30
    while Path(f"/proc/{pid}/exe").exists():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_code_that_lies_about_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('run')")
    monkeypatch.chdir(tmp_path)
    decoders = Decoders(1)
    assert decoders(PICTURE).format == "JPEG"
    decoders.close()


def test_when_memory_runs_out_a_child_goes_before_the_service() -> None:
    before = children()
    decoders = Decoders(1)
    decoders(PICTURE)
    (pid,) = children() - before
    assert Path(f"/proc/{pid}/oom_score_adj").read_text() == "1000\n"
    decoders.close()


def test_a_child_makes_room_for_a_fresh_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "MOST_DECODED", 2)
    before, seen = children(), []
    decoders = Decoders(1)
    for _ in range(5):
        with decoders._borrowed() as child:
            seen.append(child.pid)
            child.decode(PICTURE)
    decoders.close()
    assert [seen[0], seen[2], seen[4]] == [seen[1], seen[3], seen[4]]
    assert len(set(seen)) == 3
    assert children() == before


def test_what_children_hold_is_counted() -> None:
    decoders = Decoders(2)
    decoders(PICTURE)
    (held,) = decoders.resident_bytes()
    assert 10 * 2**20 < held < 150 * 2**20
    decoders.close()
    assert decoders.resident_bytes() == []
