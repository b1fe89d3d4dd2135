import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.arrays import FloatArray
from app.calibration.densities import StudentT, log_sum_exp
from app.calibration.templates import (
    LN_ZOOMS,
    MAX_ZOOM,
    ZOOMED_SHARE,
    AlignmentTemplate,
    WidenedTemplates,
    unzoom,
)
from tests.synthetic_faces import TEMPLATE_MEAN, TEMPLATE_SDS

SDS = np.array(TEMPLATE_SDS)
MEAN = np.array(TEMPLATE_MEAN)
EYES = ((0.4, 0.5), (0.6, 0.5))
seeds = st.integers(0, 10_000)
squares = st.tuples(
    st.floats(0.4, 0.6), st.floats(0.4, 0.6), st.floats(-0.5, 0.4), st.floats(-0.4, 0.4)
)


def template(distribution: StudentT, share: float = 1.0) -> AlignmentTemplate:
    return AlignmentTemplate("one", share, distribution, EYES)


def as_fitted(*templates: AlignmentTemplate) -> WidenedTemplates:
    return WidenedTemplates(templates, 1.0, np.zeros(4))


def random_t(rng: np.random.Generator, freedom: float) -> StudentT:
    root = rng.normal(size=(4, 4))
    return StudentT(freedom, rng.normal(size=4), root @ root.T + 0.1 * np.eye(4))


@given(squares, st.integers(0, len(LN_ZOOMS) - 1))
def test_unzoom_undoes_a_centred_zoom(
    square: tuple[float, float, float, float], number: int
) -> None:
    x, y, ln_side, roll = square
    factor = math.exp(LN_ZOOMS[number])
    zoomed = 0.5 + factor * (x - 0.5), 0.5 + factor * (y - 0.5), ln_side + math.log(factor), roll
    np.testing.assert_allclose(unzoom(np.array([zoomed]))[0, number], square, atol=1e-9)


@given(seeds, st.floats(0.25, 40.0))
def test_every_template_has_its_own_widened_density(seed: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    noise = rng.uniform(0.0, 0.5, 4)
    templates = template(random_t(rng, 8.0), 0.8), template(random_t(rng, 4.0), 0.2)
    points = rng.normal(0.0, 2.0, (3, 4))
    ln_densities = WidenedTemplates(templates, factor, noise).ln_densities(points)
    assert ln_densities.shape == (3, 2, len(LN_ZOOMS))
    for number, (one, share) in enumerate(zip(templates, (0.8, 0.2), strict=True)):
        t = one.distribution
        wide = StudentT(t.freedom, t.mean, factor * t.scale + np.diag(noise))
        expected = wide.log_density(points) + math.log(share * (1.0 - ZOOMED_SHARE))
        np.testing.assert_allclose(ln_densities[:, number, 0], expected)


def test_widened_is_lower_at_the_mean_and_higher_in_the_tails() -> None:
    narrow = template(random_t(np.random.default_rng(1), 5.0))
    wide = WidenedTemplates((narrow,), 1.5, np.full(4, 0.1))

    def untouched(templates: WidenedTemplates, square: FloatArray) -> float:
        return float(templates.ln_densities(square[None])[0, 0, 0])

    at_mean = narrow.distribution.mean
    assert untouched(wide, at_mean) < untouched(as_fitted(narrow), at_mean)
    assert untouched(wide, at_mean + 1e4) > untouched(as_fitted(narrow), at_mean + 1e4)
    assert wide.distance(0, at_mean + 1e4) < as_fitted(narrow).distance(0, at_mean + 1e4)


def test_distance_counts_standard_deviations_of_the_bulk() -> None:
    mean = np.array([1.0, 2.0, 0.0, 0.0])
    t = StudentT(4.0, mean, np.diag([0.04, 9.0, 1.0, 1.0]))
    places = [(1.0, 2.0), (1.4, 2.0), (1.0, -4.0), (1.2, 5.0)]
    templates = as_fitted(template(StudentT(4.0, np.zeros(4), np.eye(4))), template(t))
    distances = [templates.distance(1, np.array([x, y, 0.0, 0.0])) for x, y in places]
    np.testing.assert_allclose(distances, [0.0, 2.0, 2.0, math.sqrt(2.0)])


def test_the_density_of_zoomed_squares_integrates_to_one() -> None:
    """By importance sampling around the family of zoomed squares."""
    rng = np.random.default_rng(8)
    spread = StudentT(60.0, MEAN, np.diag(SDS**2))
    ln_zoom = rng.uniform(-0.06, math.log(MAX_ZOOM) + 0.06, 60_000)
    wide = 1.7 * SDS[[0, 1, 3]]
    offsets = rng.normal(0.0, wide, (len(ln_zoom), 3))
    points = np.column_stack([0.5 + offsets[:, :2], ln_zoom, offsets[:, 2]])
    proposed = (
        -0.5 * ((offsets / wide) ** 2).sum(axis=1) - np.log(wide * math.sqrt(2 * math.pi)).sum()
    )
    proposed -= math.log(math.log(MAX_ZOOM) + 0.12)
    ln_densities = as_fitted(template(spread)).ln_densities(points)
    zoomed = log_sum_exp(ln_densities[:, 0, 1:], np.ones(ln_densities.shape[2] - 1))
    assert np.exp(zoomed - proposed).mean() == pytest.approx(ZOOMED_SHARE, rel=0.03)
    untouched = ln_densities[:, 0, 0] - math.log(1.0 - ZOOMED_SHARE)
    np.testing.assert_allclose(untouched, spread.log_density(points))
