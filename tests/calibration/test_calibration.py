import json
import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.calibration.alignment_model import CROPPED_SHARE
from app.calibration.alignment_scale import AlignmentScale, jitter_variance
from app.calibration.calibration import Calibration, CalibrationError
from app.calibration.fusion import KNEE, bent
from app.calibration.scale import NOTHING, Weighed
from app.checks.eye_alignment import CHECK
from app.checks.stamp import CHECK as STAMP
from app.checks.texture import CHECK as TEXTURE
from app.evidence import Reading, Reason, Unmeasurable, Verdict
from app.face.portrait import Sighting
from app.networks.onnx import Networks
from tests.sitters import (
    entry,
    eyes_alone,
    measures_entry,
    sightings_at,
    small_calibration,
    small_model,
    stamp_entry,
)

SMALL = small_calibration()
TEETH = replace(TEXTURE, name="teeth")
SEVERAL = (CHECK, TEXTURE, TEETH, STAMP)


def several(**changes: object) -> Calibration:
    """The eyes, two checks that look at pixels, and the stamp; ``changes`` are the fusion's."""
    fused = {"weights": {TEXTURE.name: 0.8, TEETH.name: 0.5}, "offset": 0.1}
    return small_calibration(
        SEVERAL,
        checks={
            CHECK.name: entry(),
            TEXTURE.name: measures_entry(version=TEXTURE.version),
            TEETH.name: measures_entry(version=TEETH.version),
            STAMP.name: stamp_entry(),
        },
        fusion=eyes_alone(**fused | changes),
        bounds=[-9.0, 9.0],
    )


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
    floor = math.log10(CROPPED_SHARE)
    knots = [[floor - 1.0, 0.0], [floor, 0.2], [floor + 1.0, 0.4]]
    calibration = small_calibration(
        checks={CHECK.name: entry(uncertainty=knots, bounds=[-9.0, 9.0])}
    )
    found = weighed(calibration, sightings_at((0.4, 0.3, -0.6, 0.0)))
    assert found.llr == pytest.approx(floor, abs=0.01)
    assert breadth(found) == pytest.approx(2 * 1.96 * 0.2, abs=0.02)


def test_jitter_of_the_mean_by_hand() -> None:
    model = small_model()
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


# What pixels and stamps weigh


def looked(**measures: float) -> Reading:
    return Reading(0.0, measures=measures)


def test_named_measures_are_weighed_together_and_their_slopes_know_the_size() -> None:
    """By hand: ln LR = offset + Σ (w + v·z₀) z, all in standard deviations from the centre."""
    known = measures_entry(
        centre=[1.0, -0.5], scale=[2.0, 0.5], weights=[0.8, 0.3], size_weights=[0.2, -0.1],
        offset=-0.4, version=TEXTURE.version,
    )  # fmt: skip
    calibration = small_calibration((TEXTURE,), checks={TEXTURE.name: known})
    evidence, found = calibration.weigh(TEXTURE, looked(witness=4.0, ln_side=0.0))
    spread, size = (4.0 - 1.0) / 2.0, (0.0 + 0.5) / 0.5
    ln_lr = -0.4 + (0.8 + 0.2 * size) * spread + (0.3 - 0.1 * size) * size
    assert found.llr == evidence.llr == pytest.approx(ln_lr / math.log(10.0))
    assert found.interval == pytest.approx((found.llr - 0.196, found.llr + 0.196), abs=1e-4)
    assert (found.match, found.square) == (None, None)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_no_measure_however_odd_leaves_the_bounds(witness: float, ln_side: float) -> None:
    known = measures_entry(size_weights=[0.5, 0.5], bounds=[-0.7, 1.2], version=TEXTURE.version)
    calibration = small_calibration((TEXTURE,), checks={TEXTURE.name: known})
    found = calibration.weigh(TEXTURE, looked(witness=witness, ln_side=ln_side))[1]
    assert -0.7 <= found.interval[0] <= found.llr <= found.interval[1] <= 1.2


