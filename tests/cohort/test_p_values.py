import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaincc, gammaln

from app.cohort.p_values import combine_smallest, log10_binomials, log10_gamma_tails


def test_binomials_and_gamma_tails_are_those_of_scipy() -> None:
    k = np.arange(1.0, 31.0)
    exact = (gammaln(41) - gammaln(k + 1) - gammaln(41 - k)) / math.log(10)
    assert log10_binomials(40, 30) == pytest.approx(exact)
    x = 3.0 * k + 5.0
    bound, true = log10_gamma_tails(k, x), np.log10(gammaincc(k, x))
    assert (bound >= true - 1e-9).all()
    assert bound[0] == pytest.approx(true[0])
    assert bound == pytest.approx(true, abs=0.2)


def test_uniform_p_values_are_called_no_oftener_than_they_should_be() -> None:
    rng = np.random.default_rng(0)
    combined = [
        combine_smallest(np.log10(rng.uniform(size=rng.integers(1, 40)))) for _ in range(4000)
    ]
    for level in (-1, -2):
        assert np.mean(np.array(combined) < level) <= 10.0**level


def test_one_tiny_p_value_among_many_pays_for_all_of_them_twice() -> None:
    assert combine_smallest(np.array([-9.0] + [0.0] * 99)) == pytest.approx(-5.0)


def test_several_small_ones_together_weigh_more_than_the_smallest() -> None:
    assert combine_smallest(np.full(4, -3.0)) < combine_smallest(np.array([-3.0]))


@given(st.lists(st.floats(-12.0, 0.0), max_size=200))
def test_it_is_a_probability_and_order_is_no_matter(log_p: list[float]) -> None:
    log10_p = combine_smallest(np.array(log_p))
    assert log10_p <= 0.0
    assert np.isfinite(log10_p)
    assert log10_p == combine_smallest(np.array(log_p[::-1]))


def test_nobody_is_no_evidence() -> None:
    assert combine_smallest(np.zeros(0)) == 0.0
