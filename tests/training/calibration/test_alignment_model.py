import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_t

from app.arrays import FloatArray
from app.calibration.alignment_model import apply_correction
from app.calibration.alignment_scale import build_pose_correction
from app.face.alignment import Alignment, Box
from app.face.face import Face
from app.face.portrait import CandidateFrame, FaceMeasurement
from app.face.pose import PoseFeatures, compute_pose_features
from app.training.calibration import alignment_model
from app.training.calibration.alignment_model import (
    FAMILY_WEIGHTS,
    HOUSE_STYLE_WEIGHT,
    FaceSample,
    _frame_from_square,
    correct_square,
    density_features,
    family_weights,
    fit_correction,
    fit_noise,
    fit_ordinary,
    fit_template,
    mean_corrected_square,
    nearest_face,
    unit_eyes,
)
from app.training.corpus import ManifestRow
from tests.synthetic_faces import (
    TEMPLATE_MEAN,
    TEMPLATE_SDS,
    make_correction_entry,
    make_face_measurements,
    make_template_entry,
    perturbed_face,
    place_face,
    random_correction,
    small_model,
    symmetric_face,
)

UNCORRECTED = build_pose_correction(make_correction_entry())
FRAME = Box(0.0, 0.0, 400.0, 400.0)
EYES = np.array([[150.0, 190.0], [250.0, 190.0]])


def make_row(kind: str = "stylegan2", source: str = "one") -> ManifestRow:
    return ManifestRow(f"{source}/{kind}.jpg", "generated", kind, source)


def make_face_measurement(
    square: Sequence[float] | FloatArray, shape: PoseFeatures
) -> FaceMeasurement:
    x, y, ln_side, roll = map(float, square)
    alignment = Alignment((x, y), math.exp(ln_side), math.degrees(roll))
    return FaceMeasurement(shape, (CandidateFrame("untouched", FRAME, alignment),), EYES)


def shape_of(seed: int) -> PoseFeatures:
    return compute_pose_features(perturbed_face(seed, 0.05))


USUAL_SHAPE = shape_of(0)


def make_sample(
    square: Sequence[float] | FloatArray, kind: str = "stylegan2", source: str = "one"
) -> FaceSample:
    return FaceSample(make_row(kind, source), (make_face_measurement(square, USUAL_SHAPE),))


# Which face, which weight


def test_the_face_nearest_to_the_frame_is_the_generators() -> None:
    here, near, far = (
        make_face_measurements(s)
        for s in ((0.5, 0.5, 0.02, 0.0), (0.53, 0.5, 0.0, 0.0), (0.8, 0.2, -1.0, 0.0))
    )
    assert nearest_face([far, near, here]) is here
    assert nearest_face([far, near]) is near
    assert nearest_face([far]) is None
    assert nearest_face([]) is None


def test_every_family_has_its_share_whatever_its_number() -> None:
    rows = (
        [make_row("stylegan1")] * 10 + [make_row("stylegan2")] * 200 + [make_row("stylegan3")] * 3
    )
    weights = family_weights(rows)
    assert weights.mean() == pytest.approx(1.0)
    shares = weights[:10].sum(), weights[10:210].sum(), weights[210:].sum()
    given = [FAMILY_WEIGHTS[k] for k in ("stylegan1", "stylegan2", "stylegan3")]
    np.testing.assert_allclose(np.array(shares) / sum(shares), np.array(given) / sum(given))


# The correction


def biased_samples(seeds: range, slopes: float) -> list[FaceSample]:
    """Faces whose square misses the frame by something that their shape foretells."""
    truth = random_correction(1)
    out = []
    for seed in seeds:
        shape = shape_of(seed)
        x, roll = slopes * shape.odd @ truth.odd
        y, ln_side = slopes * shape.even @ truth.even + [0.004, -0.01]
        out.append(
            FaceSample(
                make_row(source=f"s{seed % 4}"),
                (make_face_measurement([0.5 + x, 0.5 + y, ln_side, roll], shape),),
            )
        )
    return out


def test_the_correction_learns_what_the_shape_foretells() -> None:
    fitted = build_pose_correction(fit_correction(biased_samples(range(400), 5.0), []))
    fresh = biased_samples(range(1000, 1100), 5.0)
    before = np.array([correct_square(s.face_measurements[0], UNCORRECTED) for s in fresh])
    after = np.array([correct_square(s.face_measurements[0], fitted) for s in fresh])
    assert (before.std(axis=0) > 5e-4).all()
    assert (after.std(axis=0) < 0.25 * before.std(axis=0)).all()
    np.testing.assert_allclose(after.mean(axis=0), [0.5, 0.5, 0.0, 0.0], atol=5e-4)


