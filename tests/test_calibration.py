import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.calibration import Calibration, Weighed, jitter_variance
from app.checks import CHECKS
from app.evidence import Reading, Reason, Unmeasurable, Verdict
from app.portrait import Sighting
from tests.sitters import (
    entry,
    sightings_at,
    small_calibration,
)

(CHECK,) = CHECKS
SMALL = small_calibration()

squares = st.tuples(
    st.floats(0.3, 0.7), st.floats(0.3, 0.7), st.floats(-1.0, 0.5), st.floats(-0.5, 0.5)
)
near = st.tuples(
    st.floats(0.49, 0.51), st.floats(0.49, 0.51), st.floats(-0.05, 0.3), st.floats(-0.02, 0.02)
)


def reading(sightings: tuple[Sighting, ...]) -> Reading:
    return Reading(1.0, (), sightings)


def weighed(calibration: Calibration, sightings: tuple[Sighting, ...]) -> Weighed:
    return calibration.weigh(CHECK, reading(sightings))[1]


# Weighing


@pytest.mark.parametrize("reason", list(Reason))
def test_what_could_not_be_measured_weighs_nothing(reason: Reason) -> None:
    evidence, nothing = SMALL.weigh(CHECK, Unmeasurable(reason))
    assert (nothing.llr, nothing.interval, nothing.match) == (0.0, (0.0, 0.0), None)
    assert (evidence.llr, evidence.match) == (0.0, None)
    assert reason in evidence.summary


def test_evidence_says_what_was_weighed() -> None:
    measured = reading(sightings_at())
    evidence, found = SMALL.weigh(CHECK, measured)
    assert evidence.check is CHECK
    assert evidence.measured is measured
    assert evidence.llr == found.llr
    assert evidence.match == found.match
    assert evidence.match is not None
    assert "FFHQ" in evidence.summary


@given(st.one_of(squares, near), st.integers(0, 2), st.sampled_from([48, 128, 400]))
def test_llr_stays_within_its_bounds_and_its_interval(
    square: tuple[float, float, float, float], repeats: int, side: int
) -> None:
    for bounds in ([-3.0, 3.0], [-0.7, 1.2]):
        calibration = small_calibration(checks={CHECK.name: entry(bounds=bounds)})
        found = weighed(calibration, sightings_at(square, (side, side), repeats=repeats))
        low, high = found.interval
        assert bounds[0] <= low <= found.llr <= high <= bounds[1]


def test_bounds_are_reached() -> None:
    """Or the test above would say nothing of them."""
    calibration = small_calibration(checks={CHECK.name: entry(bounds=[-0.7, 1.2])})
    assert weighed(calibration, sightings_at()).llr == 1.2
    assert weighed(calibration, sightings_at((0.4, 0.4, -0.6, 0.0))).llr == -0.7


WIDE = small_calibration(checks={CHECK.name: entry(bounds=[-9.0, 9.0])})
OFF = (0.5035, 0.497, -0.02, 0.006)


def breadth(found: Weighed) -> float:
    return found.interval[1] - found.interval[0]


def test_a_small_picture_is_less_sure() -> None:
    large, small = weighed(WIDE, sightings_at(OFF)), weighed(WIDE, sightings_at(OFF, (64, 64)))
    assert breadth(small) > 1.1 * breadth(large) > 0.4


def test_a_repeat_makes_it_surer_and_a_contradiction_does_not() -> None:
    once, twice = weighed(WIDE, sightings_at(OFF)), weighed(WIDE, sightings_at(OFF, repeats=1))
    assert twice.llr == pytest.approx(once.llr)
    assert breadth(twice) < breadth(once)
    x, y, ln_side, roll = OFF
    left, right = (sightings_at((x + d, y, ln_side, roll)) for d in (-0.01, 0.01))
    apart = weighed(WIDE, left + right)
    assert apart.llr == pytest.approx(once.llr)
    assert breadth(apart) > breadth(once)


def test_what_the_fit_leaves_open_widens_the_interval() -> None:
    sure = small_calibration(checks={CHECK.name: entry(uncertainty=[[-9.0, 0.0], [9.0, 0.0]])})
    unsure = small_calibration(checks={CHECK.name: entry(uncertainty=[[-9.0, 0.5], [9.0, 0.5]])})
    nowhere = sightings_at((0.4, 0.3, -0.6, 0.0))  # flat: no jitter moves it
    assert breadth(weighed(sure, nowhere)) == pytest.approx(0.0, abs=0.02)
    assert breadth(weighed(unsure, nowhere)) == pytest.approx(2 * 1.96 * 0.5, abs=0.02)


def test_uncertainty_is_read_between_its_knots() -> None:
    knots = [[-3.0, 0.0], [-2.0, 0.2], [-1.0, 0.4]]
    calibration = small_calibration(
        checks={CHECK.name: entry(uncertainty=knots, bounds=[-9.0, 9.0])}
    )
    found = weighed(calibration, sightings_at((0.4, 0.3, -0.6, 0.0)))
    assert found.llr == pytest.approx(-2.0, abs=0.01)
    assert breadth(found) == pytest.approx(2 * 1.96 * 0.2, abs=0.02)


