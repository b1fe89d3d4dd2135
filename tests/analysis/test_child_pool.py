"""Lists are looked at in children: the same findings as here, and whatever happens, no more."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import structlog

from app.analysis.analyzer import Analyzer
from app.analysis.child_pool import AnalyzeFn, AnalyzerPool, analyze_in_thread, open_analyze_fn
from app.analysis.record import AnalyzedRecord
from app.errors import DecoderFailed, ImageBomb, RequestError
from app.settings import Settings
from tests.analysis.crashing_child import LOOKUP_FAULT
from tests.image.sandbox.crashing_child import BUSY_LOOP, EXHAUST_MEMORY, FALSE_REPLY, SEGFAULT
from tests.image.sandbox.test_service import child_pids

FACES = Path(__file__).resolve().parent.parent.parent / "fixtures" / "faces"
FILES = sorted([*FACES.glob("*.jpg"), *FACES.glob("*.png"), *(FACES / "hostile").glob("*.*")])
PICTURE = (FACES / "astronaut_ffhq_frame.jpg").read_bytes()
SETTINGS = Settings(workers=1, batch_workers=2)


@pytest.fixture(scope="module", autouse=True)
def silence() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


@pytest.fixture(scope="module")
def analyst() -> Iterator[Analyzer]:
    with closing(Analyzer.load(SETTINGS)) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def apart(analyst: Analyzer) -> Iterator[AnalyzeFn]:
    with open_analyze_fn(SETTINGS, analyst) as look:
        yield look


@pytest.fixture(scope="module")
def fragile() -> Iterator[AnalyzerPool]:
    settings = SETTINGS.model_copy(update={"batch_workers": 1})
    with closing(AnalyzerPool(settings, program="tests.analysis.crashing_child")) as pool:
        yield pool


def analyze_or_error(analyze: AnalyzeFn, data: bytes) -> AnalyzedRecord | tuple[str, str]:
    try:
        return analyze(data, 0.25)
    except RequestError as error:
        return error.code, error.detail


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_apart_is_as_here(apart: AnalyzeFn, analyst: Analyzer, path: Path) -> None:
    data = path.read_bytes()
    isolated, in_thread = (
        analyze_or_error(apart, data),
        analyze_or_error(analyze_in_thread(analyst, SETTINGS), data),
    )
    if isinstance(in_thread, tuple):
        assert isolated == in_thread
        return
    assert isinstance(isolated, AnalyzedRecord)
    assert isolated.timings_ms.keys() == in_thread.timings_ms.keys()
    assert in_thread.record.tile is not None
    np.testing.assert_array_equal(isolated.record.tile, in_thread.record.tile)
    assert {**vars(isolated.record), "tile": 0} == {**vars(in_thread.record), "tile": 0}


def test_threads_agree(apart: AnalyzeFn) -> None:
    alone = [analyze_or_error(apart, path.read_bytes()) for path in FILES[:8]]
    with ThreadPoolExecutor(4) as pool:
        together = list(
            pool.map(lambda path: analyze_or_error(apart, path.read_bytes()), FILES[:8])
        )
    for one, other in zip(alone, together, strict=True):
        if isinstance(one, AnalyzedRecord):
            assert isinstance(other, AnalyzedRecord)
            assert one.record.analysis == other.record.analysis
        else:
            assert one == other


def test_all_of_them_start_at_once(apart: AnalyzeFn) -> None:
    assert isinstance(apart, AnalyzerPool)
    assert len(apart.resident_bytes()) == SETTINGS.batch_workers


@pytest.mark.parametrize("word", [SEGFAULT, FALSE_REPLY])
def test_a_killed_child_is_the_fault_of_its_picture_alone(
    fragile: AnalyzerPool, word: bytes
) -> None:
    with pytest.raises(DecoderFailed, match="save it anew"):
        fragile(PICTURE + word, 0.5)
    assert fragile(PICTURE, 0.5).record.outcome == "scored"


def test_time_and_memory_are_bounded(fragile: AnalyzerPool) -> None:
    with pytest.raises(ImageBomb, match="too long"):
        fragile(PICTURE + BUSY_LOOP, 0.5)
    with pytest.raises(ImageBomb, match="too much"):
        fragile(PICTURE + EXHAUST_MEMORY, 0.5)
    assert fragile(PICTURE, 0.5).record.outcome == "scored"


def test_a_fault_of_ours_is_not_the_picture_s_and_costs_no_child(fragile: AnalyzerPool) -> None:
    assert fragile(PICTURE, 0.5).record.outcome == "scored"
    before = child_pids()
    with pytest.raises(RuntimeError, match=r"^LookupError: mislaid$"):  # and no file was open to it
        fragile(PICTURE + LOOKUP_FAULT, 0.5)
    assert child_pids() == before


def test_a_child_whose_models_are_not_as_recorded_does_not_start(tmp_path: Path) -> None:
    for path in SETTINGS.models_dir.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "canary.json").unlink()
    (tmp_path / "canary.json").write_text('{"llr": 9.0, "verdict": "likely_stylegan"}')
    settings = SETTINGS.model_copy(update={"models_dir": tmp_path, "batch_workers": 1})
    with (
        closing(AnalyzerPool(settings)) as examiners,
        pytest.raises(RuntimeError, match="does not start"),
    ):
        examiners(PICTURE, 0.5)


def test_without_isolation_or_workers_it_is_looked_at_here(analyst: Analyzer) -> None:
    no_workers = SETTINGS.model_copy(update={"batch_workers": 0})
    with open_analyze_fn(no_workers, analyst) as analyze:
        assert not isinstance(analyze, AnalyzerPool)
    with (
        closing(Analyzer.load(Settings(workers=1, isolate=False))) as bare,
        open_analyze_fn(SETTINGS, bare) as analyze,
    ):
        assert not isinstance(analyze, AnalyzerPool)
        assert analyze(PICTURE, 0.5).record.outcome == "scored"
