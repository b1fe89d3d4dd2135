from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.training.corpus import CorpusError, ManifestRow
from app.training.network.crops import CropRecord
from app.training.network.hyperparameters import (
    CURATED_COLLECTORS,
    GENERATED_SHARES,
    REAL_SHARES,
    SMALL_FFHQ_COLLECTORS,
)
from app.training.network.sampling import GroupSampler, sampling_group
from tests.training.network.made_crops import make_records, make_row, make_rows

CropSpecs = list[tuple[ManifestRow, int]]
ENOUGH_CROPS = 6


def at_side(side: int, rows: list[ManifestRow]) -> CropSpecs:
    return [(row, side) for row in rows]


def draw_records(
    specs: CropSpecs, side: int, *, generated: bool, count: int = 200
) -> list[CropRecord]:
    records = make_records(specs)
    groups, rng = GroupSampler(records, range(len(records))), np.random.default_rng(0)
    return [records[groups.draw(rng, side, generated=generated)] for _ in range(count)]


GENERATED_SPECS = at_side(400, make_rows("generated", "stylegan2", "maker", ENOUGH_CROPS))
REAL_SPECS = at_side(400, make_rows("real", "avatar", "people", ENOUGH_CROPS))


# Groups


@pytest.mark.parametrize("shares", [GENERATED_SHARES, REAL_SHARES])
def test_shares_of_a_class_sum_to_one(shares: dict[str, float]) -> None:
    assert sum(shares.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("of", "group"),
    [
        (make_row("generated", "stylegan2", "maker"), "stylegan2"),
        (make_row("generated", "stylegan2", min(CURATED_COLLECTORS)), "stylegan2_sifted"),
        (make_row("generated", "stylegan3", min(CURATED_COLLECTORS)), "stylegan3"),
        (make_row("real", "aligned", "people"), "ffhq_1024"),
        (make_row("real", "aligned", min(SMALL_FFHQ_COLLECTORS)), "ffhq_256"),
        (make_row("real", "portrait", "people"), "ordinary"),
        (make_row("real", "composite", "people"), "ordinary"),
        (make_row("generated", "diffusion", "maker"), "diffusion"),
    ],
)
def test_the_group_of_a_picture(of: ManifestRow, group: str) -> None:
    assert sampling_group(of) == group
    assert group in {**GENERATED_SHARES, **REAL_SHARES}


@pytest.mark.parametrize("lopsided", [GENERATED_SPECS, REAL_SPECS])
def test_one_class_alone_is_refused_in_words(lopsided: CropSpecs) -> None:
    with pytest.raises(CorpusError, match="the corpus has none of the kinds"):
        GroupSampler(make_records(lopsided), range(len(lopsided)))


# Draws


@settings(max_examples=40)
@given(
    st.integers(0, 10_000),
    st.integers(72, 400),
    st.lists(st.integers(40, 400), min_size=8, max_size=30),
    st.booleans(),
)
def test_what_is_drawn_is_of_the_class_and_as_large_as_asked(
    seed: int, side: int, sizes: list[int], generated: bool
) -> None:
    rng = np.random.default_rng(seed)
    made = [(make_row("generated", "stylegan2", "maker", i), s) for i, s in enumerate(sizes)]
    real = [(make_row("real", "avatar", "people", i), s) for i, s in enumerate(sizes)]
    places = make_records(made + real)
    result = places[GroupSampler(places, range(len(places))).draw(rng, side, generated=generated)]
    assert result.row.is_generated == generated
    # Sizes are counted in steps of 8 px, upwards.
    if sum(s >= -(-side // 8) * 8 for s in sizes) >= 4:
        assert result.side >= side


def test_only_chosen_pictures_are_drawn() -> None:
    places = make_records(GENERATED_SPECS + REAL_SPECS)
    groups, rng = GroupSampler(places, range(2, len(places) - 1)), np.random.default_rng(0)
    result = {groups.draw(rng, 300, generated=g) for g in (True, False) for _ in range(200)}
    assert result == set(range(2, len(places) - 1))


def test_a_group_with_too_few_large_pictures_drops_out() -> None:
    few = at_side(400, make_rows("generated", "stylegan3", "other", 3))
    few += at_side(100, make_rows("generated", "stylegan3", "other_small", 9))
    kinds = {side: {k.row.kind for k in draw_records(few + GENERATED_SPECS + REAL_SPECS, side,
    generated=True)}
             for side in (390, 96)}  # fmt: skip
    assert kinds[390] == {"stylegan2"}
    assert kinds[96] == {"stylegan2", "stylegan3"}


def test_where_no_group_is_that_large_any_size_will_do() -> None:
    small = at_side(90, make_rows("generated", "stylegan2", "maker", ENOUGH_CROPS))
    assert {k.side for k in draw_records(small + REAL_SPECS, 390, generated=True)} == {90}


def test_groups_come_as_often_as_their_shares_and_not_as_they_are_many() -> None:
    many = at_side(400, make_rows("generated", "stylegan1", "old", 60))
    result = Counter(
        k.row.kind
        for k in draw_records(many + GENERATED_SPECS + REAL_SPECS, 390, generated=True, count=3000)
    )
    shares = GENERATED_SHARES["stylegan1"] / GENERATED_SHARES["stylegan2"]
    assert result["stylegan1"] / result["stylegan2"] == pytest.approx(shares, rel=0.12)


def test_a_collector_counts_as_the_root_of_how_many_pictures_it_has() -> None:
    many = at_side(400, make_rows("real", "avatar", "many", 64)) + at_side(
        400, make_rows("real", "avatar", "few", 4)
    )
    result = Counter(
        k.row.source for k in draw_records(many + GENERATED_SPECS, 390, generated=False, count=3000)
    )
    assert result["many"] / result["few"] == pytest.approx(4.0, rel=0.12)


def test_the_same_seed_draws_the_same() -> None:
    wanted = GENERATED_SPECS + REAL_SPECS
    once, again = (draw_records(wanted, 200, generated=True) for _ in range(2))
    assert once == again
    assert len(set(once)) == ENOUGH_CROPS
