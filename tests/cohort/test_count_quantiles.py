import numpy as np
import pytest

from app.cohort.count_quantiles import count_interval, share_interval


@pytest.mark.parametrize(("probability", "count"), [(0.03, 12), (0.5, 40), (0.9, 7), (0.2, 900)])
def test_the_interval_holds_95_percent_of_counts(probability: float, count: int) -> None:
    low, high = count_interval(np.array([probability]), np.array([count]))
    draws = np.random.default_rng(count).binomial(count, probability, 20_000)
    assert ((low <= draws) & (draws <= high)).mean() >= 0.95
    assert 0 <= low <= high <= count


def test_certain_events_are_counted_exactly() -> None:
    assert count_interval(np.array([1.0, 0.0]), np.array([4, 9])) == (4, 4)


def test_events_of_different_probability() -> None:
    probabilities, counts = np.array([0.05, 0.6]), np.array([10, 5])
    low, high = count_interval(probabilities, counts)
    rng = np.random.default_rng(1)
    draws = rng.binomial(10, 0.05, 20_000) + rng.binomial(5, 0.6, 20_000)
    assert ((low <= draws) & (draws <= high)).mean() >= 0.95
    assert high - low < 7


def test_the_interval_of_a_share_holds_it_and_stays_a_share():
    assert share_interval(0, 0) == (0.0, 1.0)
    for hits, trials in ((0, 10), (1, 11), (5, 10), (10, 10), (400, 1000)):
        low, high = share_interval(hits, trials)
        assert 0.0 <= low <= hits / trials <= high <= 1.0
    # Newcombe 1998, table I: 81 of 263 and 0 of 20.
    assert share_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert share_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
