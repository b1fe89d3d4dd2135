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
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import structlog

from app.errors import DecoderFailed, ImageBomb, RequestError, TooLarge
from app.image.picture import WORKING_SIDE_PX, DecodeLimits, Picture, decode
from app.image.sandbox import pool
from app.image.sandbox.process import MAX_LIVENESS_CHECKS, ProcessStartError
from tests.image.sandbox import crashing_child, decoding_child, unready_child
from tests.image.sandbox.crashing_child import UNREAD
from tests.image.sandbox.decoding_child import DecodingPool, DecodingProcess

FACES = Path(__file__).resolve().parents[3] / "fixtures" / "faces"
HOSTILE = FACES / "hostile"
HOSTILE_CODES = {
    row["file"]: row["expected"]
    for row in csv.DictReader((HOSTILE / "manifest.csv").read_text("utf-8").splitlines())
}
PICTURE = (FACES / "astronaut.jpg").read_bytes()
LIMITS = DecodeLimits(max_pixels=1_000_000)


@pytest.fixture(scope="module")
def decoder_pool() -> Iterator[DecodingPool]:
    made = DecodingPool(2)
    yield made
    made.close()


@pytest.fixture
def fragile_pool() -> Iterator[DecodingPool]:
    made = DecodingPool(2, LIMITS, module="tests.image.sandbox.crashing_child")
    yield made
    made.close()


@pytest.fixture(autouse=True)
def log_lines() -> Iterator[list[dict[str, object]]]:
    """What is logged: a lost child is."""
    with structlog.testing.capture_logs() as lines:
        yield lines  # type: ignore[misc]


