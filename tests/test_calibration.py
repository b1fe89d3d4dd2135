import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.calibration import Calibration, CalibrationError, Weighed, jitter_variance, load, parse
from app.checks import CHECKS
from app.evidence import Reading, Reason, Unmeasurable, Verdict
from app.portrait import Sighting
from tests.sitters import (
    calibration_file,
    entry,
    sightings_at,
    small_calibration,
    threshold,
)

(CHECK,) = CHECKS
SMALL = small_calibration()
Path_ = tuple[str | int, ...]

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


# Loading


def content() -> Any:
    return json.loads(calibration_file().model_dump_json())


def changed(path: Path_, value: object) -> bytes:
    """The small calibration's file with ``value`` at ``path``."""
    whole = content()
    place = whole
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return json.dumps(whole).encode()


def without(path: Path_) -> bytes:
    whole = content()
    place = whole
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return json.dumps(whole).encode()


def every_place(node: object, path: Path_ = ()) -> list[Path_]:
    """The paths of all objects and their fields, arrays entered at their first element only."""
    if isinstance(node, dict):
        inner = [p for key, value in node.items() for p in every_place(value, (*path, key))]
        return [path, *inner]
    if isinstance(node, list):
        return [path, *(every_place(node[0], (*path, 0)) if node else [])]
    return [path]


ALIGN: Path_ = ("checks", CHECK.name)
PLACES = every_place(content())


def test_what_was_written_is_what_is_read(tmp_path: Path) -> None:
    data = calibration_file().model_dump_json().encode()
    (tmp_path / "c.json").write_bytes(data)
    loaded = load(tmp_path / "c.json", CHECKS)
    assert loaded.file == calibration_file()
    assert loaded.id == SMALL.id
    assert len(loaded.id) == 12


def test_another_file_has_another_id() -> None:
    data = calibration_file().model_dump_json().encode()
    assert parse(data + b"\n", CHECKS).id != parse(data, CHECKS).id
    assert parse(changed(("offset",), 0.1), CHECKS).id != SMALL.id


@pytest.mark.parametrize(
    "path",
    [(), ("fitted_on",), ALIGN, (*ALIGN, "correction"), (*ALIGN, "templates", 0),
     (*ALIGN, "ordinary"), (*ALIGN, "jitter"), ("thresholds", 0)],
)  # fmt: skip
def test_an_unknown_field_is_refused_wherever_it_stands(path: Path_) -> None:
    with pytest.raises(CalibrationError, match="malformed"):
        parse(changed((*path, "extra"), 1), CHECKS)


@pytest.mark.parametrize("path", [p for p in PLACES if p and isinstance(p[-1], str)], ids=str)
def test_a_missing_field_is_refused_wherever_it_is_missing(path: Path_) -> None:
    if path[-1] in ("kind", "cllr", "avatar"):
        parse(without(path), CHECKS)  # a default, and what a report may leave out
        return
    with pytest.raises(CalibrationError):
        parse(without(path), CHECKS)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf], ids=str)
