import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.arrays import FloatArray
from app.cohort.parameters import CohortParameters, PrevalenceEntry
from app.cohort.prevalence import estimate_mixture, estimate_prevalence


def draw_counts(
    entry: PrevalenceEntry, rng: np.random.Generator, generated: int, ordinary: int
) -> FloatArray:
    """Counts by bin of so many generated and ordinary pictures."""
    return (
        rng.multinomial(generated, _normalize(entry.generated))
        + rng.multinomial(ordinary, _normalize(entry.ordinary))
    ).astype(np.float64)


def _normalize(table: list[float]) -> FloatArray:
    return np.array(table) / sum(table)


@pytest.mark.parametrize("size", [50, 400, 2000])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(
    parameters: CohortParameters, size: int
) -> None:
    """Here the tables are true; what they may be off is measured by benchmarks.cohort."""
    entry, rng = parameters.prevalence, np.random.default_rng(size)
    covered = 0
    for share in np.linspace(0.02, 0.2, 60):
        generated = int(rng.binomial(size, share))
        low, high = estimate_prevalence(
            draw_counts(entry, rng, generated, size - generated), entry
        ).interval
        covered += low <= share <= high
    assert covered >= 54


def test_a_list_without_any_may_hold_none_and_one_of_nothing_else_may_hold_all(
    parameters: CohortParameters,
) -> None:
    entry, rng = parameters.prevalence, np.random.default_rng(1)
    none = estimate_prevalence(draw_counts(entry, rng, 0, 300), entry)
    assert none.interval[0] == 0.0
    assert none.interval[1] < 0.03
    both = estimate_prevalence(draw_counts(entry, rng, 300, 0), entry)
    assert both.interval[1] == 1.0
    assert both.interval[0] > 0.8


def test_generated_pictures_more_raise_it_and_ordinary_ones_lower_it(
    parameters: CohortParameters,
) -> None:
    entry, rng = parameters.prevalence, np.random.default_rng(2)
    counts = draw_counts(entry, rng, 20, 180)
    one_more = np.zeros(len(counts))
    one_more[-1] = 5.0
    ordinary = np.zeros(len(counts))
    ordinary[0] = 50.0
    now = estimate_prevalence(counts, entry)
    assert estimate_prevalence(counts + one_more, entry).estimate > now.estimate
    assert estimate_prevalence(counts + one_more, entry).interval[1] > now.interval[1]
    assert estimate_prevalence(counts + ordinary, entry).estimate < now.estimate


def test_ten_times_the_list_is_the_same_share_and_surer(parameters: CohortParameters) -> None:
    counts = draw_counts(parameters.prevalence, np.random.default_rng(3), 30, 270)
    once = estimate_prevalence(counts, parameters.prevalence)
    often = estimate_prevalence(10.0 * counts, parameters.prevalence)
    assert often.estimate == pytest.approx(once.estimate, abs=0.005)
    assert once.interval[0] < often.interval[0] < often.interval[1] < once.interval[1]


def test_nothing_known_is_everything_possible(parameters: CohortParameters) -> None:
    estimate = estimate_prevalence(
        np.zeros(len(parameters.prevalence.generated)), parameters.prevalence
    )
    assert (estimate.estimate, estimate.interval) == (0.0, (0.0, 1.0))


def test_framed_photographs_are_not_taken_for_generated_ones(parameters: CohortParameters) -> None:
    entry, rng = parameters.prevalence, np.random.default_rng(4)
    counts = rng.multinomial(300, _normalize(entry.framed)).astype(np.float64)
    estimate = estimate_prevalence(counts, entry)
    assert estimate.framed > 0.9
    assert estimate.interval[0] < 0.05


def test_a_huge_clean_list_may_still_be_clean(parameters: CohortParameters) -> None:
    """A tail of ordinary pictures that no fit could see must not become a share of generated."""
    entry = parameters.prevalence
    counts = 1e7 * np.array(entry.ordinary)
    counts[-1] += 3000.0
    assert estimate_prevalence(counts, entry).interval[0] == 0.0


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(-1e6, 1e6), max_size=60))
def test_any_llr_give_a_finite_ordered_answer(
    parameters: CohortParameters, llrs: list[float]
) -> None:
    entry = parameters.prevalence
    estimate = estimate_prevalence(entry.count_by_bin(np.array(llrs, dtype=np.float64)), entry)
    low, high = estimate.interval
    assert 0.0 <= low <= estimate.estimate <= high <= 1.0
    assert 0.0 <= estimate.framed <= 1.0
    assert np.isfinite(estimate.posterior).all()


def test_of_two_sorts_the_share_is_found(parameters: CohortParameters) -> None:
    entry, rng = parameters.prevalence, np.random.default_rng(5)
    generated, framed = np.array(entry.generated), np.array(entry.framed)
    counts: FloatArray = np.zeros(len(generated))
    counts += rng.multinomial(60, _normalize(entry.generated))
    counts += rng.multinomial(40, _normalize(entry.framed))
    share, low, high = estimate_mixture(counts, generated, framed)
    assert low < 0.6 < high
    assert share == pytest.approx(0.6, abs=0.2)
    assert estimate_mixture(np.zeros(len(generated)), generated, framed)[1:] == (0.0, 1.0)
