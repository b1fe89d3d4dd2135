from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.image.picture import RgbArray
from app.training.corpus import Row
from app.training.held_out_networks import PARTS, SPLIT
from app.training.network.crops import Crops
from app.training.network.hyperparameters import KEPT_OUT
from app.training.network.splits import HALVES, ONLY_ONES, half_of, make_parts, same_photographs
from tests.training.network.toys import crops_of, painting, row, rows

SHA = "a" * 64
ONLY = min(ONLY_ONES)
OTHER_ONLY = max(ONLY_ONES)
COLLECTORS = ("one", "two", "three", "four")


def photographs(of: Sequence[Row], seeds: Sequence[int], side: int = 64) -> Crops:
    return crops_of([(r, side, painting(side, s)) for r, s in zip(of, seeds, strict=True)])


def distinct(of: Sequence[Row]) -> Crops:
    return photographs(of, range(len(of)))


# The same photograph


def brighter(rgb: RgbArray) -> RgbArray:
    return (rgb.astype(float) * 0.8 + 40.0).round().astype(rgb.dtype)


def test_a_photograph_is_known_again_at_another_size_and_light() -> None:
    of = rows("real", "aligned", ONLY, 4)
    pixels = [(64, painting(64, 1)), (48, painting(48, 2)), (120, brighter(painting(120, 1)))]
    pixels += [(64, painting(64, 3))]
    crops = crops_of([(r, side, rgb) for r, (side, rgb) in zip(of, pixels, strict=True)])
    assert same_photographs(crops) == [[0, 2]]


def test_other_photographs_are_not_taken_for_the_same() -> None:
    assert same_photographs(distinct(rows("real", "aligned", ONLY, 12))) == []


def test_only_aligned_photographs_are_compared() -> None:
    assert same_photographs(photographs(rows("real", "realigned", ONLY, 2), (1, 1))) == []
    assert same_photographs(photographs(rows("real", "avatar", ONLY, 2), (1, 1))) == []


def test_groups_grow_together() -> None:
    crops = photographs(rows("real", "aligned", ONLY, 6), (1, 2, 1, 3, 2, 1))
    assert sorted(map(sorted, same_photographs(crops))) == [[0, 2, 5], [1, 4]]


# Parts


def some_of_everyone() -> list[Row]:
    return [
        r
        for source in COLLECTORS
        for r in (
            rows("real", "avatar", source, 4) + rows("generated", "stylegan2", f"m_{source}", 3)
        )
    ] + rows("real", "aligned", ONLY, 60)


def test_a_collector_is_in_one_part_and_the_only_ones_in_all() -> None:
    of = some_of_everyone()
    parts = make_parts(SHA, of, distinct(of))
    assert parts.manifest_sha256 == SHA
    assert {parts.collectors[source] for source in COLLECTORS} == set(range(PARTS))
    assert parts.collectors[ONLY] == SPLIT
    for source in {r.source for r in of}:
        found = {parts.part(r) for r in of if r.source == source}
        everywhere = set(range(PARTS))
        assert found == (everywhere if source == ONLY else {parts.collectors[source]})


def test_every_half_is_as_many_parts() -> None:
    halves = [half_of(part) for part in range(PARTS)]
    assert [halves.count(half) for half in range(HALVES)] == [PARTS // HALVES] * HALVES


def test_every_part_has_both_classes_and_every_half_as_many_collectors() -> None:
    of = some_of_everyone()
    parts = make_parts(SHA, of, distinct(of))
    for part in range(PARTS):
        assert {r.generated for r in of if parts.part(r) == part} == {False, True}
    halves = [half_of(parts.collectors[source]) for source in COLLECTORS]
    assert [halves.count(half) for half in range(HALVES)] == [len(COLLECTORS) // HALVES] * HALVES


def test_only_the_split_ones_are_told_by_path() -> None:
    of = some_of_everyone()
    parts = make_parts(SHA, of, distinct(of))
    assert set(parts.pictures) == {r.path for r in of if r.source == ONLY}


@settings(max_examples=20)
@given(st.permutations(range(24)), st.integers(2, 8))
def test_the_same_photograph_is_never_in_two_parts(order: list[int], alike: int) -> None:
    """Some photographs were collected several times, by one or two that every part needs."""
    of = rows("real", "aligned", ONLY, 12) + rows("real", "aligned", OTHER_ONLY, 12)
    seeds = [place % (24 // alike) for place in order]
    parts = make_parts(SHA, of, photographs(of, seeds, side=32))
    for seed in set(seeds):
        assert len({parts.part(r) for r, s in zip(of, seeds, strict=True) if s == seed}) == 1


@pytest.mark.parametrize("seed", range(4))
def test_a_photograph_that_a_whole_collector_has_too_goes_where_that_one_is(seed: int) -> None:
    of = [
        *rows("real", "aligned", ONLY, 6),
        row("real", "aligned", "whole"),
        *rows("real", "avatar", "else", 3),
    ]
    parts = make_parts(SHA, of, photographs(of, (0, 1, 2, 3, 4, 5, seed, 7, 8, 9)))
    assert parts.part(of[seed]) == parts.part(of[6]) == parts.collectors["whole"]


def test_parts_are_the_same_every_time_and_keep_their_word_in_writing() -> None:
    of = some_of_everyone()
    once, again = (make_parts(SHA, of, distinct(of)) for _ in range(2))
    assert once == again
    assert once.written() == again.written()


def test_a_picture_without_a_face_still_has_a_part() -> None:
    of = some_of_everyone()
    parts = make_parts(SHA, of, distinct(of[:-5]))
    assert {parts.part(r) for r in of[-5:]} <= set(range(PARTS))


def test_who_is_never_shown_to_the_shipped_network_is_not_needed_by_every_part() -> None:
    assert not KEPT_OUT & ONLY_ONES
