import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_t

from app.calibration.alignment_model import apply_correction
from app.calibration.alignment_scale import pose_correction
from app.calibration.densities import FloatArray
from app.face.alignment import Alignment, Box
from app.face.face import Face
from app.face.portrait import Framing, Sighting
from app.face.pose import FaceShape, face_shape
from app.training.calibration import alignment_model
from app.training.calibration.alignment_model import (
    FAMILY_WEIGHT,
    HOUSE_STYLE_WEIGHT,
    Sample,
    _frame_from_square,
    corrected,
    corrected_mean,
    family_weights,
    fit_correction,
    fit_noise,
    fit_ordinary,
    fit_template,
    nearest,
    place,
    unit_eyes,
)
from app.training.corpus import Row
from tests.sitters import (
    TEMPLATE_MEAN,
    TEMPLATE_SDS,
    correcting,
    correction,
    lively_face,
    placed,
    sightings_at,
    small_model,
    symmetric_face,
    template,
)

UNCORRECTED = pose_correction(correction())
FRAME = Box(0.0, 0.0, 400.0, 400.0)
EYES = np.array([[150.0, 190.0], [250.0, 190.0]])


def row(kind: str = "stylegan2", source: str = "one") -> Row:
    return Row(f"{source}/{kind}.jpg", "generated", kind, source)


def sighting(square: Sequence[float] | FloatArray, shape: FaceShape) -> Sighting:
    x, y, ln_side, roll = map(float, square)
    alignment = Alignment((x, y), math.exp(ln_side), math.degrees(roll))
    return Sighting(shape, (Framing("untouched", FRAME, alignment),), EYES)


def shape_of(seed: int) -> FaceShape:
    return face_shape(lively_face(seed, 0.05))


USUAL = shape_of(0)


def sample(
    square: Sequence[float] | FloatArray, kind: str = "stylegan2", source: str = "one"
) -> Sample:
    return Sample(row(kind, source), (sighting(square, USUAL),))


# Which face, which weight


def test_the_face_nearest_to_the_frame_is_the_generators() -> None:
    here, near, far = (
        sightings_at(s)
        for s in ((0.5, 0.5, 0.02, 0.0), (0.53, 0.5, 0.0, 0.0), (0.8, 0.2, -1.0, 0.0))
    )
    assert nearest([far, near, here]) is here
    assert nearest([far, near]) is near
    assert nearest([far]) is None
    assert nearest([]) is None


def test_every_family_has_its_share_whatever_its_number() -> None:
    rows = [row("stylegan1")] * 10 + [row("stylegan2")] * 200 + [row("stylegan3")] * 3
    weights = family_weights(rows)
    assert weights.mean() == pytest.approx(1.0)
    shares = weights[:10].sum(), weights[10:210].sum(), weights[210:].sum()
    given = [FAMILY_WEIGHT[k] for k in ("stylegan1", "stylegan2", "stylegan3")]
    np.testing.assert_allclose(np.array(shares) / sum(shares), np.array(given) / sum(given))


# The correction


def bent(seeds: range, slopes: float) -> list[Sample]:
    """Faces whose square misses the frame by something that their shape foretells."""
    truth = correcting(1)
    out = []
    for seed in seeds:
        shape = shape_of(seed)
        x, roll = slopes * shape.odd @ truth.odd
        y, ln_side = slopes * shape.even @ truth.even + [0.004, -0.01]
        out.append(
            Sample(
                row(source=f"s{seed % 4}"), (sighting([0.5 + x, 0.5 + y, ln_side, roll], shape),)
            )
        )
    return out


def test_the_correction_learns_what_the_shape_foretells() -> None:
    fitted = pose_correction(fit_correction(bent(range(400), 5.0), []))
    fresh = bent(range(1000, 1100), 5.0)
    before = np.array([corrected(s.sightings[0], UNCORRECTED) for s in fresh])
    after = np.array([corrected(s.sightings[0], fitted) for s in fresh])
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
    found = apply_correction(square, _frame_from_square(np.array(offset)))
    np.testing.assert_allclose(found, [0.5, 0.5, 0.0, 0.0], atol=1e-12)


