import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.calibration.alignment_model import CROPPED_SHARE
from app.calibration.alignment_scale import AlignmentScale, jitter_variance
from app.calibration.calibration import NOT_NEEDED_SUMMARY, Calibration, CalibrationError
from app.calibration.fusion import KNEE, soft_clip
from app.calibration.scale import NO_EVIDENCE, LlrEstimate
from app.checks.eye_alignment import CHECK
from app.checks.stamp import CHECK as STAMP
from app.checks.texture import CHECK as TEXTURE
from app.evidence import Reading, Reason, Unmeasurable, Verdict
from app.face.portrait import FaceMeasurement
from app.networks.onnx import OnnxNetworks
from tests.synthetic_faces import (
    make_alignment_entry,
    make_eyes_only_fusion,
    make_face_measurements,
    make_logistic_entry,
    make_stamp_entry,
    small_calibration,
    small_model,
)

EYES_ONLY = small_calibration()
TEETH = replace(TEXTURE, name="teeth")
ALL_KINDS = (CHECK, TEXTURE, TEETH, STAMP)


def calibrate_all_kinds(**changes: object) -> Calibration:
    """The eyes, two checks that look at pixels, and the stamp; ``changes`` are the fusion's."""
    fusion_fields: dict[str, Any] = {"weights": {TEXTURE.name: 0.8, TEETH.name: 0.5}, "offset": 0.1}
    return small_calibration(
        ALL_KINDS,
        checks={
            CHECK.name: make_alignment_entry(),
            TEXTURE.name: make_logistic_entry(version=TEXTURE.version),
            TEETH.name: make_logistic_entry(version=TEETH.version),
            STAMP.name: make_stamp_entry(),
        },
        fusion=make_eyes_only_fusion(**fusion_fields | changes),
        bounds=[-9.0, 9.0],
    )


squares = st.tuples(
    st.floats(0.3, 0.7), st.floats(0.3, 0.7), st.floats(-1.0, 0.5), st.floats(-0.5, 0.5)
)
near_squares = st.tuples(
    st.floats(0.49, 0.51), st.floats(0.49, 0.51), st.floats(-0.05, 0.3), st.floats(-0.02, 0.02)
)


def make_reading(measurements: tuple[FaceMeasurement, ...]) -> Reading:
    return Reading(1.0, (), measurements)


def weigh_eyes(calibration: Calibration, measurements: tuple[FaceMeasurement, ...]) -> LlrEstimate:
    return calibration.weigh(CHECK, make_reading(measurements))[1]


# Weighing


@pytest.mark.parametrize("reason", list(Reason))
def test_what_could_not_be_measured_weighs_nothing(reason: Reason) -> None:
    evidence, nothing = EYES_ONLY.weigh(CHECK, Unmeasurable(reason))
    assert (nothing.llr, nothing.interval, nothing.match) == (0.0, (0.0, 0.0), None)
    assert (evidence.llr, evidence.match) == (0.0, None)
    said = NOT_NEEDED_SUMMARY if reason is Reason.NOT_NEEDED else reason
    assert said in evidence.summary


def test_evidence_says_what_was_weighed() -> None:
    reading_weighed = make_reading(make_face_measurements())
    evidence, estimate = EYES_ONLY.weigh(CHECK, reading_weighed)
    assert evidence.check is CHECK
    assert evidence.measurement is reading_weighed
    assert evidence.llr == estimate.llr
    assert evidence.match == estimate.match
    assert evidence.match is not None
    assert "FFHQ" in evidence.summary


@given(st.one_of(squares, near_squares), st.integers(0, 2), st.sampled_from([48, 128, 400]))
def test_llr_stays_within_its_bounds_and_its_interval(
    square: tuple[float, float, float, float], repeats: int, side: int
) -> None:
    for bounds in ([-3.0, 3.0], [-0.7, 1.2]):
        calibration = small_calibration(checks={CHECK.name: make_alignment_entry(bounds=bounds)})
        estimate = weigh_eyes(
            calibration, make_face_measurements(square, (side, side), repeats=repeats)
        )
        low, high = estimate.interval
        assert bounds[0] <= low <= estimate.llr <= high <= bounds[1]


