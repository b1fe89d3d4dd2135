import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_t

from app.arrays import FloatArray
from app.training.calibration.student_t import fit_t

MEAN = np.array([1.0, -2.0, 0.5])
SCALE = np.array([[1.0, 0.3, 0.0], [0.3, 0.5, 0.1], [0.0, 0.1, 2.0]])
FREEDOM = 4.0


def draw_points(count: int, seed: int = 3) -> FloatArray:
    out: FloatArray = multivariate_t(MEAN, SCALE, FREEDOM).rvs(count, random_state=seed)
    return out


def fit(
    points: FloatArray,
    weights: FloatArray | None = None,
    variance_factors: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray, float]:
    ones = np.ones(len(points))
    mean, scale, _, likelihood = fit_t(
        points,
        ones if weights is None else weights,
        ones if variance_factors is None else variance_factors,
        FREEDOM,
    )
    return mean, scale, likelihood


def test_what_was_drawn_is_found_again() -> None:
    mean, scale, _ = fit(draw_points(20_000))
    assert mean == pytest.approx(MEAN, abs=0.04)
    assert scale == pytest.approx(SCALE, abs=0.08)


def test_the_likelihood_is_that_of_the_density() -> None:
    points = draw_points(200)
    mean, scale, likelihood = fit(points)
    told = multivariate_t(mean, scale, FREEDOM).logpdf(points).sum()
    assert likelihood == pytest.approx(told, rel=1e-9)


def test_the_freedom_that_it_was_drawn_with_is_the_likeliest() -> None:
    points, ones = draw_points(5000), np.ones(5000)
    told = {nu: fit_t(points, ones, ones, nu)[3] for nu in (2.0, FREEDOM, 12.0)}
    assert max(told, key=lambda nu: told[nu]) == FREEDOM


@settings(max_examples=20, deadline=None)
@given(factor=st.floats(0.01, 100.0), shift=st.floats(-50.0, 50.0))
def test_it_moves_and_grows_with_the_points(factor: float, shift: float) -> None:
    points = draw_points(60)
    mean, scale, _ = fit(points)
    moved_mean, moved_scale, _ = fit(points * factor + shift)
    assert moved_mean == pytest.approx(mean * factor + shift, rel=1e-6, abs=1e-6 * factor)
    assert moved_scale == pytest.approx(scale * factor**2, rel=1e-6)


def test_a_weight_of_two_is_the_point_twice() -> None:
    points = draw_points(40)
    weights = np.where(np.arange(40) < 10, 2.0, 1.0)
    mean, scale, likelihood = fit(points, weights)
    again_mean, again_scale, again_likelihood = fit(np.vstack([points, points[:10]]))
    # The start is the plain median, which repeated points move; the end is the same.
    assert mean == pytest.approx(again_mean, abs=1e-6)
    assert scale == pytest.approx(again_scale, abs=1e-6)
    assert likelihood == pytest.approx(again_likelihood, rel=1e-9)


def test_an_outlier_moves_it_less_than_a_mean() -> None:
    points = draw_points(100)
    far = np.vstack([points, MEAN + 60.0])
    moved = np.abs(fit(far)[0] - fit(points)[0]).max()
    assert moved < 0.1 * np.abs(far.mean(axis=0) - points.mean(axis=0)).max()


def test_points_that_are_scattered_wider_count_as_such() -> None:
    points = draw_points(4000)
    wide = np.arange(4000) % 2 == 0
    scattered = np.where(wide[:, None], MEAN + 3.0 * (points - MEAN), points)
    _, scale, _ = fit(scattered, variance_factors=np.where(wide, 9.0, 1.0))
    assert scale == pytest.approx(fit(points)[1], abs=0.02)


def test_a_spread_is_found_again_in_spite_of_outliers() -> None:
    rng = np.random.default_rng(3)
    points = rng.normal((0.5, 0.5, 0.0, 0.0), (0.0015, 0.0014, 0.012, 0.005), (500, 4))
    points[:10] += 0.3
    mean, scale, _ = fit(points)
    assert mean == pytest.approx([0.5, 0.5, 0.0, 0.0], abs=2e-3)
    assert np.sqrt(np.diag(scale)) == pytest.approx([0.0015, 0.0014, 0.012, 0.005], rel=0.3)


def test_points_that_differ_along_one_axis_alone_have_a_scale() -> None:
    points = np.zeros((20, 3))
    points[:, 1] = np.arange(20.0)
    _, scale, likelihood = fit(points)
    assert np.isfinite(likelihood)
    assert np.linalg.eigvalsh(scale).min() > 0.0