@given(
    st.tuples(
        st.floats(-0.06, 0.06), st.floats(-0.06, 0.06), st.floats(-0.3, 0.3), st.floats(-0.2, 0.2)
    )
)
def test_the_frame_seen_from_the_square_is_the_correction_it_needs(
    offset: tuple[float, float, float, float],
) -> None:
    x, y, ln_side, roll = offset
    square = Alignment((0.5 + x, 0.5 + y), math.exp(ln_side), math.degrees(roll))
    result = apply_correction(square, _frame_from_square(np.array(offset)))
    np.testing.assert_allclose(result, [0.5, 0.5, 0.0, 0.0], atol=1e-12)


def test_what_faces_turned_one_way_share_is_learned_from_their_turn() -> None:
    """Not as an offset: the mirrored face is corrected the other way, a frontal one not at all."""
    turned = perturbed_face(6, 0.3)
    rng = np.random.default_rng(1)
    samples = []
    for _ in range(200):
        wobble = rng.normal(0.0, 0.002, turned.landmarks.shape)
        shape = compute_pose_features(Face(turned.landmarks + wobble))
        samples.append(
            FaceSample(make_row(), (make_face_measurement([0.51, 0.5, 0.0, 0.0], shape),))
        )
    fitted = build_pose_correction(fit_correction(samples, []))
    shift = fitted(compute_pose_features(turned), 100.0)
    mirrored = fitted(compute_pose_features(turned.mirrored(1.0)), 100.0)
    assert shift[0] == pytest.approx(-0.01, abs=0.0005)
    assert mirrored[0] == pytest.approx(0.01, abs=0.0005)
    assert fitted(compute_pose_features(symmetric_face()), 100.0)[0] == pytest.approx(0.0, abs=1e-9)


def test_the_usual_sample_is_as_odd_as_usual() -> None:
    samples = biased_samples(range(300), 1.0)
    oddness = build_pose_correction(fit_correction(samples, [])).atypicality
    result = [oddness(s.face_measurements[0].pose_features) for s in samples]
    assert np.median(result) == pytest.approx(1.0, abs=1e-3)
    assert oddness(compute_pose_features(perturbed_face(3, 0.5))) > 5.0


def test_small_pictures_have_their_own_height_and_size() -> None:
    """Small ones whose squares lie lower and larger: the correction comes in as they shrink."""
    large = biased_samples(range(200), 1.0)
    small = [
        FaceSample(
            s.row,
            (
                FaceMeasurement(
                    s.face_measurements[0].pose_features, _move_framing(s, 0.01, 0.05), EYES * 0.1
                ),
            ),
        )
        for s in large
    ]
    fitted = build_pose_correction(fit_correction(large, small))
    shape = shape_of(5000)
    difference = fitted(shape, 10.0) - fitted(shape, 1000.0)
    np.testing.assert_allclose(difference, [0.0, -0.01, -0.05, 0.0], atol=0.004)


def _move_framing(sample: FaceSample, y: float, ln_side: float) -> tuple[CandidateFrame, ...]:
    x0, y0, ln0, roll = sample.face_measurements[0].candidate_frames[0].alignment.vector()
    alignment = Alignment((x0, y0 + y), math.exp(ln0 + ln_side), math.degrees(roll))
    return (CandidateFrame("untouched", FRAME, alignment),)


# Densities


def draw_t_points(freedom: float, count: int = 4000) -> FloatArray:
    scale = np.diag(np.square(TEMPLATE_SDS))
    out: FloatArray = multivariate_t(TEMPLATE_MEAN, scale, freedom).rvs(count, random_state=4)
    return out


@pytest.mark.parametrize("freedom", [3.0, 12.0])
def test_a_template_is_found_again(freedom: float) -> None:
    samples = [make_sample(p) for p in draw_t_points(freedom)]
    oddness = UNCORRECTED.atypicality(USUAL_SHAPE)
    result = fit_template("ffhq", 0.8, samples, UNCORRECTED)
    np.testing.assert_allclose(result.mean, TEMPLATE_MEAN, atol=2e-3)
    deviations = np.sqrt(np.diag(result.scale) * oddness)
    np.testing.assert_allclose(deviations, TEMPLATE_SDS, rtol=0.08)
    assert freedom / 1.5 <= result.freedom <= freedom * 1.7
    assert (result.name, result.share, result.pictures) == ("ffhq", 0.8, 4000)
    np.testing.assert_allclose(result.eyes, EYES / 400.0)


def test_odd_faces_are_expected_to_stray_and_do_not_widen_the_template() -> None:
    points = draw_t_points(12.0, 3000)
    twice = symmetric_face().landmarks * 2.0
    twice[[468, 473, 61, 291]] /= 2.0  # the square stays, all else is twice as far out
    shapes = (USUAL_SHAPE, compute_pose_features(Face(twice)))
    stretch = [UNCORRECTED.atypicality(s) for s in shapes]
    assert stretch[1] > 2.0 * stretch[0]
    samples = [
        FaceSample(
            make_row(),
            (make_face_measurement(mean + math.sqrt(stretch[i % 2]) * (p - mean), shapes[i % 2]),),
        )
        for mean in (np.array(TEMPLATE_MEAN),)
        for i, p in enumerate(points)
    ]
    result = fit_template("ffhq", 1.0, samples, UNCORRECTED)
    np.testing.assert_allclose(np.sqrt(np.diag(result.scale)), TEMPLATE_SDS, rtol=0.08)