def test_bounds_are_reached() -> None:
    """Or the test above would say nothing of them."""
    calibration = small_calibration(checks={CHECK.name: make_alignment_entry(bounds=[-0.7, 1.2])})
    assert weigh_eyes(calibration, make_face_measurements()).llr == 1.2
    assert weigh_eyes(calibration, make_face_measurements((0.4, 0.4, -0.6, 0.0))).llr == -0.7


WIDE = small_calibration(checks={CHECK.name: make_alignment_entry(bounds=[-9.0, 9.0])})
OFF = (0.5035, 0.497, -0.02, 0.006)


def interval_width(estimate: LlrEstimate) -> float:
    return estimate.interval[1] - estimate.interval[0]


def test_a_small_picture_is_less_sure() -> None:
    large, small = (
        weigh_eyes(WIDE, make_face_measurements(OFF)),
        weigh_eyes(WIDE, make_face_measurements(OFF, (64, 64))),
    )
    assert interval_width(small) > 1.1 * interval_width(large) > 0.4


def test_a_repeat_makes_it_surer_and_a_contradiction_does_not() -> None:
    once, twice = (
        weigh_eyes(WIDE, make_face_measurements(OFF)),
        weigh_eyes(WIDE, make_face_measurements(OFF, repeats=1)),
    )
    assert twice.llr == pytest.approx(once.llr)
    assert interval_width(twice) < interval_width(once)
    x, y, ln_side, roll = OFF
    left, right = (make_face_measurements((x + d, y, ln_side, roll)) for d in (-0.01, 0.01))
    apart = weigh_eyes(WIDE, left + right)
    assert apart.llr == pytest.approx(once.llr)
    assert interval_width(apart) > interval_width(once)


def test_what_the_fit_leaves_open_widens_the_interval() -> None:
    sure = small_calibration(
        checks={CHECK.name: make_alignment_entry(uncertainty=[[-9.0, 0.0], [9.0, 0.0]])}
    )
    unsure = small_calibration(
        checks={CHECK.name: make_alignment_entry(uncertainty=[[-9.0, 0.5], [9.0, 0.5]])}
    )
    nowhere = make_face_measurements((0.4, 0.3, -0.6, 0.0))  # flat: no jitter moves it
    assert interval_width(weigh_eyes(sure, nowhere)) == pytest.approx(0.0, abs=0.02)
    assert interval_width(weigh_eyes(unsure, nowhere)) == pytest.approx(2 * 1.96 * 0.5, abs=0.02)


def test_uncertainty_is_read_between_its_knots() -> None:
    floor = math.log10(CROPPED_SHARE)
    knots = [[floor - 1.0, 0.0], [floor, 0.2], [floor + 1.0, 0.4]]
    calibration = small_calibration(
        checks={CHECK.name: make_alignment_entry(uncertainty=knots, bounds=[-9.0, 9.0])}
    )
    estimate = weigh_eyes(calibration, make_face_measurements((0.4, 0.3, -0.6, 0.0)))
    assert estimate.llr == pytest.approx(floor, abs=0.01)
    assert interval_width(estimate) == pytest.approx(2 * 1.96 * 0.2, abs=0.02)


def test_jitter_of_the_mean_by_hand() -> None:
    model = small_model()
    one = make_face_measurements()
    expected = model.jitter.at(one[0].eye_distance_px)
    np.testing.assert_allclose(
        jitter_variance(model, one, model.correct_measurements(one)), expected
    )
    same = make_face_measurements(repeats=1)
    # Four repeats' worth of the usual, no scatter, one degree of freedom more; the mean of two.
    np.testing.assert_allclose(
        jitter_variance(model, same, model.correct_measurements(same)), expected * 4 / 5 / 2
    )
    apart = one + make_face_measurements((0.52, 0.5, 0.0, 0.0))
    actual = jitter_variance(model, apart, model.correct_measurements(apart))
    np.testing.assert_allclose(actual[0], (4 * expected[0] + 2 * 0.01**2) / 5 / 2)
    np.testing.assert_allclose(actual[1:], expected[1:] * 4 / 5 / 2)


