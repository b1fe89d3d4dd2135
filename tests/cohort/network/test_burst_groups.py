"""Creation dates: bursts beyond a smooth flow, and what is no burst."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from app.cohort.network.burst_groups import find_burst_groups
from app.records import ItemResult
from tests.cohort.network.made_lists import accounts_of, make_list, plant_burst

DAY_S = 86_400
START = 1_500_000_000 // DAY_S * DAY_S


def at(results: list[ItemResult], times: list[int]) -> list[ItemResult]:
    return [
        replace(result, account={"created_at": str(time)})
        for result, time in zip(results, times, strict=True)
    ]


def test_a_burst_is_found_with_its_time() -> None:
    results = make_list(300)
    plant_burst(results, range(40, 46))
    groups, summary = find_burst_groups(accounts_of(results))
    assert [len(group.members) for group in groups] == [6]
    assert groups[0].what == "were created within 24 minutes from 2017-07-14 02:42 UTC on"
    assert "no more than one list of 100" in summary.chance


def test_a_rush_that_a_platform_may_have_is_no_burst() -> None:
    """A day on which four times as many sign up as on others, in a list of recent accounts."""
    rng = np.random.default_rng(2)
    usual = START + rng.integers(0, 60 * DAY_S, 600)
    rush = START + 30 * DAY_S + rng.integers(0, DAY_S, 30)
    times = [*usual.tolist(), *rush.tolist()]
    assert find_burst_groups(accounts_of(at(make_list(630), times)))[0] == []


def test_dates_without_a_time_are_compared_by_the_day() -> None:
    rng = np.random.default_rng(4)
    days = [*rng.integers(0, 3_000, 200).tolist(), *[1_500] * 8]
    results = at(make_list(208), [START + day * DAY_S for day in days])
    groups, _ = find_burst_groups(accounts_of(results))
    assert [len(group.members) for group in groups] == [days.count(1_500)]
    assert groups[0].what == "were created on 2021-08-22"


def test_months_say_nothing_of_bursts() -> None:
    results = [
        replace(result, account={"created_at": f"20{10 + n % 3}-0{1 + n % 9}-01"})
        for n, result in enumerate(make_list(60))
    ]
    groups, summary = find_burst_groups(accounts_of(results))
    assert groups == []
    assert summary.chance == "The list gives months, not days: bursts cannot be seen."
