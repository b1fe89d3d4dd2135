import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.arrays import FloatArray
from app.calibration.alignment_model import (
    CROPPED_SHARE,
    TRIMMED_SHARE,
    AlignmentModel,
    NoiseVariance,
    ShapeAtypicality,
    apply_correction,
    median_pose,
    small_picture_weight,
)
from app.calibration.file import OrdinaryEntry
from app.calibration.templates import WidenedTemplates
from app.evidence import Match
from app.face.alignment import Alignment, Box
from app.face.face import Face
from app.face.portrait import CandidateFrame, FaceMeasurement, Portrait
from app.face.pose import PoseFeatures, compute_pose_features
from app.image.picture import Picture
from tests.synthetic_faces import (
    TEMPLATE_MEAN,
    TEMPLATE_SDS,
    make_face_measurements,
    make_portrait,
    make_template_entry,
    perturbed_face,
    place_face,
    random_correction,
    small_model,
    symmetric_face,
)

MODEL = small_model()
SDS = np.array(TEMPLATE_SDS)
MEAN = np.array(TEMPLATE_MEAN)
seeds = st.integers(0, 10_000)
squares = st.tuples(
    st.floats(0.4, 0.6), st.floats(0.4, 0.6), st.floats(-0.5, 0.4), st.floats(-0.4, 0.4)
)
shifts = st.tuples(*[st.floats(-0.2, 0.2)] * 4)


def llr_of(measurements: tuple[FaceMeasurement, ...], model: AlignmentModel = MODEL) -> float:
    square = model.correct_measurements(measurements).mean(axis=0)[None]
    return float(
        model.llr(square, median_pose(measurements), model.widened_templates(measurements))[0]
    )


def match_of(measurements: tuple[FaceMeasurement, ...], model: AlignmentModel = MODEL) -> Match:
    mean = model.correct_measurements(measurements).mean(axis=0)
    return model.best_match(
        measurements[0].candidate_frames, mean, model.widened_templates(measurements)
    )


def as_fitted(model: AlignmentModel) -> WidenedTemplates:
    return WidenedTemplates(model.templates, 1.0, np.zeros(4))


def square_off_by(
    deviations: tuple[float, float, float, float],
) -> tuple[float, float, float, float]:
    """The template's mean moved by so many of its deviations."""
    x, y, ln_side, roll = MEAN + SDS * deviations
    return float(x), float(y), float(ln_side), float(roll)


def zoomed_square(
    factor: float, square: tuple[float, float, float, float] = TEMPLATE_MEAN
) -> tuple[float, float, float, float]:
    """Where a square lies once the picture's middle is enlarged by ``factor``."""
    x, y, ln_side, roll = square
    return 0.5 + factor * (x - 0.5), 0.5 + factor * (y - 0.5), ln_side + math.log(factor), roll


def similarity_matrix(vector: FloatArray | tuple[float, ...]) -> FloatArray:
    """The similarity that takes a square's own coordinates to those of its frame."""
    x, y, ln_side, roll = vector
    cos, sin = math.exp(ln_side) * math.cos(roll), math.exp(ln_side) * math.sin(roll)
    return np.array([[cos, -sin, x], [sin, cos, y], [0.0, 0.0, 1.0]])


# How small, how odd, how noisy


def test_smallness_is_one_for_eyes_12_px_apart_and_falls_with_the_square() -> None:
    assert [small_picture_weight(d) for d in (0.0, 1.0, 12.0)] == [1.0, 1.0, 1.0]
    assert small_picture_weight(24.0) == pytest.approx(1 / 4)
    assert small_picture_weight(120.0) == pytest.approx(1 / 100)


def test_the_usual_face_is_as_odd_as_usual() -> None:
    assert MODEL.correction.atypicality(compute_pose_features(symmetric_face())) == pytest.approx(
        1.0
    )


@given(seeds, st.floats(0.0, 3.0))
def test_atypicality_is_the_mirrors_and_bounded(seed: int, amount: float) -> None:
    face = perturbed_face(seed, amount)
    atypicality = MODEL.correction.atypicality(compute_pose_features(face))
    assert 0.25 <= atypicality <= 40.0
    assert MODEL.correction.atypicality(compute_pose_features(face.mirrored(1.0))) == pytest.approx(
        atypicality
    )


def test_atypicality_by_hand() -> None:
    odd = ShapeAtypicality(2.0 * np.eye(23), np.eye(24), np.ones(24), usual_distance=10.0)
    shape = PoseFeatures(np.full(23, 0.5), np.concatenate([np.full(24, 2.0), [99.0, 99.0]]))
    assert odd(shape) == pytest.approx((23 + 24) / 10.0)  # the two squares have no say