def test_the_mean_of_all_sightings_is_weighed() -> None:
    left, right = (
        make_face_measurements((0.497, 0.5, 0.0, 0.0)),
        make_face_measurements((0.503, 0.5, 0.0, 0.0)),
    )
    middle = make_face_measurements()
    assert weigh_eyes(EYES_ONLY, left + right).llr == pytest.approx(
        weigh_eyes(EYES_ONLY, middle).llr
    )
    assert weigh_eyes(EYES_ONLY, left).llr <= weigh_eyes(EYES_ONLY, middle).llr


# What pixels and stamps weigh


def make_measures_reading(**measures: float) -> Reading:
    return Reading(0.0, measures=measures)


def test_named_measures_are_weighed_together_and_their_slopes_know_the_size() -> None:
    """By hand: ln LR = offset + Σ (w + v·z₀) z, all in standard deviations from the centre."""
    fitted_entry = make_logistic_entry(
        centre=[1.0, -0.5], scale=[2.0, 0.5], weights=[0.8, 0.3], size_weights=[0.2, -0.1],
        offset=-0.4, version=TEXTURE.version,
    )  # fmt: skip
    calibration = small_calibration((TEXTURE,), checks={TEXTURE.name: fitted_entry})
    evidence, estimate = calibration.weigh(TEXTURE, make_measures_reading(witness=4.0, ln_side=0.0))
    spread, size = (4.0 - 1.0) / 2.0, (0.0 + 0.5) / 0.5
    ln_lr = -0.4 + (0.8 + 0.2 * size) * spread + (0.3 - 0.1 * size) * size
    assert estimate.llr == evidence.llr == pytest.approx(ln_lr / math.log(10.0))
    assert estimate.interval == pytest.approx(
        (estimate.llr - 0.196, estimate.llr + 0.196), abs=1e-4
    )
    assert (estimate.match, estimate.alignment) == (None, None)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_no_measure_however_odd_leaves_the_bounds(witness: float, ln_side: float) -> None:
    fitted_entry = make_logistic_entry(
        size_weights=[0.5, 0.5], bounds=[-0.7, 1.2], version=TEXTURE.version
    )
    calibration = small_calibration((TEXTURE,), checks={TEXTURE.name: fitted_entry})
    estimate = calibration.weigh(TEXTURE, make_measures_reading(witness=witness, ln_side=ln_side))[
        1
    ]
    assert -0.7 <= estimate.interval[0] <= estimate.llr <= estimate.interval[1] <= 1.2


@pytest.mark.parametrize("measures", [{}, {"witness": 1.0}, {"spread": 1.0, "ln_side": 0.0}])
def test_a_reading_of_another_check_is_refused_loudly(measures: Mapping[str, float]) -> None:
    with pytest.raises(ValueError, match="the scale is for"):
        calibrate_all_kinds().weigh(TEXTURE, make_measures_reading(**measures))


def test_a_stamp_that_was_read_weighs_and_one_that_was_not_says_nothing() -> None:
    evidence, estimate = calibrate_all_kinds().weigh(
        STAMP, make_measures_reading(correlation=0.6, hit=1.0)
    )
    assert (evidence.llr, estimate.llr, estimate.interval) == (2.5, 2.5, (2.4, 3.0))
    assert "StyleGAN2" in evidence.summary
    evidence, estimate = calibrate_all_kinds().weigh(
        STAMP, make_measures_reading(correlation=0.1, hit=0.0)
    )
    assert estimate is NO_EVIDENCE
    assert evidence.llr == 0.0


# Adding up, and the verdict


def eye_estimate(llr: float, low: float, high: float) -> dict[str, LlrEstimate]:
    return {CHECK.name: LlrEstimate(llr, (low, high))}


def fused_llr(calibration: Calibration, **llrs: float) -> float:
    return calibration.fuse(
        {name: LlrEstimate(llr, (llr, llr)) for name, llr in llrs.items()}
    ).total[0]


