from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.arrays import BoolArray, FloatArray
from app.cohort.parameters import PrevalenceEntry
from app.cohort.prevalence import MixtureEstimate, estimate_mixture, even_llr, posterior

TYPICAL = PrevalenceEntry(atypical_generated=0.001, atypical_framed=0.001, mean_deviation=0.001)
"""Every list is as the average of collectors."""
VARIED = PrevalenceEntry(atypical_generated=0.2, atypical_framed=0.05, mean_deviation=0.2)
SEPARATION = 1.5
"""Mean ``framed`` ratio of generated pictures, natural logarithm; that of photographs is −1.5."""


def draw(
    rng: np.random.Generator,
    generated: int,
    framed: int,
    ordinary: int,
    *,
    measured: bool = True,
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Both ratios of so many pictures, perfectly calibrated, and which are flagged.

    The eyes tell pictures in the frame from ordinary ones (means ±4 of a normal ln ratio with
    variance 8), pixels generated ones from framed ones.
    """
    count = generated + framed + ordinary
    in_frame = np.arange(count) < generated + framed
    eyes = rng.normal(np.where(in_frame, 4.0, -4.0), np.sqrt(8.0))
    looks = np.where(np.arange(count) < generated, SEPARATION, -SEPARATION)
    pixels = rng.normal(looks, np.sqrt(2.0 * SEPARATION)) if measured else np.zeros(count)
    # Ordinary avatars have pixels like framed photographs here.
    llr = (eyes + pixels) / np.log(10.0)
    return llr, pixels / np.log(10.0), llr > 1.0


def estimate(
    rng: np.random.Generator,
    counts: tuple[int, int, int],
    parameters: PrevalenceEntry = TYPICAL,
    *,
    measured: bool = True,
) -> MixtureEstimate:
    return estimate_mixture(*draw(rng, *counts, measured=measured), parameters)


def holds(interval: tuple[float, float], truth: float) -> bool:
    return interval[0] - 1e-9 <= truth <= interval[1] + 1e-9


@pytest.mark.parametrize("counts", [(0, 0, 300), (12, 12, 276), (30, 60, 210), (60, 0, 240)])
def test_intervals_hold_the_truth(counts: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(sum(counts[:2]))
    covered = np.zeros(4)
    for _ in range(25):
        ordinary, framed, is_flagged = draw(rng, *counts)
        mixture = estimate_mixture(ordinary, framed, is_flagged, TYPICAL)
        false_flags = int(is_flagged[counts[0] :].sum())
        covered += [
            holds(mixture.generated.interval, counts[0] / 300),
            holds(mixture.framed.interval, counts[1] / 300),
            holds(mixture.ordinary.interval, counts[2] / 300),
            holds(mixture.false_flags.interval, false_flags),
        ]
    assert (covered >= 23).all(), covered


@pytest.mark.parametrize("counts", [(30, 0, 270), (0, 60, 240), (15, 15, 270)])
def test_where_no_pixel_was_measured_generated_and_framed_are_not_told_apart(
    counts: tuple[int, int, int],
) -> None:
    mixture = estimate(np.random.default_rng(1), counts, measured=False)
    in_frame = (counts[0] + counts[1]) / 300
    assert mixture.generated.interval[0] == 0.0
    assert mixture.framed.interval[0] == 0.0
    assert mixture.among_framed.interval == (0.0, 1.0)
    assert mixture.generated.interval[1] == pytest.approx(in_frame, abs=0.06)
    assert mixture.generated.estimate == pytest.approx(in_frame / 2, abs=0.03)
    low, high = mixture.false_flags.interval
    assert low == 0.0
    assert high >= 0.7 * (counts[0] + counts[1])


def test_half_and_half_reads_right() -> None:
    """As many photographs in the frame as generated faces: the false flags are told."""
    rng = np.random.default_rng(2)
    ordinary, framed, is_flagged = draw(rng, 12, 12, 150)
    mixture = estimate_mixture(ordinary, framed, is_flagged, TYPICAL)
    false_flags = int(is_flagged[12:].sum())
    assert holds(mixture.generated.interval, 12 / 174)
    assert holds(mixture.framed.interval, 12 / 174)
    assert holds(mixture.false_flags.interval, false_flags)
    assert mixture.false_flags.interval[1] >= 1.0


def test_a_list_of_photographs_in_the_frame_is_no_list_of_generated_faces() -> None:
    mixture = estimate(np.random.default_rng(4), (0, 300, 0))
    assert mixture.framed.estimate > 0.9
    assert mixture.generated.interval[0] < 0.02
    assert mixture.among_framed.interval[1] < 0.2


def test_a_clean_list_is_clean_and_a_full_one_is_full() -> None:
    rng = np.random.default_rng(1)
    none = estimate(rng, (0, 0, 300))
    assert none.generated.interval[0] == 0.0
    assert none.generated.interval[1] < 0.03
    full = estimate(rng, (300, 0, 0))
    assert full.generated.interval[1] > 0.99
    assert full.generated.interval[0] > 0.8


def test_that_collectors_differ_widens_the_interval() -> None:
    intervals = [
        estimate(np.random.default_rng(8), (30, 60, 210), parameters).generated.interval
        for parameters in (TYPICAL, VARIED)
    ]
    assert intervals[1][0] < intervals[0][0]
    assert intervals[0][1] < intervals[1][1]


def test_more_generated_pictures_raise_the_share_and_ordinary_ones_lower_it() -> None:
    ordinary, framed, is_flagged = draw(np.random.default_rng(2), 20, 0, 180)
    now = estimate_mixture(ordinary, framed, is_flagged, TYPICAL).generated

    def with_five(llr: float, pixels: float) -> float:
        more = estimate_mixture(
            np.append(ordinary, [llr] * 5),
            np.append(framed, [pixels] * 5),
            np.append(is_flagged, [llr > 1.0] * 5),
            TYPICAL,
        )
        return more.generated.estimate

    assert with_five(3.0, 1.5) > now.estimate
    assert with_five(-3.0, -0.5) < now.estimate


def test_ten_times_the_list_is_the_same_share_and_surer() -> None:
    ordinary, framed, is_flagged = draw(np.random.default_rng(3), 30, 0, 270)
    once = estimate_mixture(ordinary, framed, is_flagged, TYPICAL).generated
    often = estimate_mixture(
        np.tile(ordinary, 10), np.tile(framed, 10), np.tile(is_flagged, 10), TYPICAL
    ).generated
    assert often.estimate == pytest.approx(once.estimate, abs=0.005)
    assert once.interval[0] < often.interval[0] < often.interval[1] < once.interval[1]


def test_nothing_known_is_everything_possible() -> None:
    nothing = np.zeros(0)
    mixture = estimate_mixture(nothing, nothing, np.zeros(0, dtype=np.bool_), TYPICAL)
    assert mixture.generated.interval == mixture.framed.interval == (0.0, 1.0)
    assert mixture.false_flags.interval == (0.0, 0.0)


def test_a_huge_clean_list_with_rare_false_alarms_may_still_be_clean() -> None:
    """A ratio at the bound is worth no more than the pictures that vouch for it."""
    ordinary = np.full(100_000, -2.7)
    ordinary[:20] = 3.4
    framed = np.where(ordinary > 0.0, 1.5, -0.5)
    mixture = estimate_mixture(ordinary, framed, ordinary > 1.0, TYPICAL)
    assert mixture.generated.interval[0] == 0.0
    assert mixture.false_flags.interval[1] == 20.0


def test_posteriors_follow_the_lists_own_shares() -> None:
    ordinary, framed, is_flagged = draw(np.random.default_rng(6), 30, 30, 240)
    mixture = estimate_mixture(ordinary, framed, is_flagged, TYPICAL)
    assert mixture.posterior.shape == (300,)
    assert mixture.posterior.sum() == pytest.approx(300 * mixture.generated.estimate, rel=0.05)
    # By Bayes' rule with the shares that the list was drawn with.
    generated, in_frame = 0.1 * 10.0**ordinary, 0.1 * 10.0 ** (ordinary - framed)
    expected = generated / (generated + in_frame + 0.8)
    assert np.abs(mixture.posterior - expected).mean() < 0.02
    assert np.corrcoef(mixture.posterior, expected)[0, 1] > 0.99


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.floats(-6, 6), st.floats(-6, 6), st.booleans()), max_size=60))
def test_any_ratios_give_a_finite_ordered_answer(
    pictures: list[tuple[float, float, bool]],
) -> None:
    ordinary, framed = (np.array([p[i] for p in pictures], dtype=np.float64) for i in (0, 1))
    is_flagged = np.array([p[2] for p in pictures], dtype=np.bool_)
    mixture = estimate_mixture(ordinary, framed, is_flagged, VARIED)
    for share in (mixture.generated, mixture.framed, mixture.ordinary, mixture.among_framed):
        assert 0.0 <= share.interval[0] <= share.estimate <= share.interval[1] <= 1.0
    low, high = mixture.false_flags.interval
    assert 0.0 <= low <= high <= int(is_flagged.sum())
    assert np.isfinite(replace(mixture).posterior).all()


def test_posterior_of_one_picture() -> None:
    assert posterior(0.0, 0.2) == pytest.approx(0.2)
    assert posterior(2.0, 0.5) == pytest.approx(100 / 101)
    assert (posterior(9.0, 0.0), posterior(-9.0, 1.0)) == (0.0, 1.0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        posterior(1.0, 1.5)
    assert even_llr(0.01) == pytest.approx(np.log10(99.0))
    assert even_llr(0.0) is None