def child_pids() -> set[int]:
    """The processes that this one started and that still run."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            parent = stat.read_text().rpartition(")")[2].split()[1]
            if int(parent) == os.getpid():
                found.add(int(stat.parent.name))
    return found


def logged_losses(log_lines: list[dict[str, object]]) -> list[object]:
    """What was logged, but that a child was slow: on a busy machine any may be."""
    return [line["event"] for line in log_lines if line["event"] != "decoder_slow"]


def picture_or_error(
    decode_picture: Callable[[bytes], Picture], data: bytes
) -> Picture | tuple[str, str]:
    try:
        return decode_picture(data)
    except RequestError as error:
        return error.code, error.detail


def is_same_picture(a: Picture, b: Picture) -> bool:
    facts = [
        (p.format, p.sha256, p.animated, p.declared_size, p.rgb.flags.writeable) for p in (a, b)
    ]
    return facts[0] == facts[1] and np.array_equal(a.rgb, b.rgb)


@pytest.mark.parametrize("name", HOSTILE_CODES)
def test_apart_is_as_here(decoder_pool: DecodingPool, name: str) -> None:
    here, there = (
        picture_or_error(unpack, (HOSTILE / name).read_bytes()) for unpack in (decode, decoder_pool)
    )
    if isinstance(here, Picture):
        assert isinstance(there, Picture)
        assert is_same_picture(here, there)
    else:
        assert there == here


def test_a_picture_at_the_limit_of_the_working_size(decoder_pool: DecodingPool) -> None:
    from PIL import Image

    from tests.make_hostile_pictures import save_image

    data = save_image(Image.effect_noise((2400, 2400), 40).convert("RGB"), "JPEG", quality=60)
    assert is_same_picture(decoder_pool(data), decode(data))


def test_too_many_bytes(decoder_pool: DecodingPool) -> None:
    with pytest.raises(TooLarge):
        decoder_pool(bytes(5_000_001))


def test_limits_are_kept_apart_too(fragile_pool: DecodingPool) -> None:
    with pytest.raises(ImageBomb):
        fragile_pool((HOSTILE / "bomb.png").read_bytes())


def test_threads_agree(decoder_pool: DecodingPool) -> None:
    names = [name for name, code in HOSTILE_CODES.items() if code == "ok"] * 2
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda name: decoder_pool((HOSTILE / name).read_bytes()), names))
    alone = [decode((HOSTILE / name).read_bytes()) for name in names]
    assert all(is_same_picture(a, b) for a, b in zip(together, alone, strict=True))


@pytest.mark.parametrize(
    "word", [crashing_child.SEGFAULT, crashing_child.ABORT, crashing_child.FALSE_REPLY]
)
def test_a_killed_decoder_is_the_fault_of_its_picture_alone(
    fragile_pool: DecodingPool, log_lines: list[dict[str, object]], word: bytes
) -> None:
    assert fragile_pool(PICTURE).format == "JPEG"
    with pytest.raises(DecoderFailed, match="re-save it"):
        fragile_pool(PICTURE + word)
    assert is_same_picture(fragile_pool(PICTURE), decode(PICTURE))
    assert logged_losses(log_lines) == ["decoder_lost"] * 2  # asked twice


def test_neighbours_of_a_killer_are_unharmed(fragile_pool: DecodingPool) -> None:
    words = [b"", crashing_child.SEGFAULT, b"", b"", crashing_child.ABORT, b"", b""]

    def outcome(word: bytes) -> str:
        try:
            return fragile_pool(PICTURE + word).format
        except RequestError as error:
            return error.code

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(outcome, words))
    assert outcomes == ["decoder_failed" if word else "JPEG" for word in words]


def test_time_is_bounded_and_costs_the_next_picture_nothing(
    fragile_pool: DecodingPool, log_lines: list[dict[str, object]]
) -> None:
    with pytest.raises(ImageBomb, match="too long"):
        fragile_pool(PICTURE + crashing_child.BUSY_LOOP)
    assert logged_losses(log_lines) == ["decoder_lost"] * 2  # never blamed for the first
    assert fragile_pool(PICTURE).format == "JPEG"


def test_memory_is_bounded(fragile_pool: DecodingPool, log_lines: list[dict[str, object]]) -> None:
    with pytest.raises(ImageBomb, match="too much"):
        fragile_pool(PICTURE + crashing_child.EXHAUST_MEMORY)
    assert logged_losses(log_lines) == []
    assert fragile_pool(PICTURE).format == "JPEG"


def test_the_limits_of_a_child_hold_where_no_header_was_read(fragile_pool: DecodingPool) -> None:
    """The headers are a courtesy: a decoder that is handed any file cannot take more than this."""
    for name in ("bomb.jpg", "bomb.png", "bomb_screen.gif", "bomb.webp", "bomb_stream.avif"):
        answer = picture_or_error(fragile_pool, (HOSTILE / name).read_bytes() + UNREAD)
        if isinstance(answer, Picture):  # unpacked small, or no larger than a child may hold
            assert max(answer.size) <= WORKING_SIDE_PX
        else:
            assert answer[0] in ("image_bomb", "image_truncated", "decoder_failed")
    assert fragile_pool(PICTURE).format == "JPEG"


def test_an_idle_child_that_is_killed_costs_nobody_an_answer() -> None:
    before = child_pids()
    decoders = DecodingPool(1)
    decoders(PICTURE)
    (pid,) = child_pids() - before
    os.kill(pid, signal.SIGKILL)
    assert decoders(PICTURE).format == "JPEG"
    decoders.close()
    assert child_pids() == before


def test_children_that_were_killed_while_idle_are_held_against_no_picture(
    log_lines: list[dict[str, object]],
) -> None:
    before = child_pids()
    decoders, together = DecodingPool(3), threading.Barrier(3)

    def once(_: int) -> None:
        with decoders._lease() as child:
            together.wait(60)
            child.decode(PICTURE)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(once, range(3)))
    for pid in child_pids() - before:
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert decoders(PICTURE).format == "JPEG"
    assert logged_losses(log_lines) == ["decoder_gone"] * 3
    assert len(decoders.resident_bytes()) == 1
    decoders.close()
    assert child_pids() == before


def test_told_to_stop_a_child_finishes() -> None:
    before = child_pids()
    decoders = DecodingPool(1)
    decoders(PICTURE)
    (pid,) = child_pids() - before
    for number in (signal.SIGTERM, signal.SIGINT):
        os.kill(pid, number)
    assert decoders(PICTURE).format == "JPEG"
    assert child_pids() - before == {pid}
    decoders.close()


def test_no_more_children_than_callers_at_once() -> None:
    before = child_pids()
    decoders = DecodingPool(8)
    for _ in range(5):
        decoders(PICTURE)
    assert len(child_pids() - before) == 1
    decoders.close()


def test_a_child_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYELINE_API_KEYS", "hush hush hush hush")
    before = child_pids()
    decoders = DecodingPool(1)
    decoders(PICTURE)
    (pid,) = child_pids() - before
    assert b"hush" not in Path(f"/proc/{pid}/environ").read_bytes()
    decoders.close()


def test_a_child_that_does_not_start_is_our_fault_not_the_picture_s() -> None:
    decoders = DecodingPool(1, module="tests.image.sandbox.nowhere")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="doctor"):
            decoders(PICTURE)
    decoders.close()


def test_waiting_callers_are_served_in_the_order_they_come() -> None:
    """A thread that comes back at once does not overtake those who wait."""
    decoders, order = DecodingPool(1), list[int]()
    waiting = threading.Barrier(2)

    def wait_then_note(number: int) -> None:
        decoders.call(lambda _: order.append(number))

    def hold(child: DecodingProcess) -> None:
        child.decode(PICTURE)
        waiting.wait(30)
        while decoders._next_ticket < 4:
            time.sleep(0.001)

    with ThreadPoolExecutor(4) as threads:
        holder = threads.submit(decoders.call, hold)
        waiting.wait(30)
        for number in range(3):
            threads.submit(wait_then_note, number)
            while decoders._next_ticket < number + 2:
                time.sleep(0.001)
        holder.result(30)
        wait_then_note(3)
    assert order == [0, 1, 2, 3]
    decoders.close()


def test_waiting_callers_are_all_served() -> None:
    decoders, done = DecodingPool(1), threading.Semaphore(0)
    with ThreadPoolExecutor(3) as pool:
        for _ in range(9):
            pool.submit(decoders, PICTURE).add_done_callback(lambda _: done.release())
        assert all(done.acquire(timeout=30) for _ in range(9))
    decoders.close()


def test_a_child_is_closed_whatever_it_does() -> None:
    before = child_pids()
    child = DecodingProcess(LIMITS, decoding_child.MODULE)
    child.decode(PICTURE)
    (pid,) = child_pids() - before
    os.kill(pid, signal.SIGSTOP)
    child.close()
    assert child_pids() == before


@pytest.mark.parametrize(
    ("mood", "events"),
    [
        (unready_child.EXIT_EARLY, ["decoder_not_started"]),
        (unready_child.HANG, ["decoder_not_started"]),
        (unready_child.BUSY, []),
    ],
)
def test_a_child_that_does_not_start_well_costs_no_picture(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    log_lines: list[dict[str, object]],
    mood: str,
    events: list[str],
) -> None:
    """One that works is waited for, one that hangs is not."""
    monkeypatch.chdir(tmp_path)
    Path(unready_child.BEHAVIOUR_FILE).write_text(mood)
    before = child_pids()
    decoders = DecodingPool(1, module="tests.image.sandbox.unready_child", liveness_check_s=0.7)
    assert decoders(PICTURE).format == "JPEG"
    assert logged_losses(log_lines) == events
    if mood == unready_child.BUSY:
        assert log_lines[0]["event"] == "decoder_slow"
    if mood == unready_child.EXIT_EARLY:
        assert any("I would rather not" in str(line.get("why")) for line in log_lines)
    assert len(child_pids() - before) == 1
    decoders.close()
    assert child_pids() == before


def test_where_children_once_started_a_shortage_is_waited_out(
    monkeypatch: pytest.MonkeyPatch, log_lines: list[dict[str, object]]
) -> None:
    monkeypatch.setattr(pool, "RETRY_DELAYS_S", (0.1, 60.0))
    before = child_pids()
    decoders = DecodingPool(1)
    decoders(PICTURE)
    (pid,) = child_pids() - before
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    _, hard = limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(decoders, PICTURE)
        while len([line for line in log_lines if line["event"] == "decoder_not_started"]) < 1:
            pass
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert asked.result().format == "JPEG"
    decoders.close()


def test_a_child_that_cannot_be_started_leaves_nothing_open() -> None:
    def opened() -> set[str]:
        return {path.name for path in Path("/proc/self/fd").iterdir()}

    before, open_before = child_pids(), opened()
    _, hard = limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    refused = 0
    for more in range(12):  # each time a little more of it succeeds
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free + more, hard))
        try:
            DecodingProcess(LIMITS, decoding_child.MODULE).kill()
        except ProcessStartError:
            refused += 1
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert opened() == open_before
    assert refused >= 4
    assert child_pids() == before


def test_a_decoder_that_hangs_is_not_waited_for(log_lines: list[dict[str, object]]) -> None:
    before = child_pids()
    decoders = DecodingPool(1, module="tests.image.sandbox.crashing_child", liveness_check_s=0.4)
    with pytest.raises(DecoderFailed):
        decoders(PICTURE + crashing_child.SLEEP)
    assert [str(x["why"]) for x in log_lines if x["event"] == "decoder_lost"] == [
        "not responding (-9)"
    ] * 2
    assert (
        len(log_lines) < MAX_LIVENESS_CHECKS
    )  # it was not looked at until nobody had patience any more
    assert decoders(PICTURE).format == "JPEG"
    decoders.close()
    assert child_pids() == before


def test_nothing_outlives_a_parent_that_is_killed(tmp_path: Path) -> None:
    """Not even a child that hangs over a picture."""
    picture = tmp_path / "picture"
    picture.write_bytes(PICTURE + crashing_child.SLEEP)
    program = (
        "import sys, pathlib; from tests.image.sandbox.decoding_child import DecodingPool;"
        'decoders = DecodingPool(1, module="tests.image.sandbox.crashing_child");'
        f"decoders(pathlib.Path({str(FACES / 'astronaut.jpg')!r}).read_bytes());"
        "print(next(iter(decoders._processes)).pid, flush=True);"
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
    decoders = DecodingPool(1)
    assert decoders(PICTURE).format == "JPEG"
    decoders.close()


def test_when_memory_runs_out_a_child_goes_before_the_service() -> None:
    before = child_pids()
    decoders = DecodingPool(1)
    decoders(PICTURE)
    (pid,) = child_pids() - before
    assert Path(f"/proc/{pid}/oom_score_adj").read_text() == "1000\n"
    decoders.close()


def test_a_child_is_renewed_by_its_processor_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each picture has a second of its own: all of a child's together take longer."""
    decoders = DecodingPool(1, module="tests.image.sandbox.crashing_child")
    with decoders._lease() as first:
        first.decode(PICTURE)
    monkeypatch.setattr(pool, "MAX_CPU_S_PER_PROCESS", first.cpu_s() + 1.1)
    seen = first
    while seen is first:
        with decoders._lease() as seen:
            for _ in range(10):
                seen.decode(PICTURE)
    decoders.close()
    assert first.request_count > 20


