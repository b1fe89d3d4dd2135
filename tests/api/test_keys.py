"""Rates and quotas, by a clock that stands until it is moved."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.keys import DAY_S, Allowance, QuotaSpent, RateLimited
from app.api_keys import parse

NOON = 20_000 * DAY_S + DAY_S / 2


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def allowance(options: str, clock: Clock) -> Allowance:
    return Allowance(parse(f"correct horse battery staple{options}"), clock)


def admitted(allowance: Allowance, asked: int) -> int:
    count = 0
    for _ in range(asked):
        try:
            allowance.admit()
        except RateLimited:
            continue
        count += 1
    return count


def test_without_limits_there_are_none_and_nothing_is_said_of_them() -> None:
    free = allowance("", Clock())
    assert admitted(free, 10_000) == 10_000
    free.charge(10**9)
    free.afford()
    assert free.headers() == {}


def test_a_minute_s_requests_may_come_at_once_and_return_one_by_one() -> None:
    clock = Clock()
    limited = allowance(":rate=6", clock)
    assert admitted(limited, 20) == 6
    with pytest.raises(RateLimited) as caught:
        limited.admit()
    assert caught.value.retry_after_s == 10
    clock.now += 10
    assert admitted(limited, 5) == 1
    clock.now += 3600
    assert admitted(limited, 20) == 6


def test_coming_back_when_told_to_is_enough() -> None:
    clock = Clock()
    limited = allowance(":rate=7", clock)
    admitted(limited, 7)
    for _ in range(20):
        with pytest.raises(RateLimited) as caught:
            limited.admit()
        clock.now += caught.value.retry_after_s
        limited.admit()


def test_a_quota_is_of_pictures_and_ends_at_midnight() -> None:
    clock = Clock()
    limited = allowance(":quota=100", clock)
    limited.charge(99)
    limited.afford()
    limited.charge(500)  # a list that was let in with one picture left
    with pytest.raises(QuotaSpent) as caught:
        limited.afford()
    assert caught.value.retry_after_s == DAY_S / 2
    limited.admit()  # what came of the list may still be read
    clock.now += DAY_S / 2
    limited.afford()


def test_headers_say_what_is_left_and_until_when() -> None:
    clock = Clock()
    limited = allowance(":rate=60:quota=1000", clock)
    admitted(limited, 15)
    limited.charge(400)
    assert limited.headers() == {
        "RateLimit-Policy": '"rate";q=60;w=60, "quota";q=1000;w=86400',
        "RateLimit": '"rate";r=45;t=15, "quota";r=600;t=43200',
    }
    limited.charge(5000)
    assert '"quota";r=0;' in limited.headers()["RateLimit"]


@given(st.integers(1, 50), st.lists(st.floats(0, 30), min_size=1, max_size=60))
def test_no_pattern_of_calls_gets_more_than_the_rate_allows(rate: int, pauses: list[float]) -> None:
    clock = Clock()
    limited = allowance(f":rate={rate}", clock)
    let_in = 0
    for pause in pauses:
        clock.now += pause
        let_in += admitted(limited, rate + 1)
    assert let_in <= rate + rate * (clock.now - NOON) / 60 + 1e-3


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    clock = Clock()
    limited = allowance(":rate=5", clock)
    admitted(limited, 5)
    clock.now -= 3600
    assert admitted(limited, 5) == 0
