"""Analysis in children: the same records as in this process, and no fault reaches further."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import structlog

from app.analysis.analyzer import Analyzer
from app.analysis.child_pool import (
    AnalyzeFn,
    AnalyzerPool,
    AnalyzerProcess,
    open_analyzer,
    open_service_analyzer,
    service_processes,
    start_analyzer,
)
from app.analysis.model import load_model_info
from app.analysis.record import decode_answer
from app.errors import DecoderFailed, ImageBomb, RequestError
from app.records import DrawingScope, PictureRecord
from app.settings import Settings
from tests.analysis.crashing_child import LOOKUP_FAULT
from tests.image.sandbox.crashing_child import BUSY_LOOP, EXHAUST_MEMORY, FALSE_REPLY, SEGFAULT
from tests.image.sandbox.test_pool import child_pids

FACES = Path(__file__).resolve().parent.parent.parent / "fixtures" / "faces"
FILES = sorted([*FACES.glob("*.jpg"), *FACES.glob("*.png"), *(FACES / "hostile").glob("*.*")])
PICTURE = (FACES / "astronaut_ffhq_frame.jpg").read_bytes()
SETTINGS = Settings(workers=1, batch_workers=2)


@pytest.fixture(scope="module", autouse=True)
def silence() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


@pytest.fixture(scope="module")
def analyzer() -> Iterator[Analyzer]:
    with closing(Analyzer.load(SETTINGS)) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def isolated() -> Iterator[AnalyzerPool]:
    with closing(AnalyzerPool.load(SETTINGS, 2)) as pool:
        yield pool


@pytest.fixture(scope="module")
def fragile() -> Iterator[AnalyzerPool]:
    def start(settings: Settings) -> AnalyzerProcess:
        return start_analyzer(settings, "tests.analysis.crashing_child")

    with closing(AnalyzerPool(SETTINGS, load_model_info(SETTINGS), 1, start)) as pool:
        yield pool


def analyze_or_error(
    analyze: AnalyzeFn, data: bytes, *, overlay: bool = False, drawings: DrawingScope = "none"
) -> PictureRecord | tuple[str, str]:
    try:
        return analyze(data, 0.25, base_rate=0.01, overlay=overlay, drawings=drawings)
    except RequestError as error:
        return error.code, error.detail


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_isolated_is_as_in_this_process(
    isolated: AnalyzerPool, analyzer: Analyzer, path: Path
) -> None:
    data = path.read_bytes()
    there, here = (
        analyze_or_error(analyze, data, overlay=True, drawings="all")
        for analyze in (isolated, analyzer)
    )
    if isinstance(here, tuple):
        assert there == here
        return
    assert isinstance(there, PictureRecord)
    assert there.timings_ms.keys() == here.timings_ms.keys()
    assert decode_answer(there.analysis).base_rate == 0.01
    assert here.overlay
    assert here.tile is not None
    np.testing.assert_array_equal(there.tile, here.tile)
    not_compared = {"tile": 0, "timings_ms": 0}
    assert {**vars(there), **not_compared} == {**vars(here), **not_compared}


def test_an_overlay_is_drawn_only_if_asked_for(isolated: AnalyzerPool) -> None:
    assert isolated(PICTURE, 0.5).overlay == b""
    assert isolated(PICTURE, 0.5, overlay=True).overlay.startswith(b"\x89PNG")


def test_a_hash_that_is_known_is_not_computed_again(isolated: AnalyzerPool) -> None:
    digest = hashlib.sha256(PICTURE).hexdigest()
    assert isolated(PICTURE, 0.5).sha256 == digest
    assert isolated(PICTURE, 0.5, sha256="ab" * 32).sha256 == "ab" * 32


def test_threads_agree(isolated: AnalyzerPool) -> None:
    alone = [analyze_or_error(isolated, path.read_bytes()) for path in FILES[:8]]
    with ThreadPoolExecutor(4) as pool:
        together = list(
            pool.map(lambda path: analyze_or_error(isolated, path.read_bytes()), FILES[:8])
        )
    for one, other in zip(alone, together, strict=True):
        if isinstance(one, PictureRecord):
            assert isinstance(other, PictureRecord)
            assert one.analysis == other.analysis
        else:
            assert one == other


def test_all_of_them_start_at_once(isolated: AnalyzerPool) -> None:
    assert len(isolated.child_memory_bytes()) == 2


@pytest.mark.parametrize(
    ("workers", "batch_workers", "processes"),
    [(1, 0, 1), (4, 0, 4), (1, 2, 3), (2, 2, 3), (8, 2, 8)],
)
def test_lists_can_never_hold_every_child(workers: int, batch_workers: int, processes: int) -> None:
    settings = Settings(workers=workers, batch_workers=batch_workers)
    assert service_processes(settings) == processes > batch_workers


@pytest.mark.parametrize("word", [SEGFAULT, FALSE_REPLY])
def test_a_killed_child_is_the_fault_of_its_picture_alone(
    fragile: AnalyzerPool, word: bytes
) -> None:
    with pytest.raises(DecoderFailed, match="re-save it"):
        fragile(PICTURE + word, 0.5)
    assert fragile(PICTURE, 0.5).outcome == "scored"


@pytest.mark.slow
def test_time_and_memory_are_bounded(fragile: AnalyzerPool) -> None:
    with pytest.raises(ImageBomb, match="too long"):
        fragile(PICTURE + BUSY_LOOP, 0.5)
    with pytest.raises(ImageBomb, match="too much"):
        fragile(PICTURE + EXHAUST_MEMORY, 0.5)
    assert fragile(PICTURE, 0.5).outcome == "scored"


def test_a_fault_of_ours_is_not_the_picture_s_and_costs_no_child(fragile: AnalyzerPool) -> None:
    assert fragile(PICTURE, 0.5).outcome == "scored"
    before = child_pids()
    with pytest.raises(RuntimeError, match=r"^LookupError: mislaid$"):  # and no file was open to it
        fragile(PICTURE + LOOKUP_FAULT, 0.5)
    assert child_pids() == before


def test_a_child_whose_models_are_not_as_recorded_does_not_start(tmp_path: Path) -> None:
    for path in SETTINGS.models_dir.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "canary.json").unlink()
    (tmp_path / "canary.json").write_text('{"llr": 9.0, "verdict": "likely_stylegan"}')
    settings = SETTINGS.model_copy(update={"models_dir": tmp_path})
    with closing(AnalyzerPool.load(settings, 1)) as pool:
        with pytest.raises(RuntimeError, match="does not start"):
            pool(PICTURE, 0.5)
        assert "recorded is 9.00" in str(pool.check_canary())


def test_the_canary_is_scored_as_recorded(isolated: AnalyzerPool, analyzer: Analyzer) -> None:
    assert isolated.check_canary() is None
    assert analyzer.check_canary() is None


def test_without_isolation_there_are_no_children() -> None:
    before = child_pids()
    with closing(open_service_analyzer(SETTINGS.model_copy(update={"isolate": False}))) as bare:
        assert isinstance(bare, Analyzer)
        assert bare(PICTURE, 0.5).outcome == "scored"
        assert bare.child_memory_bytes() == []
        assert child_pids() == before


def test_by_default_there_are(analyzer: Analyzer) -> None:
    before = child_pids()
    with closing(open_analyzer(Settings(), 1)) as pool:
        assert len(child_pids() - before) == len(pool.child_memory_bytes()) == 1
        assert pool(PICTURE, 0.5).llr == analyzer(PICTURE, 0.5).llr
        assert pool.model == analyzer.model
    assert child_pids() == before
