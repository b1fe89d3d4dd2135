"""The same picture: found where it is one, and left out where chance or a house style does it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.cohort.network.picture_groups import estimate_fall, find_picture_groups
from app.cohort.parameters import default_parameters
from app.records import ItemResult
from tests.cohort.network.made_lists import (
    accounts_of,
    make_hash,
    make_list,
    make_record,
    plant_pictures,
)

ENTRY = default_parameters().duplicates


@pytest.mark.parametrize("length", [5, 30, 300])
def test_two_accounts_with_one_picture_are_joined_in_a_list_of_any_length(length: int) -> None:
    results = make_list(length)
    results[1] = replace(results[1], record=results[0].record)
    groups, summary = find_picture_groups(accounts_of(results), ENTRY)
    assert [len(group.members) for group in groups] == [2]
    assert groups[0].log10_chance is not None
    assert groups[0].log10_chance < -1.3
    assert summary.left_out == ()


def test_pictures_of_one_studio_are_no_network() -> None:
    rng = np.random.default_rng(3)
    backdrop = make_hash(rng)

    def portrait(result: ItemResult) -> ItemResult:
        bits = backdrop.copy()
        bits[rng.choice(256, 22, replace=False)] ^= True
        return replace(result, record=make_record(bits))

    groups, summary = find_picture_groups(accounts_of([*map(portrait, make_list(60))]), ENTRY)
    assert groups == []
    assert summary.left_out[0].endswith("look so much alike that chance explains as much.")


def test_a_flag_on_many_accounts_joins_nobody() -> None:
    results = make_list(100)
    flag = make_record(make_hash(np.random.default_rng(5)), face=False)
    results[:8] = [replace(result, record=flag) for result in results[:8]]
    plant_pictures(results, range(20, 24))
    groups, summary = find_picture_groups(accounts_of(results), ENTRY)
    assert [len(group.members) for group in groups] == [4]
    assert summary.left_out[0].startswith("1 group of the same picture without a face (8 accounts)")


def test_the_fall_of_a_few_pictures_tells_how_many_are_close_among_many() -> None:
    hashes = accounts_of(make_list(1_000)).hashes
    fall = estimate_fall(hashes[:250], 31)
    differing = [np.bitwise_count(hashes[k:] ^ hashes[:-k]).sum(axis=1) for k in range(1, 1_000)]
    distances = np.concatenate(differing)
    for bits in (70, 75):
        seen = float((distances <= bits).mean())
        assert seen / 5 <= fall.rate(bits) <= 40 * seen
    assert fall.rate(31) < fall.rate(50) < fall.rate(90)