def test_what_faces_turned_one_way_share_is_learned_from_their_turn() -> None:
    """Not as an offset: the mirrored face is corrected the other way, a frontal one not at all."""
    turned = lively_face(6, 0.3)
    rng = np.random.default_rng(1)
    samples = []
    for _ in range(200):
        wobble = rng.normal(0.0, 0.002, turned.landmarks.shape)
        shape = face_shape(Face(turned.landmarks + wobble))
        samples.append(Sample(row(), (sighting([0.51, 0.5, 0.0, 0.0], shape),)))
    fitted = pose_correction(fit_correction(samples, []))
    shift = fitted(face_shape(turned), 100.0)
    mirrored = fitted(face_shape(turned.mirrored(1.0)), 100.0)
    assert shift[0] == pytest.approx(-0.01, abs=0.0005)
    assert mirrored[0] == pytest.approx(0.01, abs=0.0005)
    assert fitted(face_shape(symmetric_face()), 100.0)[0] == pytest.approx(0.0, abs=1e-9)


def test_the_usual_sample_is_as_odd_as_usual() -> None:
    samples = bent(range(300), 1.0)
    oddness = pose_correction(fit_correction(samples, [])).oddness
    found = [oddness(s.sightings[0].shape) for s in samples]
    assert np.median(found) == pytest.approx(1.0, abs=1e-3)
    assert oddness(face_shape(lively_face(3, 0.5))) > 5.0


def test_small_pictures_have_their_own_height_and_size() -> None:
    """Small ones whose squares lie lower and larger: the correction comes in as they shrink."""
    large = bent(range(200), 1.0)
    small = [
        Sample(s.row, (Sighting(s.sightings[0].shape, _moved(s, 0.01, 0.05), EYES * 0.1),))
        for s in large
    ]
    fitted = pose_correction(fit_correction(large, small))
    shape = shape_of(5000)
    difference = fitted(shape, 10.0) - fitted(shape, 1000.0)
    np.testing.assert_allclose(difference, [0.0, -0.01, -0.05, 0.0], atol=0.004)


def _moved(sample: Sample, y: float, ln_side: float) -> tuple[Framing, ...]:
    x0, y0, ln0, roll = sample.sightings[0].framings[0].alignment.vector()
    alignment = Alignment((x0, y0 + y), math.exp(ln0 + ln_side), math.degrees(roll))
    return (Framing("untouched", FRAME, alignment),)


# Densities


def t_points(freedom: float, count: int = 4000) -> FloatArray:
    scale = np.diag(np.square(TEMPLATE_SDS))
    out: FloatArray = multivariate_t(TEMPLATE_MEAN, scale, freedom).rvs(count, random_state=4)
    return out


@pytest.mark.parametrize("freedom", [3.0, 12.0])
def test_a_template_is_found_again(freedom: float) -> None:
    samples = [sample(p) for p in t_points(freedom)]
    oddness = UNCORRECTED.oddness(USUAL)
    found = fit_template("ffhq", 0.8, samples, UNCORRECTED)
    np.testing.assert_allclose(found.mean, TEMPLATE_MEAN, atol=2e-3)
    deviations = np.sqrt(np.diag(found.scale) * oddness)
    np.testing.assert_allclose(deviations, TEMPLATE_SDS, rtol=0.08)
    assert freedom / 1.5 <= found.freedom <= freedom * 1.7
    assert (found.name, found.share, found.pictures) == ("ffhq", 0.8, 4000)
    np.testing.assert_allclose(found.eyes, EYES / 400.0)


def test_odd_faces_are_expected_to_stray_and_do_not_widen_the_template() -> None:
    points = t_points(12.0, 3000)
    twice = symmetric_face().landmarks * 2.0
    twice[[468, 473, 61, 291]] /= 2.0  # the square stays, all else is twice as far out
    shapes = (USUAL, face_shape(Face(twice)))
    stretch = [UNCORRECTED.oddness(s) for s in shapes]
    assert stretch[1] > 2.0 * stretch[0]
    samples = [
        Sample(row(), (sighting(mean + math.sqrt(stretch[i % 2]) * (p - mean), shapes[i % 2]),))
        for mean in (np.array(TEMPLATE_MEAN),)
        for i, p in enumerate(points)
    ]
    found = fit_template("ffhq", 1.0, samples, UNCORRECTED)
    np.testing.assert_allclose(np.sqrt(np.diag(found.scale)), TEMPLATE_SDS, rtol=0.08)


