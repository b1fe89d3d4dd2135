"""The service decodes apart unless it is told not to, and says the same either way."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from app.analysis.analyzer import Analyzer
from app.settings import Settings

FACES = Path(__file__).resolve().parents[3] / "fixtures" / "faces"


def child_pids() -> set[str]:
    tasks = Path("/proc/self/task").iterdir()
    return {pid for task in tasks for pid in (task / "children").read_text().split()}


def test_apart_by_default_and_the_same_here() -> None:
    data = (FACES / "astronaut_ffhq_frame.jpg").read_bytes()
    before, llrs = child_pids(), []
    for isolate in (Settings().isolate, False):
        with closing(Analyzer.load(Settings(workers=1, isolate=isolate))) as analyst:
            assert bool(child_pids() - before) is isolate
            assert bool(analyst.decoder_memory_bytes()) is isolate
            llrs.append(analyst(data).analysis.llr)
        assert child_pids() == before
    assert Settings().isolate
    assert llrs[0] == llrs[1]