def test_a_family_of_few_collectors_is_spread_towards_a_better_known_one() -> None:
    points = draw_t_points(30.0, 300)
    alone = fit_template("studio", 0.2, [make_sample(p) for p in points], UNCORRECTED)
    wide = make_template_entry(scale=np.diag([1.0, 1.0, 1.0, 1.0]).tolist())
    towards = fit_template("studio", 0.2, [make_sample(p) for p in points], UNCORRECTED, wide)
    np.testing.assert_allclose(
        towards.scale, (np.array(alone.scale) + 2 * np.eye(4)) / 3, rtol=1e-6
    )
    assert towards.freedom <= 4.0
    two = [make_sample(p, source="one" if i % 2 else "two") for i, p in enumerate(points)]
    closer = fit_template("studio", 0.2, two, UNCORRECTED, wide)
    np.testing.assert_allclose(closer.scale, (np.array(alone.scale) + np.eye(4)) / 2, rtol=1e-6)


def test_ordinary_avatars_are_a_mixture_that_leaves_nothing_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(alignment_model, "_COMPONENT_COUNT", 3)  # quick
    rng = np.random.default_rng(2)
    points = rng.normal([0.5, 0.45, -0.3, 0, 0, 0.1], [0.05, 0.05, 0.2, 0.05, 0.03, 0.02], (600, 6))
    result = fit_ordinary(points)
    assert sum(result.weights) == pytest.approx(1.0, abs=1e-6)
    assert min(result.weights) > 0.0
    assert HOUSE_STYLE_WEIGHT in result.weights
    assert result.pictures == 600
    for covariance in result.covariances:
        assert np.linalg.eigvalsh(np.array(covariance)).min() > 0.0
    assert fit_ordinary(points) == result
    mean = np.array(result.weights) @ np.array(result.means)
    np.testing.assert_allclose(mean[:4], points.mean(axis=0)[:4], atol=0.03)


@given(st.integers(0, 50))
def test_noise_is_found_again(seed: int) -> None:
    rng = np.random.default_rng(seed)
    distances = rng.uniform(8.0, 120.0, 1600)
    floor, per_px = np.array([4e-6, 1e-6, 1e-4, 2e-5]), np.array([1e-3, 2e-3, 0.05, 0.01])
    variance = floor + per_px / distances[:, None] ** 2
    result = fit_noise(rng.normal(0.0, np.sqrt(variance)), distances)
    for distance in (12.0, 30.0, 100.0):
        there = np.array(result.floor) + np.array(result.per_px) / distance**2
        np.testing.assert_allclose(there, floor + per_px / distance**2, rtol=0.5)
    assert min(result.floor) >= 0.0
    assert min(result.per_px) >= 0.0


def test_a_few_lost_faces_are_no_noise() -> None:
    rng = np.random.default_rng(0)
    distances = rng.uniform(8.0, 120.0, 800)
    differences = rng.normal(0.0, 0.002, (800, 4))
    clean = fit_noise(differences, distances)
    differences[::20] = 0.5
    spoilt = fit_noise(differences, distances)
    at_50 = [np.array(n.floor) + np.array(n.per_px) / 2500 for n in (clean, spoilt)]
    np.testing.assert_allclose(at_50[1], at_50[0], rtol=0.4)


# What is measured on a sample


@given(st.integers(0, 99))
def test_fit_and_service_correct_alike(seed: int) -> None:
    correct, model = random_correction(seed), small_model()
    seen = make_face_measurements((0.51, 0.48, 0.05, 0.02), face=perturbed_face(seed), repeats=1)
    service = type(model)(correct, model.templates, model.ordinary, model.resolution, model.jitter)
    np.testing.assert_allclose(
        correct_square(seen[0], correct), service.correct_measurement(seen[0])[0]
    )
    np.testing.assert_allclose(
        mean_corrected_square(seen, correct), service.correct_measurements(seen).mean(axis=0)[0]
    )


def test_a_place_is_a_square_and_a_pose() -> None:
    face = perturbed_face(4)
    result = density_features(
        make_face_measurements((0.4, 0.45, -0.2, 0.1), face=face), UNCORRECTED
    )
    np.testing.assert_allclose(result[:4], [0.4, 0.45, -0.2, 0.1], atol=1e-9)
    np.testing.assert_allclose(result[4:], compute_pose_features(face).pose, atol=1e-9)


def test_eyes_are_told_in_units_of_the_frame() -> None:
    face = place_face(TEMPLATE_MEAN, FRAME)
    np.testing.assert_allclose(
        unit_eyes(make_face_measurements(face=Face(face.landmarks))[0]),
        face.eyes / 400.0,
        atol=1e-9,
    )
