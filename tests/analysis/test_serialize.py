"""Analysis → JSON and words: rounded, honest, and nothing where there is nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.analysis.analyze import analyze
from app.analysis.schemas import AnalysisOut
from app.analysis.serialize import format_text, serialize_analysis
from app.calibration.calibration import Calibration
from app.checks.eye_alignment import CHECK as EYE_ALIGNMENT
from app.evidence import SCOPE, Analysis, Evidence, Outcome, Reason, Unmeasurable
from app.face.landmarks import FaceFinder
from app.image.picture import Picture, decode
from app.networks.onnx import OnnxNetworks
from tests.api.stub_analyzer import picture_bytes, stub_analysis
from tests.conftest import ROOT
from tests.likelihood_ratios import make_ratios

PICTURE = decode(picture_bytes())
SCORED = stub_analysis(PICTURE)


def serialize(analysis: Analysis, prior: float = 0.5) -> AnalysisOut:
    return serialize_analysis(analysis, prior=prior, base_rate=0.0005)


@given(st.floats(-5, 5), st.floats(1e-5, 1 - 1e-5))
def test_a_probability_is_never_certain_and_follows_the_odds(llr: float, prior: float) -> None:
    analysis = serialize(replace(SCORED, against=make_ratios(llr)), prior)
    assert analysis.likelihood is not None
    assert 0.0 < analysis.likelihood < 1.0
    odds = prior / (1 - prior) * 10.0**llr
    rarer = min(analysis.likelihood, 1 - analysis.likelihood)
    assert rarer == pytest.approx(min(odds, 1 / odds) / (1 + min(odds, 1 / odds)), rel=0.006)


@given(st.floats(-5, 5), st.floats(-90, 90))
def test_the_line_is_json_without_minus_zero(llr: float, roll_deg: float) -> None:
    assert SCORED.alignment is not None
    turned = replace(SCORED.alignment, roll_deg=roll_deg)
    line = serialize(replace(SCORED, against=make_ratios(llr), alignment=turned)).model_dump_json()
    assert "\n" not in line
    assert ":-0.0," not in line
    AnalysisOut.model_validate(json.loads(line))


def test_an_unmeasurable_check_is_told_with_its_reason() -> None:
    evidence = Evidence(
        EYE_ALIGNMENT, Unmeasurable(Reason.TOO_SMALL), 0.0, "not measured: too_small"
    )
    analysis_out = serialize(
        replace(SCORED, outcome=Outcome.TOO_SMALL, evidence=(evidence,), alignment=None)
    )
    check = analysis_out.model_dump(mode="json")["checks"][0]
    assert (check["status"], check["reason"], check["llr"]) == ("unmeasurable", "too_small", 0.0)
    assert analysis_out.face is not None  # there is one; it is only too small
    assert analysis_out.likelihood is None


def test_marks_lie_in_unit_coordinates() -> None:
    for check in serialize(SCORED).checks:
        assert check.status == "measured"
        assert check.marks
        assert all(0.0 <= v <= 1.0 for mark in check.marks for point in mark.points for v in point)


def test_every_check_is_told_in_its_order_with_what_it_measured() -> None:
    eyes, texture = serialize(SCORED).model_dump(mode="json")["checks"]
    assert (eyes["name"], eyes["measures"]) == ("eye_alignment", {})
    assert (texture["name"], texture["value"], texture["llr"]) == ("texture", 2.25, 0.9)
    assert texture["measures"] == {"witness": 2.25, "spread": 1.0, "ln_side": 0.0}


def test_what_could_not_be_measured_stands_beside_what_could() -> None:
    eyes, texture = SCORED.evidence
    shut = replace(texture, measurement=Unmeasurable(Reason.OUT_OF_PICTURE), llr=0.0)
    analysis_out = serialize(replace(SCORED, evidence=(eyes, shut)))
    assert [check.status for check in analysis_out.checks] == ["measured", "unmeasurable"]
    assert analysis_out.likelihood is not None
    assert "measures" not in analysis_out.model_dump(mode="json")["checks"][1]


def test_people_are_told_of_every_check() -> None:
    words = format_text(serialize(SCORED)).splitlines()
    assert [line for line in words if line.startswith(("  eye_alignment: ", "  texture: "))] == [
        "  eye_alignment: in place",
        "  texture: drawn",
    ]


def test_words_say_against_when_it_is_against() -> None:
    words = format_text(
        serialize(replace(SCORED, against=make_ratios(-2.5), warnings=("several_faces",)))
    )
    assert "-2.50" in words
    assert "support against" in words
    assert "Note: several faces." in words
    assert words.endswith(SCOPE)  # wherever a verdict stands alone


@pytest.mark.parametrize("name", ["astronaut.jpg", "astronaut_ffhq_frame.jpg"])
def test_the_documentation_shows_what_the_calibration_that_ships_answers(
    name: str,
    faces: Callable[[str], Picture],
    finder: FaceFinder,
    networks: OnnxNetworks,
    shipped: Calibration,
) -> None:
    analysis = analyze(faces(name), finder, networks, shipped)
    answer = serialize_analysis(analysis, prior=0.5, base_rate=0.0005)
    assert answer.against is not None
    assert answer.llr_interval is not None
    low, high = answer.llr_interval
    ratios = f"{answer.against.ordinary.llr},{answer.against.framed.llr},{answer.likelihood}"
    row = f",,{name},scored,{answer.verdict},{answer.llr},{low},{high},{ratios},"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert row in readme
    if name == "astronaut_ffhq_frame.jpg":
        assert f'"llr": {answer.llr}, "llr_interval": [{low}, {high}]' in readme
        page = (ROOT / "docs" / "integrating.md").read_text(encoding="utf-8")
        for line in format_text(answer).splitlines()[:4]:
            assert line in page