def test_jitter_of_the_mean_by_hand() -> None:
    model = SMALL.scales[CHECK.name].model
    one = sightings_at()
    expected = model.jitter.at(one[0].eye_distance_px)
    np.testing.assert_allclose(jitter_variance(model, one, model.measured(one)), expected)
    same = sightings_at(repeats=1)
    # Four repeats' worth of the usual, no scatter, one degree of freedom more; the mean of two.
    np.testing.assert_allclose(
        jitter_variance(model, same, model.measured(same)), expected * 4 / 5 / 2
    )
    apart = one + sightings_at((0.52, 0.5, 0.0, 0.0))
    found = jitter_variance(model, apart, model.measured(apart))
    np.testing.assert_allclose(found[0], (4 * expected[0] + 2 * 0.01**2) / 5 / 2)
    np.testing.assert_allclose(found[1:], expected[1:] * 4 / 5 / 2)


def test_the_mean_of_all_sightings_is_weighed() -> None:
    left, right = sightings_at((0.497, 0.5, 0.0, 0.0)), sightings_at((0.503, 0.5, 0.0, 0.0))
    middle = sightings_at()
    assert weighed(SMALL, left + right).llr == pytest.approx(weighed(SMALL, middle).llr)
    assert weighed(SMALL, left).llr <= weighed(SMALL, middle).llr


# Adding up, and the verdict


def some(llr: float, low: float, high: float) -> dict[str, Weighed]:
    return {CHECK.name: Weighed(llr, (low, high), None)}


@given(st.floats(-3, 3), st.floats(0, 1), st.floats(0, 1))
def test_one_check_of_weight_one_is_the_total(llr: float, below: float, above: float) -> None:
    total, (low, high) = SMALL.fuse(some(llr, llr - below, llr + above))
    assert total == pytest.approx(llr)
    assert low == pytest.approx(max(-3.0, llr - below), abs=1e-9)
    assert high == pytest.approx(min(3.0, llr + above), abs=1e-9)


def test_weight_and_offset_count_and_bounds_hold() -> None:
    calibration = small_calibration(
        checks={CHECK.name: entry(weight=0.5)}, offset=-0.4, bounds=[-1.0, 0.8]
    )
    total, interval = calibration.fuse(some(2.0, 1.0, 2.2))
    assert total == pytest.approx(0.6)
    assert interval == pytest.approx((0.1, 0.7))
    assert calibration.fuse(some(3.0, 2.9, 3.0)) == (0.8, (0.8, 0.8))
    assert calibration.fuse(some(-3.0, -3.0, -1.4))[0] == -1.0


ORDER = [Verdict.UNLIKELY_GENERATED, Verdict.INCONCLUSIVE, Verdict.LIKELY_GENERATED]


@given(st.floats(-6, 6), st.floats(0, 6))
def test_more_evidence_never_gives_a_milder_verdict(llr: float, more: float) -> None:
    weaker, stronger = SMALL.verdict(llr), SMALL.verdict(llr + more)
    assert ORDER.index(weaker) <= ORDER.index(stronger)


@pytest.mark.parametrize(
    ("llr", "verdict"),
    [(2.0, ORDER[2]), (1.999, ORDER[1]), (0.0, ORDER[1]), (-0.999, ORDER[1]), (-1.0, ORDER[0])],
)
def test_thresholds_belong_to_their_verdicts(llr: float, verdict: Verdict) -> None:
    assert SMALL.verdict(llr) is verdict


def test_a_description_is_json_and_names_its_figures() -> None:
    said = json.loads(json.dumps(SMALL.describe(), allow_nan=False))
    assert said["id"] == SMALL.id
    assert {"fitted_on", "thresholds", "llr_bounds", "figures", "checks"} <= set(said)
    assert said["checks"] == {CHECK.name: {"version": 1, "llr_bounds": [-3.0, 3.0], "weight": 1.0}}
    assert [t["verdict"] for t in said["thresholds"]] == ["likely_generated", "unlikely_generated"]


# What ships


def test_the_shipped_calibration_loads_and_is_sound(shipped: Calibration) -> None:
    limits = {t.verdict: t.llr for t in shipped.thresholds}
    low, high = shipped.bounds
    assert low < limits["unlikely_generated"] < 0.0 < limits["likely_generated"] < high
    assert 0.0 < shipped.file.figures["cllr_min"] <= shipped.file.figures["cllr"] < 0.5
    scale = shipped.scales[CHECK.name]
    assert math.isclose(sum(t.share for t in scale.model.templates), 1.0)
    assert math.isclose(float(scale.model.ordinary.weights.sum()), 1.0, abs_tol=1e-6)
    for covariance in (
        *scale.model.ordinary.covariances,
        *(t.spread.scale for t in scale.model.templates),
    ):
        assert np.linalg.eigvalsh(covariance).min() > 0.0