@given(st.floats(1.0, 500.0))
def test_noise_grows_as_pictures_shrink(distance: float) -> None:
    noise = NoiseVariance(np.full(4, 2.0), np.array([0.0, 1.0, 2.0, 3.0]))
    np.testing.assert_allclose(
        noise.at(distance), 2.0 + np.array([0.0, 1.0, 2.0, 3.0]) / distance**2
    )
    np.testing.assert_array_equal(noise.at(0.0), noise.at(1.0))


# The correction


@given(squares, shifts)
def test_a_shift_is_told_in_the_squares_own_coordinates(
    square: tuple[float, float, float, float], shift: tuple[float, float, float, float]
) -> None:
    x, y, ln_side, roll = square
    alignment = Alignment((x, y), math.exp(ln_side), math.degrees(roll))
    actual = apply_correction(alignment, np.array(shift))
    np.testing.assert_allclose(
        similarity_matrix(actual), similarity_matrix(square) @ similarity_matrix(shift), atol=1e-12
    )


@given(seeds, st.floats(1.0, 300.0))
def test_a_mirrored_face_is_corrected_mirrored(seed: int, distance: float) -> None:
    correct, face = random_correction(seed), perturbed_face(seed)
    x, y, ln_side, roll = correct(compute_pose_features(face), distance)
    mirrored = correct(compute_pose_features(face.mirrored(5.0)), distance)
    np.testing.assert_allclose(mirrored, [-x, y, ln_side, -roll], atol=1e-12)
    assert max(abs(x), abs(roll)) > 0.0


@given(seeds, squares)
def test_the_corrected_square_of_a_mirrored_face_is_mirrored(
    seed: int, square: tuple[float, float, float, float]
) -> None:
    x, y, ln_side, roll = square
    model = small_model()
    model = AlignmentModel(
        random_correction(seed), model.templates, model.ordinary, model.resolution, model.jitter
    )
    portrait = make_portrait(square, face=perturbed_face(seed))
    mirrored = make_face_measurements(
        (1.0 - x, y, ln_side, -roll), face=perturbed_face(seed).mirrored(1.0)
    )
    here, there = (
        model.correct_measurement(portrait.face_measurements[0])[0],
        model.correct_measurement(mirrored[0])[0],
    )
    np.testing.assert_allclose(there, [1.0 - here[0], here[1], here[2], -here[3]], atol=1e-9)


def test_the_correction_cannot_run_away() -> None:
    shape = compute_pose_features(perturbed_face(0))
    odd, even = 1e6 * shape.odd, 1e6 * shape.even
    shift = np.abs(random_correction()(PoseFeatures(odd, even), 100.0))
    np.testing.assert_array_equal(shift, [0.05, 0.05, 0.2, 0.15])


def test_small_pictures_are_corrected_otherwise_in_height_and_size_only() -> None:
    correct, shape = random_correction(), compute_pose_features(perturbed_face(0))
    large, small = correct(shape, 12_000.0), correct(shape, 12.0)
    np.testing.assert_array_equal(large[[0, 3]], small[[0, 3]])
    expected = shape.even @ correct.even_small + correct.offset_small
    np.testing.assert_allclose((small - large)[[1, 2]], expected, rtol=1e-5)


def test_a_correction_of_nothing_corrects_nothing() -> None:
    measurement = make_face_measurements((0.47, 0.52, -0.2, 0.1), face=perturbed_face(1))[0]
    np.testing.assert_allclose(
        MODEL.correct_measurement(measurement), [[0.47, 0.52, -0.2, 0.1]], atol=1e-12
    )


# The likelihood ratio


@given(st.integers(0, 3), st.sampled_from([-1.0, 1.0]), st.floats(0.0, 12.0), st.floats(0.5, 4.0))
def test_llr_falls_as_the_square_leaves_the_template(
    axis: int, direction: float, near: float, further: float
) -> None:
    if axis == 2:
        direction = -1.0  # larger squares are zoomed ones
    step = np.zeros(4)
    step[axis] = direction
    here = make_face_measurements(square_off_by(tuple(near * step)))
    there = make_face_measurements(square_off_by(tuple((near + further) * step)))
    assert llr_of(there) < llr_of(here) + 1e-9


def test_in_the_very_frame_llr_is_high_and_far_away_it_is_what_crops_leave() -> None:
    assert llr_of(make_face_measurements()) > 3.0
    far = llr_of(make_face_measurements((0.4, 0.3, -0.6, 0.0)))
    assert far == pytest.approx(math.log10(CROPPED_SHARE), abs=0.01)