WIDE_BOUNDS = small_calibration(bounds=[-9.0, 9.0])


@given(st.floats(-3, 3), st.floats(0, 1), st.floats(0, 1))
def test_the_eyes_alone_are_the_total(llr: float, below: float, above: float) -> None:
    llr_total, (low, high) = WIDE_BOUNDS.fuse(eye_estimate(llr, llr - below, llr + above)).total
    assert llr_total == pytest.approx(llr)
    assert low == pytest.approx(llr - below, abs=1e-9)
    assert high == pytest.approx(llr + above, abs=1e-9)


@given(st.floats(-40, 40), st.floats(0.001, 10), st.floats(0, 5), st.floats(0, 5))
def test_bounds_are_approached_and_never_left_and_order_is_kept(
    llr: float, more: float, below: float, above: float
) -> None:
    llr_total, (low, high) = EYES_ONLY.fuse(eye_estimate(llr, llr - below, llr + above)).total
    assert -3.0 <= low <= llr_total <= high <= 3.0
    stronger = EYES_ONLY.fuse(eye_estimate(llr + more, llr, llr + more)).total[0]
    assert stronger >= llr_total
    if llr > -6.0 and llr + more < 6.0:  # further out floats end before the bound does
        assert stronger > llr_total


def test_a_bend_begins_at_its_knee_without_a_step_or_a_corner() -> None:
    for sign in (1.0, -1.0):
        knee = 3.0 - KNEE
        assert (
            sign * EYES_ONLY.fuse(eye_estimate(sign * knee, sign * knee, sign * knee)).total[0]
            == knee
        )
        near_knee = np.array(
            [soft_clip(sign * (knee + d), (-3.0, 3.0)) for d in (-1e-4, 0.0, 1e-4)]
        )
        np.testing.assert_allclose(np.diff(near_knee), sign * 1e-4, rtol=1e-3)
        assert sign * soft_clip(sign * 3.0, (-3.0, 3.0)) == pytest.approx(3.0 - KNEE / math.e)
        assert sign * soft_clip(sign * 50.0, (-3.0, 3.0)) == pytest.approx(3.0)


def test_bounds_need_not_lie_alike_on_both_sides() -> None:
    calibration = small_calibration(bounds=[-1.0, 0.8])
    llr, interval = calibration.fuse(eye_estimate(5.0, 4.0, 6.0)).total
    assert 0.79 < interval[0] <= llr <= interval[1] <= 0.8
    assert -1.0 <= calibration.fuse(eye_estimate(-5.0, -6.0, -1.4)).total[0] < -0.99
    assert calibration.fuse(eye_estimate(0.1, 0.0, 0.2)).total[0] == pytest.approx(0.1)


def test_pixel_checks_are_weighed_with_an_offset_and_the_stamp_is_not() -> None:
    calibration = calibrate_all_kinds()
    assert fused_llr(calibration, texture=1.0) == pytest.approx(0.8 + 0.1)
    assert fused_llr(calibration, texture=1.0, teeth=-0.4) == pytest.approx(0.8 - 0.2 + 0.1)
    assert fused_llr(calibration, eye_alignment=1.5, teeth=0.4) == pytest.approx(1.5 + 0.2 + 0.1)
    assert fused_llr(calibration, texture=1.0, stamp=2.5) == pytest.approx(0.8 + 0.1 + 2.5)


def test_the_offset_belongs_to_pixels_and_counts_only_where_they_were_seen() -> None:
    calibration = calibrate_all_kinds(offset=1.5)
    assert fused_llr(calibration, eye_alignment=0.3) == pytest.approx(0.3)
    assert fused_llr(calibration, stamp=0.0) == 0.0
    assert fused_llr(calibration, teeth=0.0) == pytest.approx(1.5)


