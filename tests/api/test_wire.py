"""Analysis → JSON and words: rounded, honest, and nothing where there is nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.analyst import Examined
from app.api.schemas import AnalysisOut
from app.api.wire import told, wire
from app.checks import CHECKS
from app.evidence import Analysis, Evidence, Outcome, Reason, Unmeasurable
from app.picture import decode
from tests.api.stand_in import opinion, picture_bytes

PICTURE = decode(picture_bytes())
SCORED = opinion(PICTURE)


def sent(analysis: Analysis, prior: float = 0.5) -> AnalysisOut:
    return wire(Examined(PICTURE, analysis, {}), prior=prior, base_rate=0.0005)


@given(st.floats(-5, 5), st.floats(1e-5, 1 - 1e-5))
def test_a_probability_is_never_certain_and_follows_the_odds(llr: float, prior: float) -> None:
    said = sent(replace(SCORED, llr=llr), prior)
    assert said.likelihood is not None
    assert 0.0 < said.likelihood < 1.0
    odds = prior / (1 - prior) * 10.0**llr
    rarer = min(said.likelihood, 1 - said.likelihood)
    assert rarer == pytest.approx(min(odds, 1 / odds) / (1 + min(odds, 1 / odds)), rel=0.006)


@given(st.floats(-5, 5), st.floats(-90, 90))
def test_the_line_is_json_without_minus_zero(llr: float, roll_deg: float) -> None:
    assert SCORED.alignment is not None
    turned = replace(SCORED.alignment, roll_deg=roll_deg)
    line = sent(replace(SCORED, llr=llr, alignment=turned)).model_dump_json()
    assert "\n" not in line
    assert ":-0.0," not in line
    AnalysisOut.model_validate(json.loads(line))


def test_every_answer_has_its_own_id() -> None:
    assert sent(SCORED).id != sent(SCORED).id


def test_an_unmeasurable_check_is_told_with_its_reason() -> None:
    evidence = Evidence(CHECKS[0], Unmeasurable(Reason.TOO_SMALL), 0.0, "not measured: too_small")
    said = sent(
        replace(SCORED, outcome=Outcome.TOO_SMALL, evidence=(evidence,), alignment=None, llr=0.0)
    )
    check = said.model_dump(mode="json")["checks"][0]
    assert (check["status"], check["reason"], check["llr"]) == ("unmeasurable", "too_small", 0.0)
    assert said.face is not None  # there is one; it is only too small
    assert said.likelihood is None


def test_marks_lie_in_unit_coordinates() -> None:
    check = sent(SCORED).checks[0]
    assert check.status == "measured"
    assert all(0.0 <= v <= 1.0 for mark in check.marks for point in mark.points for v in point)


def test_words_say_against_when_it_is_against() -> None:
    words = told(sent(replace(SCORED, llr=-2.5, warnings=("several_faces",))))
    assert "-2.50" in words
    assert "support against" in words
    assert "note: several faces" in words
