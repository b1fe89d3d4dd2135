import math
from dataclasses import replace

import numpy as np
import pytest

from app.calibration.logistic_scale import build_logistic_scale
from app.training.calibration.logistic import (
    MeasureSample,
    collect_samples,
    fit_logistic_scale,
    supported_bounds,
)
from tests.training.made_measurements import (
    TEETH,
    TEXTURE,
    generated_row,
    measured_face,
    measured_picture,
    network_measures,
    real_row,
    two_gaussians,
)

LN10 = math.log(10.0)
COUNT = 400


def gaussian_samples(
    mean: float, sd: float, ln_side: float = 0.0, seed: int = 0
) -> list[MeasureSample]:
    """Witnesses of two known Gaussians: ln LR is 2 · mean · witness ÷ sd²."""
    sizes = np.random.default_rng(seed + 1).normal(ln_side, 0.3, COUNT)
    return [
        MeasureSample(row, network_measures(float(witness), float(size)))
        for row, witnesses in zip(
            (generated_row(), real_row()), two_gaussians(mean, sd, COUNT, seed), strict=True
        )
        for witness, size in zip(witnesses, sizes, strict=True)
    ]


# What is fitted on


def test_every_face_that_was_measured_is_a_sample() -> None:
    two = measured_picture(
        generated_row(),
        measured_face(texture=network_measures(1.0)),
        measured_face(texture=network_measures(2.0), teeth=network_measures(9.0)),
    )
    none = measured_picture(
        real_row(), measured_face(texture=None), measured_face(teeth=network_measures(3.0))
    )
    assert collect_samples(TEXTURE, [two, none]) == [
        MeasureSample(generated_row(), network_measures(1.0)),
        MeasureSample(generated_row(), network_measures(2.0)),
    ]
    assert [s.row for s in collect_samples(TEETH, [two, none])] == [generated_row(), real_row()]


@pytest.mark.parametrize("kind", ["diffusion", "nonface"])
def test_kinds_without_a_share_take_no_part(kind: str) -> None:
    assert (
        collect_samples(
            TEXTURE,
            [measured_picture(real_row(kind), measured_face(texture=network_measures(1.0)))],
        )
        == []
    )


@pytest.mark.parametrize("rows", [(), (generated_row(), generated_row()), (real_row(), real_row())])
def test_one_side_alone_is_refused_in_words(rows) -> None:
    with pytest.raises(ValueError, match="texture was measured on one side only"):
        fit_logistic_scale(TEXTURE, [MeasureSample(row, network_measures(0.5)) for row in rows])


# What is found


@pytest.mark.parametrize(("mean", "sd"), [(0.5, 1.0), (-0.8, 1.0), (30.0, 40.0)])
def test_the_log_odds_of_two_bells_are_found(mean: float, sd: float) -> None:
    scale = build_logistic_scale(fit_logistic_scale(TEXTURE, gaussian_samples(mean, sd)))
    for witness in np.linspace(-1.5, 1.5, 7) * sd:
        analytic = 2.0 * mean * witness / sd**2 / LN10
        result = scale.llr(network_measures(float(witness), 0.0))
        assert result == pytest.approx(analytic, abs=0.12)


def test_the_size_alone_says_nothing() -> None:
    scale = build_logistic_scale(fit_logistic_scale(TEXTURE, gaussian_samples(0.5, 1.0)))
    for ln_side in (-0.5, 0.0, 0.5):
        assert scale.llr(network_measures(0.0, ln_side)) == pytest.approx(0.0, abs=0.08)


def test_a_measure_that_fails_on_small_pictures_is_worth_less_there() -> None:
    """Told apart where large and blind where small: the slope follows the size."""
    samples = gaussian_samples(1.0, 1.0, ln_side=0.6) + gaussian_samples(
        0.0, 1.0, ln_side=-0.6, seed=5
    )
    scale = build_logistic_scale(fit_logistic_scale(TEXTURE, samples))
    large, small = (scale.llr(network_measures(1.0, s)) for s in (0.6, -0.6))
    assert large > small + 0.4
    assert abs(small) < 0.2


def test_how_many_pictures_a_kind_has_does_not_matter() -> None:
    """Three times as many real ones of the same look: the log odds stay a likelihood ratio."""
    samples = gaussian_samples(0.5, 1.0)
    more = samples + [s for s in samples if not s.row.is_generated] * 2
    one, other = (
        build_logistic_scale(fit_logistic_scale(TEXTURE, part)) for part in (samples, more)
    )
    for witness in (-1.0, 0.0, 1.0):
        measures = network_measures(witness, 0.0)
        assert other.llr(measures) == pytest.approx(one.llr(measures), abs=0.02)


def test_another_unit_is_the_same_scale() -> None:
    samples = gaussian_samples(0.5, 1.0)
    other = [
        MeasureSample(s.row, {**s.measures, "witness": 50.0 * s.measures["witness"] - 7.0})
        for s in samples
    ]
    one, two = (
        build_logistic_scale(fit_logistic_scale(TEXTURE, part)) for part in (samples, other)
    )
    for witness in (-1.0, 0.3, 1.0):
        there = two.llr(network_measures(50.0 * witness - 7.0))
        assert there == pytest.approx(one.llr(network_measures(witness)), abs=1e-3)


def test_the_entry_is_the_checks_and_the_same_every_time() -> None:
    samples = gaussian_samples(0.5, 1.0)
    entry = fit_logistic_scale(TEXTURE, samples)
    assert entry.version == TEXTURE.version
    assert entry.names == ["witness", "ln_side"]
    assert entry == fit_logistic_scale(TEXTURE, samples)


def test_a_measure_that_never_varies_does_no_harm() -> None:
    samples = [
        MeasureSample(s.row, {**s.measures, "always": 2.0}) for s in gaussian_samples(0.5, 1.0)
    ]
    entry = fit_logistic_scale(TEXTURE, samples)
    scale = build_logistic_scale(entry)
    assert min(entry.scale) > 0.0
    assert scale.llr(network_measures(1.0, 0.0) | {"always": 2.0}) == pytest.approx(
        1.0 / LN10, abs=0.12
    )


# Bounds


def test_n_pictures_carry_a_third_of_n() -> None:
    assert supported_bounds(3000, 300) == [-3.0, 2.0]
    assert supported_bounds(300, 3000) == [-2.0, 3.0]
    assert supported_bounds(1, 3) == [-0.1, 0.1]


def test_an_entrys_bounds_are_those_its_pictures_carry() -> None:
    samples = [
        MeasureSample(replace(s.row, path=f"{s.row.path}{n}"), s.measures)
        for n, s in enumerate(gaussian_samples(0.5, 1.0))
    ]
    few = [s for s in samples if s.row.is_generated][:60] + [
        s for s in samples if not s.row.is_generated
    ]
    assert fit_logistic_scale(TEXTURE, few).bounds == supported_bounds(60, COUNT)
    # At three sizes, or with three faces: the same pictures.
    assert fit_logistic_scale(TEXTURE, few * 3).bounds == supported_bounds(60, COUNT)