@pytest.mark.parametrize("share", [0.5, 0.1, 0.02, 0.001])
def test_the_eyes_alone_never_weigh_more_than_one_over_the_framed_share(share: float) -> None:
    calibration = calibrate_all_kinds(framed_share=share)
    most = -math.log10(share)
    for eyes in (0.5, 2.0, 3.0, 6.0, 12.0):
        assert fused_llr(calibration, eye_alignment=eyes) <= min(eyes, most) + 1e-12
    assert fused_llr(calibration, eye_alignment=12.0) == pytest.approx(most, abs=1e-6)
    assert fused_llr(calibration, eye_alignment=0.0) == pytest.approx(0.0)  # says nothing, still
    by_hand = math.log10(1.0 / ((1.0 - share) / 10.0**2 + share))
    assert fused_llr(calibration, eye_alignment=2.0) == pytest.approx(by_hand)


def test_pixels_clear_a_photograph_in_the_frame_and_cannot_be_outdone_by_it() -> None:
    """Pixels weigh the same beside eyes in the frame as they do beside any others."""
    calibration = calibrate_all_kinds(framed_share=0.02, weights={TEXTURE.name: 1.0}, offset=0.0)
    framed = fused_llr(calibration, eye_alignment=12.0, texture=-2.0)
    assert framed == pytest.approx(math.log10(50.0) - 2.0, abs=1e-6)
    assert framed < 0.0
    for eyes in (-2.0, 0.0, 1.0, 6.0):
        beside = fused_llr(calibration, eye_alignment=eyes, texture=1.3)
        assert beside - fused_llr(calibration, eye_alignment=eyes) == pytest.approx(1.3)


@given(
    st.dictionaries(st.sampled_from([c.name for c in ALL_KINDS]), st.floats(-3, 3), min_size=1),
    st.data(),
)
def test_more_of_any_check_is_never_less_in_all(
    llrs: dict[str, float], data: st.DataObject
) -> None:
    calibration = calibrate_all_kinds(framed_share=0.02)
    name = data.draw(st.sampled_from(sorted(llrs)))
    more = data.draw(st.floats(0, 3))
    assert fused_llr(calibration, **llrs | {name: llrs[name] + more}) >= fused_llr(
        calibration, **llrs
    )


def test_doubts_add_as_independent_ones_do() -> None:
    """One arm for each check, as it moves the total, and one of the fusion's own."""
    calibration = calibrate_all_kinds(offset=0.0, uncertainty=[[-9.0, 0.1], [9.0, 0.1]])
    llr, (low, high) = calibration.fuse(
        {
            CHECK.name: LlrEstimate(1.0, (0.7, 1.2)),
            TEXTURE.name: LlrEstimate(0.5, (0.0, 1.0)),
            STAMP.name: LlrEstimate(0.0, (0.0, 0.0)),
        }
    ).total
    own = 1.959964 * 0.1
    assert llr == pytest.approx(1.4)
    assert low == pytest.approx(1.4 - math.hypot(own, 0.3, 0.8 * 0.5))
    assert high == pytest.approx(1.4 + math.hypot(own, 0.2, 0.8 * 0.5))


def test_doubt_about_eyes_far_beyond_the_framed_share_moves_nothing() -> None:
    calibration = calibrate_all_kinds(framed_share=0.02)
    sure = calibration.fuse({CHECK.name: LlrEstimate(8.0, (6.0, 9.0))}).total[1]
    assert sure[1] - sure[0] < 1e-3


ORDER = [Verdict.UNLIKELY_STYLEGAN, Verdict.INCONCLUSIVE, Verdict.LIKELY_STYLEGAN]


@given(st.floats(-6, 6), st.floats(0, 6))
def test_more_evidence_never_gives_a_milder_verdict(llr: float, more: float) -> None:
    weaker, stronger = EYES_ONLY.verdict(llr, 100.0), EYES_ONLY.verdict(llr + more, 100.0)
    assert ORDER.index(weaker) <= ORDER.index(stronger)


@pytest.mark.parametrize(
    ("llr", "verdict"),
    [(2.0, ORDER[2]), (1.999, ORDER[1]), (0.0, ORDER[1]), (-0.999, ORDER[1]), (-1.0, ORDER[0])],
)
def test_thresholds_belong_to_their_verdicts(llr: float, verdict: Verdict) -> None:
    assert EYES_ONLY.verdict(llr, 100.0) is verdict
    assert EYES_ONLY.verdict(llr, 5.0) is verdict


