"""The operator's own false flags beside the expected ones."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.batches.store.decisions import DecisionCounts
from app.batches.store.models import Batch, BatchRequest, Status
from app.runtime.decision_json import summarize_decisions

COHORT = {"likely": 30, "expected_false_flags": {"estimate": 1.2, "interval": [0.0, 4.0]}}


def build_batch(flagged: int, cohort: dict[str, Any] | None) -> Batch:
    return Batch(
        "batch_1", Status.COMPLETED, BatchRequest(prior=0.5), 40, 40, 0, {"scored": 40},
        {"likely_stylegan": flagged}, {Status.VALIDATING: datetime(2024, 1, 1, tzinfo=UTC)},
        None, None, cohort, 7,
    )  # fmt: skip


def count(generated: int = 0, real: int = 0, unsure: int = 0) -> DecisionCounts:
    flagged = {"generated": generated, "real": real, "unsure": unsure}
    return DecisionCounts({**flagged, "real": real + 5}, flagged)  # type: ignore[arg-type,dict-item]


def test_both_rates_stand_side_by_side_with_their_intervals() -> None:
    summary = summarize_decisions(build_batch(30, COHORT), count(10, 1, 1))
    assert summary.counts == {"generated": 10, "real": 6, "unsure": 1}
    assert summary.flagged.total == 30
    assert summary.false_flag_rate is not None
    assert summary.false_flag_rate.estimate == pytest.approx(1 / 11, abs=1e-4)
    low, high = summary.false_flag_rate.interval
    assert low < 1 / 11 < high
    assert summary.expected_false_flag_rate is not None
    assert summary.expected_false_flag_rate.estimate == 0.04
    assert summary.expected_false_flag_rate.interval == (0.0, 0.1333)
    assert summary.sentence.startswith("Of 30 flagged items, 1 of 11 decided were called real")
    assert "expected of all: 1.2" in summary.sentence


def test_nothing_is_said_where_nothing_was_decided_or_expected() -> None:
    undecided = summarize_decisions(build_batch(30, COHORT), count(unsure=3))
    assert undecided.false_flag_rate is None
    assert "None of 30 flagged items" in undecided.sentence
    running = summarize_decisions(build_batch(3, None), count(2, 1))
    assert running.expected_false_flag_rate is None
    assert "once the batch has ended" in running.sentence
    assert summarize_decisions(build_batch(0, COHORT), count()).sentence.startswith("Nothing is")


def test_a_rate_is_never_more_than_all() -> None:
    cohort = {"likely": 2, "expected_false_flags": {"estimate": 3.0, "interval": [1.0, 9.0]}}
    summary = summarize_decisions(build_batch(2, cohort), count(0, 2))
    assert summary.expected_false_flag_rate is not None
    assert summary.expected_false_flag_rate.estimate == 1.0
    assert summary.expected_false_flag_rate.interval == (0.5, 1.0)