@pytest.mark.parametrize(
    "path",
    [("offset",), ("bounds", 0), (*ALIGN, "weight"), (*ALIGN, "templates", 0, "scale", 1, 1),
     (*ALIGN, "correction", "odd", 3, 0), (*ALIGN, "ordinary", "covariances", 0, 2, 2),
     (*ALIGN, "ordinary", "weights", 0), (*ALIGN, "correction", "odd_whitening", 0, 0),
     (*ALIGN, "uncertainty", 0, 1), ("thresholds", 0, "llr"), ("figures", "cllr")],
)  # fmt: skip
def test_a_number_that_is_none_is_refused(path: Path_, value: float) -> None:
    with pytest.raises(CalibrationError, match="malformed"):
        parse(changed(path, value), CHECKS)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), 2),
        (("format",), 0),
        (("thresholds", 0, "verdict"), "guilty"),
        ((*ALIGN, "kind"), "logistic"),
        ((*ALIGN, "templates"), []),
        ((*ALIGN, "templates", 0, "mean"), [0.5, 0.5, 0.0]),
        ((*ALIGN, "templates", 0, "freedom"), 0.0),
        ((*ALIGN, "templates", 0, "share"), 1.5),
        ((*ALIGN, "correction", "usual_oddness"), 0.0),
        ((*ALIGN, "correction", "even"), [[0.0, 0.0]] * 25),
        ((*ALIGN, "uncertainty"), [[0.0, 0.1]]),
        ((*ALIGN, "weight"), "heavy"),
        (("thresholds", 0, "upper_95"), 1.2),
        (("bounds",), [-3.0, 0.0, 3.0]),
        (("bounds",), [3.0, -3.0]),
        ((*ALIGN, "bounds"), [1.0, 1.0]),
        ((*ALIGN, "templates", 0, "scale", 0, 0), -1e-6),
        ((*ALIGN, "templates", 0, "scale", 0, 1), 1e-3),
        ((*ALIGN, "templates", 0, "scale"), [[0.0] * 4] * 4),
        ((*ALIGN, "ordinary", "covariances", 1, 5, 5), 0.0),
        ((*ALIGN, "ordinary", "weights"), [1.0]),
        ((*ALIGN, "ordinary", "weights", 0), -0.2),
        ((*ALIGN, "ordinary", "means"), [[0.0] * 6] * 3),
        ((*ALIGN, "jitter", "floor", 0), -1e-9),
        ((*ALIGN, "uncertainty"), [[1.0, 0.1], [-1.0, 0.1]]),
        ((*ALIGN, "uncertainty", 0, 1), -0.1),
        ((*ALIGN, "correction", "odd_whitening", 4), [1.0, 0.0]),
        ((*ALIGN, "correction", "even_whitening", 4), [0.0] * 26),
    ],
    ids=str,
)
def test_a_value_out_of_its_range_is_refused(path: Path_, value: object) -> None:
    with pytest.raises(CalibrationError, match="malformed"):
        parse(changed(path, value), CHECKS)


@pytest.mark.parametrize("version", [0, CHECK.version + 1])
def test_a_calibration_for_another_version_of_a_check_is_refused(version: int) -> None:
    with pytest.raises(CalibrationError, match="eyeline fit"):
        parse(changed((*ALIGN, "version"), version), CHECKS)


def test_exactly_the_checks_that_there_are() -> None:
    data = calibration_file().model_dump_json().encode()
    newcomer = replace(CHECK, name="hairline")
    for checks in ((), (newcomer,), (CHECK, newcomer)):
        with pytest.raises(CalibrationError, match="eyeline fit"):
            parse(data, checks)
    with pytest.raises(CalibrationError, match="eyeline fit"):
        parse(changed(("checks", "hairline"), content()["checks"][CHECK.name]), CHECKS)


@pytest.mark.parametrize("kept", [(), ("likely_generated",), ("unlikely_generated",)])
def test_both_thresholds_must_be_there(kept: Sequence[str]) -> None:
    file = calibration_file(thresholds=[threshold(name, 1.0) for name in kept])
    with pytest.raises(CalibrationError, match="threshold"):
        parse(file.model_dump_json().encode(), CHECKS)


@given(st.floats(0.0, 1.0, exclude_max=True))
def test_a_truncated_file_is_refused(share: float) -> None:
    data = calibration_file().model_dump_json().encode()
    with pytest.raises(CalibrationError):
        parse(data[: int(share * len(data))], CHECKS)


@given(st.binary(max_size=200))
def test_noise_is_refused(data: bytes) -> None:
    with pytest.raises(CalibrationError):
        parse(data, CHECKS)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b"NaN"])
def test_nothing_is_refused(data: bytes) -> None:
    with pytest.raises(CalibrationError, match="malformed"):
        parse(data, CHECKS)


def test_a_file_that_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.json", tmp_path):
        with pytest.raises(CalibrationError, match="eyeline fit"):
            load(path, CHECKS)


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
