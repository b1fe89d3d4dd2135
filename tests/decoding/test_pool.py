"""Decoding apart: the same pictures as in the process, and whatever happens to a child, no more."""

from __future__ import annotations

import csv
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import structlog

from app.decoding import Decoders
from app.decoding.pool import Child
from app.errors import AvatarError, DecoderFailed, ImageBomb, TooLarge
from app.picture import DecodeLimits, Picture, decode
from tests.decoding import frail

FACES = Path(__file__).resolve().parent.parent.parent / "fixtures" / "faces"
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
    made = Decoders(2, LIMITS, program="tests.decoding.frail")
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
    assert [line["event"] for line in heard] == ["decoder_lost"] * 2  # asked twice


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
    assert len(heard) == 1  # it would take as long again
    assert fragile(PICTURE).format == "JPEG"


def test_memory_is_bounded(fragile: Decoders, heard: list[dict[str, object]]) -> None:
    with pytest.raises(ImageBomb, match="too much"):
        fragile(PICTURE + frail.EAT)
    assert heard == []
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
