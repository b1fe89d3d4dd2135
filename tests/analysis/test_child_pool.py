"""Lists are looked at in children: the same findings as here, and whatever happens, no more."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import structlog

from app.analysis.analyzer import Analyst
from app.analysis.child_pool import Examiners, Look, look_here, opened_look
from app.analysis.record import Looked
from app.errors import AvatarError, DecoderFailed, ImageBomb
from app.settings import Settings
from tests.analysis.frail_examiner import MISLAID
from tests.image.sandbox.frail import EAT, LIE, SEGFAULT, SPIN
from tests.image.sandbox.test_service import children

FACES = Path(__file__).resolve().parent.parent.parent / "fixtures" / "faces"
FILES = sorted([*FACES.glob("*.jpg"), *FACES.glob("*.png"), *(FACES / "hostile").glob("*.*")])
PICTURE = (FACES / "astronaut_ffhq_frame.jpg").read_bytes()
SETTINGS = Settings(workers=1, batch_workers=2)


@pytest.fixture(scope="module", autouse=True)
def silence() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


@pytest.fixture(scope="module")
def analyst() -> Iterator[Analyst]:
    with closing(Analyst.load(SETTINGS)) as made:
        yield made


@pytest.fixture(scope="module")
def apart(analyst: Analyst) -> Iterator[Look]:
    with opened_look(SETTINGS, analyst) as look:
        yield look


@pytest.fixture(scope="module")
def fragile() -> Iterator[Examiners]:
    settings = SETTINGS.model_copy(update={"batch_workers": 1})
    with closing(Examiners(settings, program="tests.analysis.frail_examiner")) as made:
        yield made


def said(look: Look, data: bytes) -> Looked | tuple[str, str]:
    try:
        return look(data, 0.25)
    except AvatarError as error:
        return error.code, error.detail


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_apart_is_as_here(apart: Look, analyst: Analyst, path: Path) -> None:
    data = path.read_bytes()
    there, here = said(apart, data), said(look_here(analyst, SETTINGS), data)
    if isinstance(here, tuple):
        assert there == here
        return
    assert isinstance(there, Looked)
    assert there.timings_ms.keys() == here.timings_ms.keys()
    assert here.finding.tile is not None
    np.testing.assert_array_equal(there.finding.tile, here.finding.tile)
    assert {**vars(there.finding), "tile": 0} == {**vars(here.finding), "tile": 0}


def test_threads_agree(apart: Look) -> None:
    alone = [said(apart, path.read_bytes()) for path in FILES[:8]]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda path: said(apart, path.read_bytes()), FILES[:8]))
    for one, other in zip(alone, together, strict=True):
        if isinstance(one, Looked):
            assert isinstance(other, Looked)
            assert one.finding.analysis == other.finding.analysis
        else:
            assert one == other


def test_all_of_them_start_at_once(apart: Look) -> None:
    assert isinstance(apart, Examiners)
    assert len(apart.resident_bytes()) == SETTINGS.batch_workers


@pytest.mark.parametrize("word", [SEGFAULT, LIE])
def test_a_killed_child_is_the_fault_of_its_picture_alone(fragile: Examiners, word: bytes) -> None:
    with pytest.raises(DecoderFailed, match="save it anew"):
        fragile(PICTURE + word, 0.5)
    assert fragile(PICTURE, 0.5).finding.outcome == "scored"


def test_time_and_memory_are_bounded(fragile: Examiners) -> None:
    with pytest.raises(ImageBomb, match="too long"):
        fragile(PICTURE + SPIN, 0.5)
    with pytest.raises(ImageBomb, match="too much"):
        fragile(PICTURE + EAT, 0.5)
    assert fragile(PICTURE, 0.5).finding.outcome == "scored"


def test_a_fault_of_ours_is_not_the_picture_s_and_costs_no_child(fragile: Examiners) -> None:
    assert fragile(PICTURE, 0.5).finding.outcome == "scored"
    before = children()
    with pytest.raises(RuntimeError, match=r"^LookupError: mislaid$"):  # and no file was open to it
        fragile(PICTURE + MISLAID, 0.5)
    assert children() == before


def test_a_child_whose_models_are_not_as_recorded_does_not_start(tmp_path: Path) -> None:
    for path in SETTINGS.models_dir.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "canary.json").unlink()
    (tmp_path / "canary.json").write_text('{"llr": 9.0, "verdict": "likely_generated"}')
    settings = SETTINGS.model_copy(update={"models_dir": tmp_path, "batch_workers": 1})
    with (
        closing(Examiners(settings)) as examiners,
        pytest.raises(RuntimeError, match="does not start"),
    ):
        examiners(PICTURE, 0.5)


def test_without_isolation_or_workers_it_is_looked_at_here(analyst: Analyst) -> None:
    nobody = SETTINGS.model_copy(update={"batch_workers": 0})
    with opened_look(nobody, analyst) as look:
        assert not isinstance(look, Examiners)
    with (
        closing(Analyst.load(Settings(workers=1, isolate=False))) as bare,
        opened_look(SETTINGS, bare) as look,
    ):
        assert not isinstance(look, Examiners)
        assert look(PICTURE, 0.5).finding.outcome == "scored"
