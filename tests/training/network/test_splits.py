from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.arrays import RgbArray
from app.training.corpus import ManifestRow
from app.training.held_out_networks import SPLIT_BY_PICTURE, SPLIT_COUNT
from app.training.network.crops import CropDataset
from app.training.network.hyperparameters import UNSEEN_COLLECTORS
from app.training.network.splits import (
    HALF_COUNT,
    SPLIT_COLLECTORS,
    find_same_photographs,
    half_of,
    make_splits,
)
from tests.training.network.made_crops import make_blotches, make_crops, make_row, make_rows

MANIFEST_SHA256 = "a" * 64
SPLIT_COLLECTOR = min(SPLIT_COLLECTORS)
OTHER_SPLIT_COLLECTOR = max(SPLIT_COLLECTORS)
COLLECTORS = ("one", "two", "three", "four")


def make_photographs(
    rows: Sequence[ManifestRow], seeds: Sequence[int], side: int = 64
) -> CropDataset:
    return make_crops([(r, side, make_blotches(side, s)) for r, s in zip(rows, seeds, strict=True)])


def make_distinct(rows: Sequence[ManifestRow]) -> CropDataset:
    return make_photographs(rows, range(len(rows)))


# The same photograph


def brighten(rgb: RgbArray) -> RgbArray:
    return (rgb.astype(float) * 0.8 + 40.0).round().astype(rgb.dtype)


def test_a_photograph_is_known_again_at_another_size_and_light() -> None:
    of = make_rows("real", "aligned", SPLIT_COLLECTOR, 4)
    pixels = [
        (64, make_blotches(64, 1)),
        (48, make_blotches(48, 2)),
        (120, brighten(make_blotches(120, 1))),
    ]
    pixels += [(64, make_blotches(64, 3))]
    crops = make_crops([(r, side, rgb) for r, (side, rgb) in zip(of, pixels, strict=True)])
    assert find_same_photographs(crops) == [[0, 2]]


def test_other_photographs_are_not_taken_for_the_same() -> None:
    assert (
        find_same_photographs(make_distinct(make_rows("real", "aligned", SPLIT_COLLECTOR, 12)))
        == []
    )


def test_only_aligned_photographs_are_compared() -> None:
    assert (
        find_same_photographs(
            make_photographs(make_rows("real", "realigned", SPLIT_COLLECTOR, 2), (1, 1))
        )
        == []
    )
    assert (
        find_same_photographs(
            make_photographs(make_rows("real", "avatar", SPLIT_COLLECTOR, 2), (1, 1))
        )
        == []
    )


def test_groups_grow_together() -> None:
    crops = make_photographs(make_rows("real", "aligned", SPLIT_COLLECTOR, 6), (1, 2, 1, 3, 2, 1))
    assert sorted(map(sorted, find_same_photographs(crops))) == [[0, 2, 5], [1, 4]]


# Parts


def make_all_rows() -> list[ManifestRow]:
    return [
        r
        for source in COLLECTORS
        for r in (
            make_rows("real", "avatar", source, 4)
            + make_rows("generated", "stylegan2", f"m_{source}", 3)
        )
    ] + make_rows("real", "aligned", SPLIT_COLLECTOR, 60)


def test_a_collector_is_in_one_part_and_the_only_ones_in_all() -> None:
    of = make_all_rows()
    parts = make_splits(MANIFEST_SHA256, of, make_distinct(of))
    assert parts.manifest_sha256 == MANIFEST_SHA256
    assert {parts.collectors[source] for source in COLLECTORS} == set(range(SPLIT_COUNT))
    assert parts.collectors[SPLIT_COLLECTOR] == SPLIT_BY_PICTURE
    for source in {r.source for r in of}:
        result = {parts.split_of(r) for r in of if r.source == source}
        everywhere = set(range(SPLIT_COUNT))
        assert result == (everywhere if source == SPLIT_COLLECTOR else {parts.collectors[source]})


def test_every_half_is_as_many_parts() -> None:
    halves = [half_of(part) for part in range(SPLIT_COUNT)]
    assert [halves.count(half) for half in range(HALF_COUNT)] == [
        SPLIT_COUNT // HALF_COUNT
    ] * HALF_COUNT


def test_every_part_has_both_classes_and_every_half_as_many_collectors() -> None:
    of = make_all_rows()
    parts = make_splits(MANIFEST_SHA256, of, make_distinct(of))
    for part in range(SPLIT_COUNT):
        assert {r.is_generated for r in of if parts.split_of(r) == part} == {False, True}
    halves = [half_of(parts.collectors[source]) for source in COLLECTORS]
    assert [halves.count(half) for half in range(HALF_COUNT)] == [
        len(COLLECTORS) // HALF_COUNT
    ] * HALF_COUNT


def test_only_the_split_ones_are_told_by_path() -> None:
    of = make_all_rows()
    parts = make_splits(MANIFEST_SHA256, of, make_distinct(of))
    assert set(parts.pictures) == {r.path for r in of if r.source == SPLIT_COLLECTOR}


@settings(max_examples=20)
@given(st.permutations(range(24)), st.integers(2, 8))
def test_the_same_photograph_is_never_in_two_parts(order: list[int], alike: int) -> None:
    """Some photographs were collected several times, by one or two that every part needs."""
    of = make_rows("real", "aligned", SPLIT_COLLECTOR, 12) + make_rows(
        "real", "aligned", OTHER_SPLIT_COLLECTOR, 12
    )
    seeds = [place % (24 // alike) for place in order]
    parts = make_splits(MANIFEST_SHA256, of, make_photographs(of, seeds, side=32))
    for seed in set(seeds):
        assert len({parts.split_of(r) for r, s in zip(of, seeds, strict=True) if s == seed}) == 1


@pytest.mark.parametrize("seed", range(4))
def test_a_photograph_that_a_whole_collector_has_too_goes_where_that_one_is(seed: int) -> None:
    of = [
        *make_rows("real", "aligned", SPLIT_COLLECTOR, 6),
        make_row("real", "aligned", "whole"),
        *make_rows("real", "avatar", "else", 3),
    ]
    parts = make_splits(
        MANIFEST_SHA256, of, make_photographs(of, (0, 1, 2, 3, 4, 5, seed, 7, 8, 9))
    )
    assert parts.split_of(of[seed]) == parts.split_of(of[6]) == parts.collectors["whole"]


def test_splits_are_deterministic_and_survive_serialization() -> None:
    of = make_all_rows()
    once, again = (make_splits(MANIFEST_SHA256, of, make_distinct(of)) for _ in range(2))
    assert once == again
    assert once.to_json() == again.to_json()


def test_a_picture_without_a_face_still_has_a_part() -> None:
    of = make_all_rows()
    parts = make_splits(MANIFEST_SHA256, of, make_distinct(of[:-5]))
    assert {parts.split_of(r) for r in of[-5:]} <= set(range(SPLIT_COUNT))


def test_who_is_never_shown_to_the_shipped_network_is_not_needed_by_every_part() -> None:
    assert not UNSEEN_COLLECTORS & SPLIT_COLLECTORS
