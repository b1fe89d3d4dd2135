import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaincc, gammaln

from app.cohort.p_values import log_choose, log_gamma_tail, smallest_together


def test_binomials_and_gamma_tails_are_those_of_scipy() -> None:
    k = np.arange(1.0, 31.0)
    exact = (gammaln(41) - gammaln(k + 1) - gammaln(41 - k)) / math.log(10)
    assert log_choose(40, 30) == pytest.approx(exact)
    x = 3.0 * k + 5.0
    bound, true = log_gamma_tail(k, x), np.log10(gammaincc(k, x))
    assert (bound >= true - 1e-9).all()
    assert bound[0] == pytest.approx(true[0])
    assert bound == pytest.approx(true, abs=0.2)


def test_uniform_p_values_are_called_no_oftener_than_they_should_be() -> None:
    rng = np.random.default_rng(0)
    found = [
        smallest_together(np.log10(rng.uniform(size=rng.integers(1, 40)))) for _ in range(4000)
    ]
    for level in (-1, -2):
        assert np.mean(np.array(found) < level) <= 10.0**level


def test_one_tiny_p_value_among_many_pays_for_all_of_them_twice() -> None:
    assert smallest_together(np.array([-9.0] + [0.0] * 99)) == pytest.approx(-5.0)


def test_several_small_ones_together_weigh_more_than_the_smallest() -> None:
    assert smallest_together(np.full(4, -3.0)) < smallest_together(np.array([-3.0]))


@given(st.lists(st.floats(-12.0, 0.0), max_size=200))
def test_it_is_a_probability_and_order_is_no_matter(log_p: list[float]) -> None:
    found = smallest_together(np.array(log_p))
    assert found <= 0.0
    assert np.isfinite(found)
    assert found == smallest_together(np.array(log_p[::-1]))


def test_nobody_is_no_evidence() -> None:
    assert smallest_together(np.zeros(0)) == 0.0
