"""JSON of decisions: what a person says of an item, and how their false flags compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import Field

from app.analysis.schemas import WireModel
from app.batches.store.decisions import DecisionCounts
from app.batches.store.models import Batch
from app.cohort.count_quantiles import share_interval
from app.cohort.facts import read_interval, read_number
from app.cohort.number_text import format_expected, format_percent, pluralize
from app.evidence import Verdict
from app.records import DecisionChoice

NOTE_MAX_LENGTH: Final = 2_000
_CAVEAT: Final = (
    "What was decided first may not be like the rest, and whoever decides sees the llr: the two "
    "rates are no test of each other."
)


class DecisionIn(WireModel):
    """What a person says of an item; `null` undoes it."""

    decision: DecisionChoice | None
    note: str | None = Field(
        default=None, max_length=NOTE_MAX_LENGTH, description="why; shown in results and exports"
    )


class RateOut(WireModel):
    """A share with its 95 % interval."""

    estimate: float
    interval: tuple[float, float]


class FlaggedDecisionsOut(WireModel):
    """Decisions on flagged items (`likely_stylegan`)."""

    total: int = Field(description="flagged items, decided or not")
    generated: int
    real: int
    unsure: int


class DecisionSummaryOut(WireModel):
    """How many items were decided, and the decisions' false flags beside the expected ones."""

    object: Literal["decisions"] = "decisions"
    counts: dict[DecisionChoice, int] = Field(description="decided items by decision")
    flagged: FlaggedDecisionsOut
    false_flag_rate: RateOut | None = Field(
        description="`real` ÷ (`real` + `generated`) of the flagged; null before the first of them"
    )
    expected_false_flag_rate: RateOut | None = Field(
        description="the cohort's expected false flags ÷ flagged; null until the batch has ended"
    )
    sentence: str = Field(description="both rates in words")


def summarize_decisions(batch: Batch, counts: DecisionCounts) -> DecisionSummaryOut:
    """The decisions on ``batch``; they move none of its own figures."""
    flagged, total = counts.flagged, batch.verdicts.get(Verdict.LIKELY_STYLEGAN, 0)
    clear = flagged["real"] + flagged["generated"]
    low, high = share_interval(flagged["real"], clear)
    rate = (
        RateOut(
            estimate=round(flagged["real"] / clear, 4), interval=(round(low, 4), round(high, 4))
        )
        if clear
        else None
    )
    expected = _expected_rate(batch.cohort or {})
    return DecisionSummaryOut(
        counts=dict(counts.items),
        flagged=FlaggedDecisionsOut(
            total=total,
            generated=flagged["generated"],
            real=flagged["real"],
            unsure=flagged["unsure"],
        ),
        false_flag_rate=rate,
        expected_false_flag_rate=expected,
        sentence=_sentence(flagged, total, rate, expected),
    )


def _expected_rate(cohort: Mapping[str, Any]) -> RateOut | None:
    flagged = read_number(cohort, "likely")
    estimate = read_number(cohort, "expected_false_flags", "estimate")
    interval = read_interval(cohort, "expected_false_flags", "interval")
    if not flagged or estimate is None or interval is None:
        return None
    low, share, high = (
        round(min(1.0, n / flagged), 4) for n in (interval[0], estimate, interval[1])
    )
    return RateOut(estimate=share, interval=(low, high))


def _sentence(
    flagged: Mapping[DecisionChoice, int],
    total: int,
    rate: RateOut | None,
    expected: RateOut | None,
) -> str:
    if not total:
        return "Nothing is flagged, so there are no false flags to compare."
    of_all = pluralize(total, "flagged item")
    if rate is None:
        return f"None of {of_all} was called generated or real yet."
    clear = flagged["real"] + flagged["generated"]
    own = f"{flagged['real']} of {clear} decided were called real ({_rate_text(rate)})"
    if expected is None:
        return f"Of {of_all}, {own}; the expected share is known once the batch has ended."
    return (
        f"Of {of_all}, {own}; expected of all: {format_expected(expected.estimate * total)} "
        f"({_rate_text(expected)}). {_CAVEAT}"
    )


def _rate_text(rate: RateOut) -> str:
    low, high = map(format_percent, rate.interval)
    return f"{format_percent(rate.estimate)}, 95 % interval {low} to {high}"