@pytest.mark.parametrize("measures", [{}, {"witness": 1.0}, {"spread": 1.0, "ln_side": 0.0}])
def test_a_reading_of_another_check_is_refused_loudly(measures: Mapping[str, float]) -> None:
    with pytest.raises(ValueError, match="the scale is for"):
        several().weigh(TEXTURE, looked(**measures))


def test_a_stamp_that_was_read_weighs_and_one_that_was_not_says_nothing() -> None:
    evidence, found = several().weigh(STAMP, looked(correlation=0.6, hit=1.0))
    assert (evidence.llr, found.llr, found.interval) == (2.5, 2.5, (2.4, 3.0))
    assert "StyleGAN2" in evidence.summary
    evidence, found = several().weigh(STAMP, looked(correlation=0.1, hit=0.0))
    assert found is NOTHING
    assert evidence.llr == 0.0


# Adding up, and the verdict


def some(llr: float, low: float, high: float) -> dict[str, Weighed]:
    return {CHECK.name: Weighed(llr, (low, high))}


def total(calibration: Calibration, **llrs: float) -> float:
    return calibration.fuse({name: Weighed(llr, (llr, llr)) for name, llr in llrs.items()})[0]


WIDE_ALONE = small_calibration(bounds=[-9.0, 9.0])


@given(st.floats(-3, 3), st.floats(0, 1), st.floats(0, 1))
def test_the_eyes_alone_are_the_total(llr: float, below: float, above: float) -> None:
    found, (low, high) = WIDE_ALONE.fuse(some(llr, llr - below, llr + above))
    assert found == pytest.approx(llr)
    assert low == pytest.approx(llr - below, abs=1e-9)
    assert high == pytest.approx(llr + above, abs=1e-9)


@given(st.floats(-40, 40), st.floats(0.001, 10), st.floats(0, 5), st.floats(0, 5))
def test_bounds_are_approached_and_never_left_and_order_is_kept(
    llr: float, more: float, below: float, above: float
) -> None:
    found, (low, high) = SMALL.fuse(some(llr, llr - below, llr + above))
    assert -3.0 <= low <= found <= high <= 3.0
    stronger = SMALL.fuse(some(llr + more, llr, llr + more))[0]
    assert stronger >= found
    if llr > -6.0 and llr + more < 6.0:  # further out floats end before the bound does
        assert stronger > found


def test_a_bend_begins_at_its_knee_without_a_step_or_a_corner() -> None:
    for sign in (1.0, -1.0):
        knee = 3.0 - KNEE
        assert sign * SMALL.fuse(some(sign * knee, sign * knee, sign * knee))[0] == knee
        near_knee = np.array([bent(sign * (knee + d), (-3.0, 3.0)) for d in (-1e-4, 0.0, 1e-4)])
        np.testing.assert_allclose(np.diff(near_knee), sign * 1e-4, rtol=1e-3)
        assert sign * bent(sign * 3.0, (-3.0, 3.0)) == pytest.approx(3.0 - KNEE / math.e)
        assert sign * bent(sign * 50.0, (-3.0, 3.0)) == pytest.approx(3.0)


def test_bounds_need_not_lie_alike_on_both_sides() -> None:
    calibration = small_calibration(bounds=[-1.0, 0.8])
    llr, interval = calibration.fuse(some(5.0, 4.0, 6.0))
    assert 0.79 < interval[0] <= llr <= interval[1] <= 0.8
    assert -1.0 <= calibration.fuse(some(-5.0, -6.0, -1.4))[0] < -0.99
    assert calibration.fuse(some(0.1, 0.0, 0.2))[0] == pytest.approx(0.1)


