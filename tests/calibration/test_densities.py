import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, multivariate_t

from app.arrays import FloatArray
from app.calibration.densities import GaussianMixture, StudentT, log_sum_exp

seeds = st.integers(0, 10_000)


def covariance(rng: np.random.Generator, d: int) -> FloatArray:
    root = rng.normal(size=(d, d))
    out: FloatArray = root @ root.T + 0.1 * np.eye(d)
    return out


def mixture(seed: int, d: int = 3, k: int = 4) -> GaussianMixture:
    rng = np.random.default_rng(seed)
    return GaussianMixture(
        rng.dirichlet(np.ones(k)),
        rng.normal(size=(k, d)),
        np.stack([covariance(rng, d) for _ in range(k)]),
    )


def grid(reach: float, steps: int) -> tuple[FloatArray, float]:
    """Points of a square grid over (−reach, reach)², and the area of a cell."""
    axis = (np.arange(steps) + 0.5) / steps * 2 * reach - reach
    return np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2), (2 * reach / steps) ** 2


@given(seeds, st.floats(0.5, 60.0), st.integers(1, 6))
def test_t_is_scipys(seed: int, freedom: float, d: int) -> None:
    rng = np.random.default_rng(seed)
    mean, scale = rng.normal(size=d), covariance(rng, d)
    points = rng.normal(0.0, 4.0, (20, d))
    ours = StudentT(freedom, mean, scale).log_density(points)
    theirs = multivariate_t(mean, scale, freedom).logpdf(points)
    np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-8)


@given(seeds)
def test_mixture_is_scipys(seed: int) -> None:
    ours = mixture(seed)
    points = np.random.default_rng(seed + 1).normal(0.0, 3.0, (20, 3))
    theirs = sum(
        w * multivariate_normal(m, c).pdf(points)
        for w, m, c in zip(ours.weights, ours.means, ours.covariances, strict=True)
    )
    np.testing.assert_allclose(np.exp(ours.log_density(points)), theirs, rtol=1e-8)


def test_densities_integrate_to_one() -> None:
    points, area = grid(40.0, 400)
    t = StudentT(5.0, np.array([0.5, -1.0]), np.array([[2.0, 0.7], [0.7, 1.0]]))
    assert np.exp(t.log_density(points)).sum() * area == pytest.approx(1.0, abs=0.002)
    two = mixture(7, d=2)
    assert np.exp(two.log_density(points)).sum() * area == pytest.approx(1.0, abs=0.002)


def test_a_marginal_is_what_is_left_when_the_rest_is_summed_over() -> None:
    both, axis = mixture(9, d=2), (np.arange(4000) + 0.5) / 50 - 40
    for y in (-1.0, 0.3, 2.0):
        line = np.stack([axis, np.full_like(axis, y)], axis=1)
        summed = np.exp(both.log_density(line)).sum() / 50
        alone = np.exp(both.marginal(1).log_density(np.array([[y]])))[0]
        assert summed == pytest.approx(alone, rel=1e-6)


@given(seeds)
def test_log_sum_survives_what_exp_does_not(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logs, weights = rng.normal(0.0, 3.0, (5, 4)), rng.dirichlet(np.ones(4))
    plain = np.log((weights * np.exp(logs)).sum(axis=-1))
    np.testing.assert_allclose(log_sum_exp(logs, weights), plain)
    np.testing.assert_allclose(log_sum_exp(logs - 5000.0, weights), plain - 5000.0)
    np.testing.assert_allclose(log_sum_exp(logs + 5000.0, weights), plain + 5000.0)
    np.testing.assert_allclose(log_sum_exp(logs.T, weights[:, None], axis=0), plain)


def test_far_away_is_unlikely_and_finite() -> None:
    far = np.full((1, 3), 1e6)
    logs = mixture(1).log_density(far)
    assert np.isfinite(logs).all()
    assert logs[0] < -1e6