def test_a_family_of_few_collectors_is_spread_towards_a_better_known_one() -> None:
    points = t_points(30.0, 300)
    alone = fit_template("studio", 0.2, [sample(p) for p in points], UNCORRECTED)
    wide = template(scale=np.diag([1.0, 1.0, 1.0, 1.0]).tolist())
    towards = fit_template("studio", 0.2, [sample(p) for p in points], UNCORRECTED, wide)
    np.testing.assert_allclose(
        towards.scale, (np.array(alone.scale) + 2 * np.eye(4)) / 3, rtol=1e-6
    )
    assert towards.freedom <= 4.0
    two = [sample(p, source="one" if i % 2 else "two") for i, p in enumerate(points)]
    closer = fit_template("studio", 0.2, two, UNCORRECTED, wide)
    np.testing.assert_allclose(closer.scale, (np.array(alone.scale) + np.eye(4)) / 2, rtol=1e-6)


def test_ordinary_avatars_are_a_mixture_that_leaves_nothing_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(alignment_model, "_COMPONENTS", 3)  # quick
    rng = np.random.default_rng(2)
    points = rng.normal([0.5, 0.45, -0.3, 0, 0, 0.1], [0.05, 0.05, 0.2, 0.05, 0.03, 0.02], (600, 6))
    found = fit_ordinary(points)
    assert sum(found.weights) == pytest.approx(1.0, abs=1e-6)
    assert min(found.weights) > 0.0
    assert HOUSE_STYLE_WEIGHT in found.weights
    assert found.pictures == 600
    for covariance in found.covariances:
        assert np.linalg.eigvalsh(np.array(covariance)).min() > 0.0
    assert fit_ordinary(points) == found
    mean = np.array(found.weights) @ np.array(found.means)
    np.testing.assert_allclose(mean[:4], points.mean(axis=0)[:4], atol=0.03)


@given(st.integers(0, 50))
def test_noise_is_found_again(seed: int) -> None:
    rng = np.random.default_rng(seed)
    distances = rng.uniform(8.0, 120.0, 1600)
    floor, per_px = np.array([4e-6, 1e-6, 1e-4, 2e-5]), np.array([1e-3, 2e-3, 0.05, 0.01])
    variance = floor + per_px / distances[:, None] ** 2
    found = fit_noise(rng.normal(0.0, np.sqrt(variance)), distances)
    for distance in (12.0, 30.0, 100.0):
        there = np.array(found.floor) + np.array(found.per_px) / distance**2
        np.testing.assert_allclose(there, floor + per_px / distance**2, rtol=0.5)
    assert min(found.floor) >= 0.0
    assert min(found.per_px) >= 0.0


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
    correct, model = correcting(seed), small_model()
    seen = sightings_at((0.51, 0.48, 0.05, 0.02), face=lively_face(seed), repeats=1)
    service = type(model)(correct, model.templates, model.ordinary, model.resolution, model.jitter)
    np.testing.assert_allclose(corrected(seen[0], correct), service.corrected(seen[0])[0])
    np.testing.assert_allclose(
        corrected_mean(seen, correct), service.measured(seen).mean(axis=0)[0]
    )


def test_a_place_is_a_square_and_a_pose() -> None:
    face = lively_face(4)
    found = place(sightings_at((0.4, 0.45, -0.2, 0.1), face=face), UNCORRECTED)
    np.testing.assert_allclose(found[:4], [0.4, 0.45, -0.2, 0.1], atol=1e-9)
    np.testing.assert_allclose(found[4:], face_shape(face).pose, atol=1e-9)


def test_eyes_are_told_in_units_of_the_frame() -> None:
    face = placed(TEMPLATE_MEAN, FRAME)
    np.testing.assert_allclose(
        unit_eyes(sightings_at(face=Face(face.landmarks))[0]), face.eyes / 400.0, atol=1e-9
    )