@pytest.mark.parametrize("llr", [-3.0, 0.0, 3.0])
def test_a_face_below_the_smallest_that_was_validated_gets_no_verdict(llr: float) -> None:
    assert EYES_ONLY.is_too_small(4.99)
    assert not EYES_ONLY.is_too_small(5.0)
    assert EYES_ONLY.verdict(llr, 4.99) is Verdict.INCONCLUSIVE


def test_a_description_is_json_and_names_its_figures() -> None:
    description = json.loads(json.dumps(EYES_ONLY.describe(), allow_nan=False))
    assert description["id"] == EYES_ONLY.id
    assert {"fitted_on", "networks", "thresholds", "llr_bounds", "figures", "fusion"} <= set(
        description
    )
    assert description["checks"] == {
        CHECK.name: {"version": 1, "llr_bounds": [-3.0, 3.0], "weight": 1.0}
    }
    assert [t["verdict"] for t in description["thresholds"]] == [
        "likely_stylegan",
        "unlikely_stylegan",
    ]


def test_a_description_says_of_each_check_what_it_weighs_and_how_good_it_is() -> None:
    descriptions = calibrate_all_kinds(weights={TEXTURE.name: 0.8}).describe()["checks"]
    assert list(descriptions) == [c.name for c in ALL_KINDS]
    assert {name: one["weight"] for name, one in descriptions.items()} == {
        CHECK.name: 1.0, TEXTURE.name: 0.8, TEETH.name: 0.0, STAMP.name: 1.0,
    }  # fmt: skip
    assert descriptions[TEXTURE.name]["auc_400px"] == 0.9
    assert descriptions[STAMP.name]["real_pictures"] == 1000.0


# The networks it was fitted with


def test_only_the_networks_that_it_was_fitted_with_will_do() -> None:
    networks = {"witness.onnx": "0a" * 32, "person.onnx": "0b" * 32}
    calibration = small_calibration(networks=networks)
    calibration.require_networks(dict(reversed(networks.items())))
    others: list[dict[str, str]] = [
        {},
        {"witness.onnx": "0a" * 32},
        networks | {"witness.onnx": "0c" * 32},
        networks | {"another.onnx": "0a" * 32},
        {"witness.onnx": "0b" * 32, "person.onnx": "0a" * 32},
    ]
    for other in others:
        with pytest.raises(CalibrationError, match="eyeline fit"):
            calibration.require_networks(other)
    EYES_ONLY.require_networks({})
    with pytest.raises(CalibrationError, match=r"witness\.onnx"):
        EYES_ONLY.require_networks(networks)


# What ships


def test_the_shipped_calibration_loads_and_is_sound(shipped: Calibration) -> None:
    limits = {t.verdict: t.llr for t in shipped.thresholds}
    low, high = shipped.bounds
    assert low < limits["unlikely_stylegan"] < 0.0 < limits["likely_stylegan"] < high
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
        *(t.distribution.scale for t in scale.model.templates),
    ):
        assert np.linalg.eigvalsh(covariance).min() > 0.0


def test_the_shipped_fusion_lets_no_check_speak_against_itself(shipped: Calibration) -> None:
    fused = shipped.fusion
    assert 0.0 < fused.framed_share < 0.1
    assert set(fused.weights) == {c.name for c in shipped.checks} - {CHECK.name, STAMP.name}
    assert min(fused.weights.values()) >= 0.0
    assert max(fused.weights.values()) > 0.0
    # Ordinary avatars look less like generated ones than photographs in the frame do.
    pixels = [line.llr(2.0, 300.0, fused.weights) for line in (fused.ordinary, fused.framed)]
    assert pixels[0] > pixels[1] > 0.0


def test_the_shipped_calibration_is_for_the_shipped_networks(
    shipped: Calibration, networks: OnnxNetworks
) -> None:
    shipped.require_networks(networks.sha256)
