from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.analysis import canary
from app.analysis.canary import TOLERANCE, CanaryError
from app.evidence import Verdict
from app.image.picture import decode
from tests.api.stand_in import opinion, picture_bytes


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / canary.PICTURE).write_bytes(picture_bytes())
    return tmp_path


def test_what_was_recorded_is_what_is_expected(models: Path) -> None:
    said = opinion(decode(picture_bytes()))
    canary.record(models, said)
    known = canary.load(models)
    assert known.data == picture_bytes()
    assert known.complaint(said) is None


def test_a_last_digit_is_forgiven_and_more_is_not(models: Path) -> None:
    said = opinion(decode(picture_bytes()))
    canary.record(models, said)
    known = canary.load(models)
    assert known.complaint(replace(said, llr=said.llr + 0.9 * TOLERANCE)) is None
    complaint = known.complaint(replace(said, llr=said.llr - 1.1 * TOLERANCE))
    assert complaint is not None
    assert "recorded is 3.70" in complaint
    assert known.complaint(replace(said, verdict=Verdict.INCONCLUSIVE)) is not None


@pytest.mark.parametrize("record", [None, "", "{}", "[]", '{"llr": "high", "verdict": "x"}'])
def test_no_record_is_no_canary(models: Path, record: str | None) -> None:
    if record is not None:
        (models / canary.RECORD).write_text(record, encoding="utf-8")
    with pytest.raises(CanaryError, match="eyeline fit"):
        canary.load(models)


def test_no_picture_is_no_canary(tmp_path: Path) -> None:
    (tmp_path / canary.RECORD).write_text('{"llr": 1.0, "verdict": "x"}', encoding="utf-8")
    with pytest.raises(CanaryError):
        canary.load(tmp_path)