@given(squares, seeds)
def test_nothing_speaks_further_against_than_crops_allow(
    square: tuple[float, float, float, float], seed: int
) -> None:
    llr = llr_of(make_face_measurements(square, face=perturbed_face(seed)))
    assert math.isfinite(llr)
    assert llr >= math.log10(CROPPED_SHARE) - 1e-9


@given(st.tuples(*[st.floats(-5.0, 5.0)] * 4), seeds)
def test_mirrored_pictures_weigh_the_same(
    deviations: tuple[float, float, float, float], seed: int
) -> None:
    x, y, ln_side, roll = square_off_by(deviations)
    face = perturbed_face(seed, 0.02)
    here = llr_of(make_face_measurements((x, y, ln_side, roll), face=face))
    there = llr_of(make_face_measurements((1.0 - x, y, ln_side, -roll), face=face.mirrored(1.0)))
    assert there == pytest.approx(here, abs=1e-6)


def test_a_turned_face_in_the_very_frame_weighs_more() -> None:
    square = MODEL.correct_measurements(make_face_measurements())[0][None]
    frontal = median_pose(make_face_measurements())
    llrs = [
        float(MODEL.llr(square, frontal + np.array([turn, 0.0]), as_fitted(MODEL))[0])
        for turn in (0.0, 0.1, 0.2)
    ]
    assert llrs[0] + 0.05 < llrs[1] < llrs[2]


def test_a_pose_that_tells_nothing_of_the_square_weighs_nothing() -> None:
    """Squares and poses independent: how rare a pose is does not count for a generator."""
    alone = OrdinaryEntry(
        weights=[1.0], means=[[0.5, 0.46, -0.3, 0.0, 0.0, 0.1]],
        covariances=[np.diag([0.01, 0.01, 0.1, 0.01, 0.001, 0.001]).tolist()], pictures=9,
    )  # fmt: skip
    model = small_model(ordinary=alone)
    square = model.correct_measurements(
        make_face_measurements(square_off_by((3.0, 2.0, -2.0, 1.0)))
    )[0][None]
    llrs = [model.llr(square, np.array(p), as_fitted(model))[0] for p in ((0.0, 0.1), (0.3, 0.4))]
    assert llrs[0] == pytest.approx(llrs[1])


def test_pose_is_the_median_of_all_measurements() -> None:
    faces = [place_face(TEMPLATE_MEAN, face=perturbed_face(s)) for s in (1, 2, 3)]
    measurements = tuple(
        FaceMeasurement(
            compute_pose_features(f), make_face_measurements()[0].candidate_frames, f.eyes
        )
        for f in faces
    )
    poses = np.array([compute_pose_features(f).pose for f in faces])
    np.testing.assert_allclose(median_pose(measurements), np.sort(poses, axis=0)[1])


def test_small_pictures_and_odd_faces_are_judged_less_sharply() -> None:
    off = square_off_by((4.0, 0.0, 0.0, 0.0))
    assert match_of(make_face_measurements(off)).distance == pytest.approx(4.0, abs=0.3)
    assert match_of(make_face_measurements(off, (48, 48))).distance < 2.0
    points = 2.0 * symmetric_face().landmarks
    points[[468, 473, 61, 291]] /= 2.0  # irises and mouth stay: the square is the same
    odd = make_face_measurements(off, face=Face(points))
    assert MODEL.correction.atypicality(odd[0].pose_features) > 2.0
    assert match_of(odd).distance < 3.5
    assert llr_of(make_face_measurements(size=(48, 48))) < llr_of(make_face_measurements())


# Zoomed and trimmed pictures


@pytest.mark.parametrize("factor", [1.05, 1.1, 1.2, 1.28])
@pytest.mark.parametrize("size", [(400, 400), (640, 640)])
def test_a_zoomed_picture_is_matched_as_zoomed(size: tuple[int, int], factor: float) -> None:
    match = match_of(make_face_measurements(zoomed_square(factor), size))
    assert match.transform == "zoomed"
    assert match.distance < 1.0
    assert match.frame.width == pytest.approx(factor * size[0], rel=0.015)
    assert match.frame.height == pytest.approx(factor * size[1], rel=0.015)
    assert match.frame.left + match.frame.right == pytest.approx(size[0])
    assert match.frame.top + match.frame.bottom == pytest.approx(size[1])


@pytest.mark.parametrize("factor", [1.1, 1.2])
def test_a_zoomed_picture_still_speaks_for_a_generator(factor: float) -> None:
    assert (
        1.0
        < llr_of(make_face_measurements(zoomed_square(factor)))
        < llr_of(make_face_measurements())
    )


