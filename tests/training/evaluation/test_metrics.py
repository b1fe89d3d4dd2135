import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from app.arrays import FloatArray
from app.training.evaluation.metrics import (
    Rate,
    auc,
    cllr,
    cllr_min,
    clopper_pearson_upper,
    rate_above,
    recall_at,
)

llrs = st.lists(st.floats(-6.0, 6.0), min_size=1, max_size=30).map(np.array)
counts = st.integers(1, 5000)


def array(*values: float) -> FloatArray:
    return np.array(values, dtype=np.float64)


NO_LLRS = np.zeros(0)


# Rates


@pytest.mark.parametrize("trials", [100, 1000, 6000])
def test_none_of_n_is_bounded_by_three_in_n(trials: int) -> None:
    assert clopper_pearson_upper(0, trials) == pytest.approx(3.0 / trials, rel=0.02)
    assert clopper_pearson_upper(0, trials) == pytest.approx(1.0 - 0.05 ** (1.0 / trials))


@given(st.integers(0, 300), counts)
def test_the_bound_is_where_so_few_hits_become_improbable(hits: int, trials: int) -> None:
    """Clopper-Pearson by its definition: P(at most ``hits``) is 5 % at the bound."""
    if hits >= trials:
        assert clopper_pearson_upper(min(hits, trials), trials) == 1.0
        return
    bound = clopper_pearson_upper(hits, trials)
    assert hits / trials < bound <= 1.0
    assert binom.cdf(hits, trials, bound) == pytest.approx(0.05, rel=1e-6)


def test_nothing_tried_nothing_known() -> None:
    assert math.isnan(Rate(0, 0).rate)
    assert Rate(0, 0).upper_95 == 1.0
    assert Rate(1, 4).rate == 0.25


def test_a_threshold_counts_those_that_reach_it() -> None:
    result = rate_above(array(0.9, 1.0, 1.1, -5.0), 1.0)
    assert (result.hits, result.trials) == (2, 4)
    assert rate_above(array(-math.inf, 2.0), 1.0).hits == 1


# Curves


def test_auc_by_hand() -> None:
    assert auc(array(2, 3), array(0, 1)) == 1.0
    assert auc(array(0, 1), array(2, 3)) == 0.0
    assert auc(array(1), array(1)) == 0.5  # a tie counts half
    assert auc(array(1, 2), array(1, 0)) == pytest.approx((0.5 + 1 + 1 + 1) / 4)


@given(llrs, llrs)
def test_auc_is_the_share_of_pairs_in_order(made: FloatArray, real: FloatArray) -> None:
    pairs = np.sign(made[:, None] - real[None])
    assert auc(made, real) == pytest.approx((pairs.mean() + 1) / 2)
    assert auc(real, made) == pytest.approx(1.0 - auc(made, real))


@pytest.mark.parametrize(
    ("allowed", "recall"), [(0.0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.99, 0.75), (1.0, 1.0)]
)
def test_recall_at_a_rate_of_false_alarms_by_hand(allowed: float, recall: float) -> None:
    """Four real ones at 0, 1, 2, 3; generated ones between them and above."""
    assert recall_at(array(0.0, 1.5, 2.5, 3.5), array(0, 1, 2, 3), allowed) == recall


def test_ties_are_no_recall() -> None:
    assert recall_at(array(1, 1, 1), array(1, 0), 0.0) == 0.0


def test_an_unscored_picture_is_never_flagged() -> None:
    assert recall_at(array(-math.inf, 2.0), array(-math.inf, -math.inf, 1.0), 0.4) == 0.5


# Costs


def test_saying_nothing_costs_one_bit() -> None:
    assert cllr(np.zeros(7), np.zeros(3)) == pytest.approx(1.0)


def test_cllr_by_hand() -> None:
    # A ratio of 3 for one generated, 1/3 for one real: log2(1 + 1/3), twice, halved.
    assert cllr(array(math.log10(3)), array(-math.log10(3))) == pytest.approx(math.log2(4 / 3))
    assert cllr(array(50.0), array(-50.0)) == pytest.approx(0.0, abs=1e-12)
    assert cllr(array(-2.0), array(2.0)) == pytest.approx(math.log2(101))
    assert math.isfinite(cllr(array(-400.0), array(400.0)))


def test_both_classes_count_the_same_however_many_they_are() -> None:
    assert cllr(np.full(1000, 1.0), array(2.0)) == pytest.approx(cllr(array(1.0), array(2.0)))


def test_pav_by_hand() -> None:
    """In order, PAV separates them: no cost left. One real between two generated ones is pooled."""
    assert cllr_min(array(3, 4), array(1, 2)) == pytest.approx(0.0, abs=1e-9)
    # Scores 1 (generated), 2 (real), 3 (generated): pooled {1, 2} at odds 1 : 1 against 2 : 1.
    pooled, alone = math.log10(0.5), math.inf
    expected = (np.mean([math.log2(1 + 10**-pooled), math.log2(1 + 10**-alone)])
                + math.log2(1 + 10**pooled)) / 2  # fmt: skip
    assert cllr_min(array(1, 3), array(2)) == pytest.approx(expected)


@given(llrs, llrs)
def test_recalibration_never_costs_more(made: FloatArray, real: FloatArray) -> None:
    least = cllr_min(made, real)
    assert -1e-9 <= least <= cllr(made, real) + 1e-9
    assert least <= 1.0 + 1e-9


def test_scores_a_last_digit_apart_are_two_scores() -> None:
    assert cllr_min(array(6.0), array(0.0, np.nextafter(6.0, 0.0))) == pytest.approx(0.0)


@given(llrs, llrs, st.floats(0.2, 3.0), st.floats(-2.0, 2.0))
def test_discrimination_does_not_depend_on_the_scale(
    made: FloatArray, real: FloatArray, slope: float, shift: float
) -> None:
    made, real = made.round(3), real.round(3)
    moved = cllr_min(slope * made + shift, slope * real + shift)
    assert moved == pytest.approx(cllr_min(made, real), abs=1e-6)


@pytest.mark.parametrize("metric", [auc, cllr, cllr_min])
@pytest.mark.parametrize(
    ("made", "real"), [(NO_LLRS, array(1)), (array(1), NO_LLRS), (NO_LLRS, NO_LLRS)]
)
def test_without_one_class_there_is_no_figure(metric, made, real) -> None:
    assert math.isnan(metric(made, real))
    assert math.isnan(recall_at(made, real, 0.1))