def test_pixel_checks_are_weighed_with_an_offset_and_the_stamp_is_not() -> None:
    calibration = several()
    assert total(calibration, texture=1.0) == pytest.approx(0.8 + 0.1)
    assert total(calibration, texture=1.0, teeth=-0.4) == pytest.approx(0.8 - 0.2 + 0.1)
    assert total(calibration, eye_alignment=1.5, teeth=0.4) == pytest.approx(1.5 + 0.2 + 0.1)
    assert total(calibration, texture=1.0, stamp=2.5) == pytest.approx(0.8 + 0.1 + 2.5)


def test_the_offset_belongs_to_pixels_and_counts_only_where_they_were_seen() -> None:
    calibration = several(offset=1.5)
    assert total(calibration, eye_alignment=0.3) == pytest.approx(0.3)
    assert total(calibration, stamp=0.0) == 0.0
    assert total(calibration, teeth=0.0) == pytest.approx(1.5)


@pytest.mark.parametrize("share", [0.5, 0.1, 0.02, 0.001])
def test_the_eyes_alone_never_weigh_more_than_one_over_the_aligned_share(share: float) -> None:
    calibration = several(aligned_share=share)
    most = -math.log10(share)
    for eyes in (0.5, 2.0, 3.0, 6.0, 12.0):
        assert total(calibration, eye_alignment=eyes) <= min(eyes, most) + 1e-12
    assert total(calibration, eye_alignment=12.0) == pytest.approx(most, abs=1e-6)
    assert total(calibration, eye_alignment=0.0) == pytest.approx(0.0)  # says nothing, still
    by_hand = math.log10(1.0 / ((1.0 - share) / 10.0**2 + share))
    assert total(calibration, eye_alignment=2.0) == pytest.approx(by_hand)


def test_pixels_clear_a_photograph_in_the_frame_and_cannot_be_outdone_by_it() -> None:
    """Pixels weigh the same beside eyes in the frame as they do beside any others."""
    calibration = several(aligned_share=0.02, weights={TEXTURE.name: 1.0}, offset=0.0)
    framed = total(calibration, eye_alignment=12.0, texture=-2.0)
    assert framed == pytest.approx(math.log10(50.0) - 2.0, abs=1e-6)
    assert framed < 0.0
    for eyes in (-2.0, 0.0, 1.0, 6.0):
        beside = total(calibration, eye_alignment=eyes, texture=1.3)
        assert beside - total(calibration, eye_alignment=eyes) == pytest.approx(1.3)


@given(
    st.dictionaries(st.sampled_from([c.name for c in SEVERAL]), st.floats(-3, 3), min_size=1),
    st.data(),
)
def test_more_of_any_check_is_never_less_in_all(
    llrs: dict[str, float], data: st.DataObject
) -> None:
    calibration = several(aligned_share=0.02)
    name = data.draw(st.sampled_from(sorted(llrs)))
    more = data.draw(st.floats(0, 3))
    assert total(calibration, **llrs | {name: llrs[name] + more}) >= total(calibration, **llrs)


def test_doubts_add_as_independent_ones_do() -> None:
    """One arm for each check, as it moves the total, and one of the fusion's own."""
    calibration = several(offset=0.0, uncertainty=[[-9.0, 0.1], [9.0, 0.1]])
    llr, (low, high) = calibration.fuse(
        {
            CHECK.name: Weighed(1.0, (0.7, 1.2)),
            TEXTURE.name: Weighed(0.5, (0.0, 1.0)),
            STAMP.name: Weighed(0.0, (0.0, 0.0)),
        }
    )
    own = 1.959964 * 0.1
    assert llr == pytest.approx(1.4)
    assert low == pytest.approx(1.4 - math.hypot(own, 0.3, 0.8 * 0.5))
    assert high == pytest.approx(1.4 + math.hypot(own, 0.2, 0.8 * 0.5))


