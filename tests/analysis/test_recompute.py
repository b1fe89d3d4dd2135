"""An answer follows from its own measures; one that was changed does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.analysis.analyze import analyze
from app.analysis.recompute import AnswerChecker
from app.analysis.schemas import AnalysisOut
from app.analysis.serialize import serialize_analysis
from app.calibration.calibration import Calibration
from app.face.landmarks import FaceFinder
from app.image.picture import decode
from app.networks.onnx import OnnxNetworks
from app.settings import Settings
from tests.conftest import FACES

NAMES = ("astronaut_ffhq_zoom110.jpg", "astronaut_ffhq_48px.jpg", "coffee.jpg")


@pytest.fixture(scope="module")
def answers(
    finder: FaceFinder, networks: OnnxNetworks, shipped: Calibration
) -> dict[str, AnalysisOut]:
    return {
        name: serialize_analysis(
            analyze(decode(Path(FACES / name).read_bytes()), finder, networks, shipped),
            prior=0.5,
            base_rate=0.0005,
        )
        for name in NAMES
    }


@pytest.fixture(scope="module")
def checker() -> AnswerChecker:
    return AnswerChecker.load(Settings())


@pytest.mark.parametrize("name", NAMES)
def test_what_was_answered_follows_from_what_was_measured(
    answers: dict[str, AnalysisOut], checker: AnswerChecker, name: str
) -> None:
    assert checker.made(answers[name])
    assert checker.find_mismatches(answers[name]) == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"llr": -1.0}, "llr"),
        ({"verdict": "unlikely_stylegan"}, "verdict"),
        ({"likelihood": 0.123}, "likelihood"),
        ({"posterior_at_base_rate": 0.9999}, "posterior_at_base_rate"),
        ({"posterior_at_base_rate": 1.0}, "posterior_at_base_rate"),
    ],
    ids=str,
)
def test_a_changed_conclusion_is_seen(
    answers: dict[str, AnalysisOut], checker: AnswerChecker, changes: dict[str, Any], named: str
) -> None:
    changed = answers[NAMES[0]].model_copy(update=changes)
    mismatches = checker.find_mismatches(changed)
    assert named in [mismatch.name for mismatch in mismatches]
    assert all("follows from the rest" in str(mismatch) for mismatch in mismatches)


def test_a_changed_check_is_seen(answers: dict[str, AnalysisOut], checker: AnswerChecker) -> None:
    answer = answers[NAMES[0]]
    checks = [
        check.model_copy(update={"llr": check.llr + 0.5}) if check.name == "texture" else check
        for check in answer.checks
    ]
    mismatches = checker.find_mismatches(answer.model_copy(update={"checks": checks}))
    assert [mismatch.name for mismatch in mismatches] == ["llr of texture"]


def test_a_picture_without_a_score_has_no_weight(
    answers: dict[str, AnalysisOut], checker: AnswerChecker
) -> None:
    changed = answers["coffee.jpg"].model_copy(update={"verdict": "unlikely_stylegan"})
    assert len(checker.find_mismatches(changed)) == 1


def test_what_this_calibration_cannot_have_made_is_no_answer_of_it(
    answers: dict[str, AnalysisOut], checker: AnswerChecker
) -> None:
    answer = answers[NAMES[0]]
    with pytest.raises(ValueError, match="checks"):
        checker.find_mismatches(answer.model_copy(update={"checks": answer.checks[1:]}))
