"""Rates and quotas, by a clock that stands until it is moved."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.keys import DAY_S, PIXELS_PER_REQUEST, KeyUsage
from app.api_keys import parse_api_key
from app.errors import QuotaExceeded, RateLimited

NOON = 20_000 * DAY_S + DAY_S / 2


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def make_usage(options: str, clock: Clock) -> KeyUsage:
    return KeyUsage(parse_api_key(f"correct horse battery staple{options}"), clock)


def count_admitted(usage: KeyUsage, attempts: int) -> int:
    count = 0
    for _ in range(attempts):
        try:
            usage.count_request()
        except RateLimited:
            continue
        count += 1
    return count


def test_without_limits_there_are_none_and_nothing_is_said_of_them() -> None:
    free = make_usage("", Clock())
    assert count_admitted(free, 10_000) == 10_000
    free.count_pictures(10**9)
    free.check_quota()
    assert free.rate_limit_headers() == {}


def test_a_minute_s_requests_may_come_at_once_and_return_one_by_one() -> None:
    clock = Clock()
    limited = make_usage(":rate=6", clock)
    assert count_admitted(limited, 20) == 6
    with pytest.raises(RateLimited) as caught:
        limited.count_request()
    assert caught.value.retry_after_s == 10
    clock.now += 10
    assert count_admitted(limited, 5) == 1
    clock.now += 3600
    assert count_admitted(limited, 20) == 6


def test_coming_back_when_told_to_is_enough() -> None:
    clock = Clock()
    limited = make_usage(":rate=7", clock)
    count_admitted(limited, 7)
    for _ in range(20):
        with pytest.raises(RateLimited) as caught:
            limited.count_request()
        clock.now += caught.value.retry_after_s
        limited.count_request()


def test_a_quota_is_of_pictures_and_ends_at_midnight() -> None:
    clock = Clock()
    limited = make_usage(":quota=100", clock)
    limited.count_pictures(99)
    limited.check_quota()
    limited.count_pictures(500)  # a list that was let in with one picture left
    with pytest.raises(QuotaExceeded) as caught:
        limited.check_quota()
    assert caught.value.retry_after_s == DAY_S / 2
    limited.count_request()  # what came of the list may still be read
    clock.now += DAY_S / 2
    limited.check_quota()


def test_reserved_pictures_count_at_once_and_can_be_given_back() -> None:
    limited = make_usage(":quota=10", Clock())
    limited.reserve_pictures(8)
    with pytest.raises(QuotaExceeded):
        limited.reserve_pictures(3)
    limited.reserve_pictures(2)
    limited.release_pictures(8)
    limited.reserve_pictures(8)
    with pytest.raises(QuotaExceeded):
        limited.check_quota()


def test_a_large_picture_costs_more_of_the_rate() -> None:
    clock = Clock()
    limited = make_usage(":rate=6", clock)
    limited.count_request()
    limited.count_pixels(40 * 30)
    assert count_admitted(limited, 20) == 5
    clock.now += 60
    limited.count_request()
    limited.count_pixels(5 * PIXELS_PER_REQUEST)
    assert count_admitted(limited, 20) == 0
    clock.now += 10
    assert count_admitted(limited, 20) == 1


def test_headers_say_what_is_left_and_until_when() -> None:
    clock = Clock()
    limited = make_usage(":rate=60:quota=1000", clock)
    count_admitted(limited, 15)
    limited.count_pictures(400)
    assert limited.rate_limit_headers() == {
        "RateLimit-Policy": '"rate";q=60;w=60, "quota";q=1000;w=86400',
        "RateLimit": '"rate";r=45;t=15, "quota";r=600;t=43200',
    }
    limited.count_pictures(5000)
    assert '"quota";r=0;' in limited.rate_limit_headers()["RateLimit"]


@given(st.integers(1, 50), st.lists(st.floats(0, 30), min_size=1, max_size=60))
def test_no_pattern_of_calls_gets_more_than_the_rate_allows(rate: int, pauses: list[float]) -> None:
    clock = Clock()
    limited = make_usage(f":rate={rate}", clock)
    let_in = 0
    for pause in pauses:
        clock.now += pause
        let_in += count_admitted(limited, rate + 1)
    assert let_in <= rate + rate * (clock.now - NOON) / 60 + 1e-3


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    clock = Clock()
    limited = make_usage(":rate=5", clock)
    count_admitted(limited, 5)
    clock.now -= 3600
    assert count_admitted(limited, 5) == 0