def test_doubt_about_eyes_far_beyond_the_aligned_share_moves_nothing() -> None:
    calibration = several(aligned_share=0.02)
    sure = calibration.fuse({CHECK.name: Weighed(8.0, (6.0, 9.0))})[1]
    assert sure[1] - sure[0] < 1e-3


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
    assert {"fitted_on", "networks", "thresholds", "llr_bounds", "figures", "fusion"} <= set(said)
    assert said["checks"] == {CHECK.name: {"version": 1, "llr_bounds": [-3.0, 3.0], "weight": 1.0}}
    assert [t["verdict"] for t in said["thresholds"]] == ["likely_generated", "unlikely_generated"]


def test_a_description_says_of_each_check_what_it_weighs_and_how_good_it_is() -> None:
    said = several(weights={TEXTURE.name: 0.8}).describe()["checks"]
    assert list(said) == [c.name for c in SEVERAL]
    assert {name: one["weight"] for name, one in said.items()} == {
        CHECK.name: 1.0, TEXTURE.name: 0.8, TEETH.name: 0.0, STAMP.name: 1.0,
    }  # fmt: skip
    assert said[TEXTURE.name]["auc_400px"] == 0.9
    assert said[STAMP.name]["real_pictures"] == 1000.0


# The networks it was fitted with


def test_only_the_networks_that_it_was_fitted_with_will_do() -> None:
    held = {"witness.onnx": "0a" * 32, "person.onnx": "0b" * 32}
    calibration = small_calibration(networks=held)
    calibration.refuse_other_networks(dict(reversed(held.items())))
    others: list[dict[str, str]] = [
        {},
        {"witness.onnx": "0a" * 32},
        held | {"witness.onnx": "0c" * 32},
        held | {"another.onnx": "0a" * 32},
        {"witness.onnx": "0b" * 32, "person.onnx": "0a" * 32},
    ]
    for other in others:
        with pytest.raises(CalibrationError, match="eyeline fit"):
            calibration.refuse_other_networks(other)
    SMALL.refuse_other_networks({})
    with pytest.raises(CalibrationError, match=r"witness\.onnx"):
        SMALL.refuse_other_networks(held)


# What ships


def test_the_shipped_calibration_loads_and_is_sound(shipped: Calibration) -> None:
    limits = {t.verdict: t.llr for t in shipped.thresholds}
    low, high = shipped.bounds
    assert low < limits["unlikely_generated"] < 0.0 < limits["likely_generated"] < high
    figures = shipped.file.figures
    assert 0.0 < figures["cllr_min"] <= figures["cllr"] < 0.5
    # llr is against ordinary avatars: photographs in the frame it rates too high, but sorts.
    assert 0.0 < figures["cllr_min_aligned"] < 0.6
    assert figures["cllr_min_aligned"] <= figures["cllr_aligned"]
    scale = shipped.scales[CHECK.name]
    assert isinstance(scale, AlignmentScale)
    assert math.isclose(sum(t.share for t in scale.model.templates), 1.0)
    assert math.isclose(float(scale.model.ordinary.weights.sum()), 1.0, abs_tol=1e-6)
    for covariance in (
        *scale.model.ordinary.covariances,
        *(t.spread.scale for t in scale.model.templates),
    ):
        assert np.linalg.eigvalsh(covariance).min() > 0.0


def test_the_shipped_fusion_lets_no_check_speak_against_itself(shipped: Calibration) -> None:
    fused = shipped.fusion
    assert 0.0 < fused.aligned_share < 0.1
    assert set(fused.weights) == {c.name for c in shipped.checks} - {CHECK.name, STAMP.name}
    assert min(fused.weights.values()) >= 0.0
    assert max(fused.weights.values()) > 0.0
    # Ordinary avatars look less like generated ones than photographs in the frame do.
    assert fused.ordinary[0] > fused.framed[0] > 0.0


def test_the_shipped_calibration_is_for_the_shipped_networks(
    shipped: Calibration, networks: Networks
) -> None:
    shipped.refuse_other_networks(networks.sha256)
