import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.calibration.file import LogisticEntry
from app.calibration.logistic_scale import (
    MAX_DEVIATIONS,
    LogisticScale,
    build_logistic_scale,
    standardise,
)
from app.evidence import Reading

LN10 = math.log(10.0)
NAMES = ("witness", "ln_side", "lag")
numbers = st.floats(-1e6, 1e6)


def make_entry(**changes: Any) -> LogisticEntry:
    fields: dict[str, Any] = {
        "version": 1,
        "names": list(NAMES),
        "centre": [1.0, -0.5, 0.0],
        "scale": [2.0, 0.5, 0.1],
        "weights": [0.8, 0.1, -0.3],
        "size_weights": [0.2, 0.0, 0.0],
        "offset": -0.4,
        "bounds": [-2.0, 3.0],
        "uncertainty": [[-1.0, 0.1], [1.0, 0.3]],
        "figures": {},
    }
    return LogisticEntry(**fields | changes)


def small_scale(**changes: Any) -> LogisticScale:
    return build_logistic_scale(make_entry(**changes))


def make_reading(witness: float, ln_side: float, lag: float) -> Reading:
    return Reading(witness, measures={"witness": witness, "ln_side": ln_side, "lag": lag})


# By hand


def test_at_the_centre_only_the_offset_counts() -> None:
    assert small_scale().llr(make_reading(1.0, -0.5, 0.0).measures) == pytest.approx(-0.4 / LN10)


def test_an_llr_by_hand() -> None:
    # z = (1, 2, -1): the witness's slope is 0.8 + 0.2 * 2 on a picture that large.
    llr = small_scale().llr(make_reading(3.0, 0.5, -0.1).measures)
    assert llr == pytest.approx((-0.4 + 1.2 * 1.0 + 0.1 * 2.0 + 0.3) / LN10)


def test_the_interval_is_the_fits_own_spread() -> None:
    estimate = small_scale(offset=0.0).weigh(make_reading(1.0, -0.5, 0.0))
    assert estimate.llr == 0.0
    assert estimate.interval == pytest.approx((-1.96 * 0.2, 1.96 * 0.2), rel=1e-4)


def test_measures_are_told_apart_by_name_and_not_by_order() -> None:
    backwards = Reading(3.0, measures={"lag": -0.1, "ln_side": 0.5, "witness": 3.0})
    assert (
        small_scale().weigh(backwards).llr == small_scale().weigh(make_reading(3.0, 0.5, -0.1)).llr
    )


# For any reading


@given(numbers, numbers, numbers)
def test_no_reading_leaves_the_bounds(witness: float, ln_side: float, lag: float) -> None:
    estimate = small_scale().weigh(make_reading(witness, ln_side, lag))
    assert -2.0 <= estimate.interval[0] <= estimate.llr <= estimate.interval[1] <= 3.0


@given(numbers, numbers)
def test_beyond_so_many_deviations_a_measure_counts_no_more(far: float, ln_side: float) -> None:
    edge = 1.0 + math.copysign(MAX_DEVIATIONS * 2.0, far)
    beyond = edge + far
    llr_beyond, llr_at_edge = (
        small_scale().llr(make_reading(w, ln_side, 0.0).measures) for w in (beyond, edge)
    )
    assert llr_beyond == pytest.approx(llr_at_edge)


@given(st.floats(-5.0, 5.0), st.floats(-5.0, 5.0))
def test_higher_log_odds_weigh_more(one: float, other: float) -> None:
    low, high = sorted((one, other))
    llrs = [small_scale().llr(make_reading(w, -0.5, 0.0).measures) for w in (low, high)]
    assert llrs[0] <= llrs[1]


@given(st.lists(numbers, min_size=3, max_size=3), st.floats(0.01, 100.0), st.floats(-10.0, 10.0))
def test_another_unit_weighs_the_same(values: list[float], factor: float, shift: float) -> None:
    centre, scale = np.array([1.0, -0.5, 0.0]), np.array([2.0, 0.5, 0.1])
    plain = standardise(np.array(values), centre, scale)
    other = standardise(factor * np.array(values) + shift, factor * centre + shift, factor * scale)
    np.testing.assert_allclose(other, plain, atol=1e-5)


# Refusals


@pytest.mark.parametrize(
    "measures",
    [
        {},
        {"witness": 0.0, "ln_side": 0.0},
        {"witness": 0.0, "ln_side": 0.0, "gap": 0.0},
        {"witness": 0.0, "ln_side": 0.0, "lag": 0.0, "gap": 0.0},
    ],
)
def test_other_measures_than_those_fitted_are_refused(measures: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"the scale is for \['lag', 'ln_side', 'witness'\]"):
        small_scale().weigh(Reading(0.0, measures=measures))


@pytest.mark.parametrize(
    "changes",
    [
        {"centre": [1.0, 2.0]},
        {"weights": [1.0] * 4},
        {"size_weights": []},
        {"scale": [1.0, 0.0, 1.0]},
        {"names": ["witness", "size", "lag"]},
    ],
)
def test_an_entry_has_a_number_for_every_measure_and_knows_the_size(
    changes: dict[str, Any],
) -> None:
    with pytest.raises(ValidationError):
        make_entry(**changes)
