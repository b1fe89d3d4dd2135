"""The analysis as a library: open, analyze, close."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.analysis.analyzer import Analyzer
from app.analysis.serialize import serialize_analysis
from app.errors import NotAnImage
from app.evidence import Outcome
from app.settings import Settings, SettingsError
from tests.conftest import FACES, ROOT

PORTRAIT = FACES / "astronaut_ffhq_frame.jpg"


@pytest.fixture(scope="module")
def analyzer():
    with Analyzer.open() as opened:
        yield opened


def test_the_documented_lines_run(analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's own code, in this directory and with models that are loaded already."""
    page = (ROOT / "docs" / "integrating.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(from app\.analysis.*?)```", page, re.DOTALL)
    monkeypatch.setattr(Analyzer, "open", lambda: analyzer)
    monkeypatch.setattr(analyzer, "close", lambda: None)
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    exec(compile(code, "integrating.md", "exec"), names)  # noqa: S102
    assert names["analysis"].outcome is Outcome.SCORED  # type: ignore[attr-defined]
    assert json.loads(str(names["answer"]))["verdict"] == "inconclusive"


def test_it_is_what_the_record_says(analyzer: Analyzer) -> None:
    data = PORTRAIT.read_bytes()
    analysis = analyzer.analyze(data)
    answer = serialize_analysis(analysis, prior=0.5, base_rate=0.0005)
    record = analyzer(data, 0.5)
    assert (answer.llr, answer.verdict) == (record.llr, record.verdict)
    assert json.loads(record.analysis)["against"] == answer.model_dump(mode="json")["against"]


def test_threads_may_share_it(analyzer: Analyzer) -> None:
    data = PORTRAIT.read_bytes()
    with ThreadPoolExecutor(2) as threads:
        ratios = {analysis.llr for analysis in threads.map(analyzer.analyze, [data] * 2)}
    assert len(ratios) == 1


def test_what_is_no_picture_is_an_error_and_a_picture_without_a_face_is_not(
    analyzer: Analyzer,
) -> None:
    with pytest.raises(NotAnImage):
        analyzer.analyze(b"no picture")
    assert analyzer.analyze((FACES / "blank.png").read_bytes()).outcome is Outcome.NOT_A_PHOTO


def test_it_reads_the_environment_unless_it_is_given_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    loaded_with: list[Settings] = []
    monkeypatch.setattr(Analyzer, "load", loaded_with.append)
    monkeypatch.setenv("EYELINE_MODELS_DIR", str(tmp_path))
    Analyzer.open()
    Analyzer.open(Settings(models_dir=tmp_path / "others"))
    assert [s.models_dir for s in loaded_with] == [tmp_path, tmp_path / "others"]
    monkeypatch.setenv("EYELINE_PRIOR", "2")
    with pytest.raises(SettingsError, match="EYELINE_PRIOR"):
        Analyzer.open()