def test_a_second_try_is_made_in_a_fresh_child() -> None:
    """Whatever killed the first one: no picture is blamed for what came before it."""
    decoders, tried = DecodingPool(2), []
    with decoders._lease() as first, decoders._lease() as second:
        for child in (first, second):
            child.decode(PICTURE)

    def die_once(child: DecodingProcess) -> Picture:
        tried.append(child.request_count)
        if len(tried) == 1:
            os.kill(child.pid, signal.SIGXCPU)
        return child.decode(PICTURE)

    assert decoders.call(die_once).format == "JPEG"
    decoders.close()
    assert tried == [1, 0]


def test_a_child_makes_room_for_a_fresh_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "MAX_REQUESTS_PER_PROCESS", 2)
    before, seen = child_pids(), []
    decoders = DecodingPool(1)
    for _ in range(5):
        with decoders._lease() as child:
            seen.append(child.pid)
            child.decode(PICTURE)
    decoders.close()
    assert [seen[0], seen[2], seen[4]] == [seen[1], seen[3], seen[4]]
    assert len(set(seen)) == 3
    assert child_pids() == before


def test_what_children_hold_is_counted() -> None:
    decoders = DecodingPool(2)
    decoders(PICTURE)
    (held,) = decoders.resident_bytes()
    assert 10 * 2**20 < held < 150 * 2**20
    decoders.close()
    assert decoders.resident_bytes() == []