def test_a_zoom_not_about_the_centre_does_not() -> None:
    x, y, ln_side, roll = zoomed_square(1.15)
    assert llr_of(make_face_measurements((x + 0.03, y, ln_side, roll))) < -1.0


@pytest.mark.parametrize("factor", [0.8, 1.6])
def test_zooms_out_of_reach_do_not_speak(factor: float) -> None:
    assert llr_of(make_face_measurements(zoomed_square(factor))) < 0.0


def test_an_untouched_picture_is_matched_in_its_own_frame() -> None:
    match = match_of(make_face_measurements(size=(512, 512)))
    assert (match.transform, match.template) == ("untouched", "ffhq")
    assert match.distance == pytest.approx(0.0, abs=1e-6)
    assert match.frame == Box(0.0, 0.0, 512.0, 512.0)
    assert match.template_eyes == MODEL.templates[0].eyes


def measurements_in_two_frames(
    own: tuple[float, float, float, float], inner: tuple[float, float, float, float]
) -> tuple[FaceMeasurement, ...]:
    """A sighting whose square is seen at ``own`` and, in a trimmed frame, at ``inner``."""
    measurement = make_face_measurements(own)[0]
    x, y, ln_side, roll = inner
    alignment = Alignment((x, y), math.exp(ln_side), math.degrees(roll))
    trimmed = CandidateFrame("trimmed", Box(40.0, 40.0, 360.0, 360.0), alignment)
    return (
        FaceMeasurement(
            measurement.pose_features, (*measurement.candidate_frames, trimmed), measurement.eyes
        ),
    )


ELSEWHERE = (0.45, 0.42, -0.3, 0.0)


def test_a_trimmed_frame_is_matched_as_trimmed() -> None:
    match = match_of(measurements_in_two_frames(ELSEWHERE, TEMPLATE_MEAN))
    assert (match.transform, match.frame) == ("trimmed", Box(40.0, 40.0, 360.0, 360.0))
    assert match.distance == pytest.approx(0.0, abs=1e-6)


def test_a_trimmed_frame_may_be_zoomed_as_well() -> None:
    match = match_of(measurements_in_two_frames(ELSEWHERE, zoomed_square(1.2)))
    assert match.transform == "trimmed"
    assert match.frame.width == pytest.approx(1.2 * 320.0, rel=0.015)
    assert match.frame.left + match.frame.right == pytest.approx(400.0)


def test_a_frame_that_does_not_match_takes_little_and_one_that_does_gives_much() -> None:
    alone, nowhere = llr_of(make_face_measurements()), llr_of(make_face_measurements(ELSEWHERE))
    beside = llr_of(measurements_in_two_frames(TEMPLATE_MEAN, ELSEWHERE))
    assert beside == pytest.approx(alone + math.log10(1.0 - TRIMMED_SHARE), abs=0.02)
    inside = llr_of(measurements_in_two_frames(ELSEWHERE, TEMPLATE_MEAN))
    assert nowhere < math.log10(CROPPED_SHARE) + 0.01
    assert inside > 2.0


def test_a_bordered_portrait_is_matched_inside_its_border() -> None:
    """The real trimming, on pixels: a noisy square with a white border on all sides."""
    rgb = np.random.default_rng(6).integers(0, 200, (300, 300, 3), dtype=np.uint8)
    picture = Picture(np.pad(rgb, ((30, 60), (50, 20), (0, 0)), constant_values=255), "PNG", "")
    face = place_face(TEMPLATE_MEAN, Box(50.0, 30.0, 350.0, 330.0))
    match = match_of(Portrait(picture, face).face_measurements)
    assert (match.transform, match.frame) == ("trimmed", Box(50, 30, 350, 330))


# Several templates


def test_the_nearest_template_is_named() -> None:
    two = small_model(
        templates=[
            make_template_entry("ffhq", share=0.8),
            make_template_entry("studio", share=0.2, mean=[0.5, 0.46, 0.1, 0.0]),
        ]
    )
    assert match_of(make_face_measurements(), two).template == "ffhq"
    assert match_of(make_face_measurements((0.5, 0.46, 0.1, 0.0)), two).template == "studio"


def test_a_templates_share_is_what_it_weighs() -> None:
    whole = small_model(templates=[make_template_entry(share=1.0)])
    half = small_model(
        templates=[
            make_template_entry(share=0.5),
            make_template_entry("studio", share=0.5, mean=[0.8, 0.1, -2.0, 0.5]),
        ]
    )
    here = make_face_measurements()
    assert llr_of(here, half) == pytest.approx(llr_of(here, whole) - math.log10(2.0), abs=0.01)
