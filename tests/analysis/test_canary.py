from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.analysis import canary
from app.analysis.canary import TOLERANCE, CanaryError
from app.evidence import Verdict
from app.image.picture import decode
from tests.api.stub_analyzer import picture_bytes, stub_analysis
from tests.likelihood_ratios import make_ratios


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / canary.PICTURE_FILE).write_bytes(picture_bytes())
    return tmp_path


def test_what_was_recorded_is_what_is_expected(models: Path) -> None:
    analysis = stub_analysis(decode(picture_bytes()))
    canary.write_record(models, analysis)
    loaded = canary.load_canary(models)
    assert loaded.data == picture_bytes()
    assert loaded.mismatch(analysis) is None


def test_a_last_digit_is_forgiven_and_more_is_not(models: Path) -> None:
    analysis = stub_analysis(decode(picture_bytes()))
    canary.write_record(models, analysis)
    loaded = canary.load_canary(models)
    assert (
        loaded.mismatch(replace(analysis, against=make_ratios(analysis.llr + 0.9 * TOLERANCE)))
        is None
    )
    mismatch = loaded.mismatch(
        replace(analysis, against=make_ratios(analysis.llr - 1.1 * TOLERANCE))
    )
    assert mismatch is not None
    assert "recorded is 3.70" in mismatch
    assert loaded.mismatch(replace(analysis, verdict=Verdict.INCONCLUSIVE)) is not None


@pytest.mark.parametrize("record", [None, "", "{}", "[]", '{"llr": "high", "verdict": "x"}'])
def test_no_record_is_no_canary(models: Path, record: str | None) -> None:
    if record is not None:
        (models / canary.RECORD_FILE).write_text(record, encoding="utf-8")
    with pytest.raises(CanaryError, match="eyeline fit"):
        canary.load_canary(models)


def test_no_picture_is_no_canary(tmp_path: Path) -> None:
    (tmp_path / canary.RECORD_FILE).write_text('{"llr": 1.0, "verdict": "x"}', encoding="utf-8")
    with pytest.raises(CanaryError):
        canary.load_canary(tmp_path)
