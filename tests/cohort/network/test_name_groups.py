"""Handles by one recipe: beyond what popular names, platforms and the list itself explain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.cohort.network.name_groups import find_name_groups, stem_of
from app.records import ItemResult
from tests.cohort.network.made_lists import accounts_of, make_list, plant_names


@pytest.mark.parametrize(
    ("username", "stem"),
    [
        ("TruePatriot_1041", "truepatriot"),
        ("@true.patriot77", "truepatriot"),
        ("Жанна_2041", "жанна"),
        ("mary1", ""),
        ("mary", ""),
        ("abc123", ""),
        ("12345", ""),
        ("", ""),
        ("x99y_12", ""),
        ("news24live88", "news24live"),
    ],
)
def test_the_stem_of_a_handle(username: str, stem: str) -> None:
    assert stem_of(username) == stem


def named(results: list[ItemResult], stem: str, count: int) -> list[ItemResult]:
    plant_names(results, range(count), stem)
    return results


def test_a_recipe_is_found() -> None:
    groups, summary = find_name_groups(accounts_of(named(make_list(300), "TruePatriot", 6)))
    assert [(len(group.members), group.what) for group in groups] == [
        (6, "are called “truepatriot” with digits")
    ]
    assert "which is assumed" in summary.chance


@pytest.mark.parametrize("stem", ["anna", "annasmith", "Maria_Jones"])
def test_a_popular_name_is_no_recipe(stem: str) -> None:
    """Every third of these people is called Anna or Maria, every tenth Smith or Jones."""
    assert find_name_groups(accounts_of(named(make_list(300), stem, 8)))[0] == []


@pytest.mark.parametrize(
    ("stem", "count", "reason"),
    [("user", 90, "platforms give such names"), ("follower_row", 200, "its own way of numbering")],
)
def test_what_a_platform_or_the_list_itself_gives_joins_nobody(
    stem: str, count: int, reason: str
) -> None:
    groups, summary = find_name_groups(accounts_of(named(make_list(300), stem, count)))
    assert groups == []
    assert reason in summary.left_out[0]


def test_ids_of_the_caller_are_no_handles() -> None:
    results = [replace(result, account={}, custom_id=f"patient_{result.seq:04}")
               for result in make_list(40)]  # fmt: skip
    groups, summary = find_name_groups(accounts_of(results))
    assert groups == []
    assert summary.chance == "The list gives no handles."
