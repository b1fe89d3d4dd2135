from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.training.corpus import CorpusError, Row
from app.training.network.crops import Kept
from app.training.network.hyperparameters import GENERATED_SHARES, REAL_SHARES, SIFTED, SMALL_FFHQ
from app.training.network.sampling import Groups, group_of
from tests.training.network.toys import kept, row, rows

Wanted = list[tuple[Row, int]]
ENOUGH = 6


def at(side: int, part: list[Row]) -> Wanted:
    return [(one, side) for one in part]


def drawn(wanted: Wanted, side: int, *, generated: bool, times: int = 200) -> list[Kept]:
    places = kept(wanted)
    groups, rng = Groups(places, range(len(places))), np.random.default_rng(0)
    return [places[groups.draw(rng, side, generated=generated)] for _ in range(times)]


MADE = at(400, rows("generated", "stylegan2", "maker", ENOUGH))
REAL = at(400, rows("real", "avatar", "people", ENOUGH))


# Groups


@pytest.mark.parametrize("shares", [GENERATED_SHARES, REAL_SHARES])
def test_shares_of_a_class_sum_to_one(shares: dict[str, float]) -> None:
    assert sum(shares.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("of", "group"),
    [
        (row("generated", "stylegan2", "maker"), "stylegan2"),
        (row("generated", "stylegan2", min(SIFTED)), "stylegan2_sifted"),
        (row("generated", "stylegan3", min(SIFTED)), "stylegan3"),
        (row("real", "aligned", "people"), "ffhq_1024"),
        (row("real", "aligned", min(SMALL_FFHQ)), "ffhq_256"),
        (row("real", "portrait", "people"), "ordinary"),
        (row("real", "composite", "people"), "ordinary"),
        (row("generated", "diffusion", "maker"), "diffusion"),
    ],
)
def test_the_group_of_a_picture(of: Row, group: str) -> None:
    assert group_of(of) == group
    assert group in {**GENERATED_SHARES, **REAL_SHARES}


@pytest.mark.parametrize("lopsided", [MADE, REAL])
def test_one_class_alone_is_refused_in_words(lopsided: Wanted) -> None:
    with pytest.raises(CorpusError, match="the corpus has none of the kinds"):
        Groups(kept(lopsided), range(len(lopsided)))


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
    made = [(row("generated", "stylegan2", "maker", i), s) for i, s in enumerate(sizes)]
    real = [(row("real", "avatar", "people", i), s) for i, s in enumerate(sizes)]
    places = kept(made + real)
    found = places[Groups(places, range(len(places))).draw(rng, side, generated=generated)]
    assert found.row.generated == generated
    # Sizes are counted in steps of 8 px, upwards.
    if sum(s >= -(-side // 8) * 8 for s in sizes) >= 4:
        assert found.side >= side


def test_only_chosen_pictures_are_drawn() -> None:
    places = kept(MADE + REAL)
    groups, rng = Groups(places, range(2, len(places) - 1)), np.random.default_rng(0)
    found = {groups.draw(rng, 300, generated=g) for g in (True, False) for _ in range(200)}
    assert found == set(range(2, len(places) - 1))


def test_a_group_with_too_few_large_pictures_drops_out() -> None:
    few = at(400, rows("generated", "stylegan3", "other", 3))
    few += at(100, rows("generated", "stylegan3", "other_small", 9))
    kinds = {side: {k.row.kind for k in drawn(few + MADE + REAL, side, generated=True)}
             for side in (390, 96)}  # fmt: skip
    assert kinds[390] == {"stylegan2"}
    assert kinds[96] == {"stylegan2", "stylegan3"}


def test_where_no_group_is_that_large_any_size_will_do() -> None:
    small = at(90, rows("generated", "stylegan2", "maker", ENOUGH))
    assert {k.side for k in drawn(small + REAL, 390, generated=True)} == {90}


def test_groups_come_as_often_as_their_shares_and_not_as_they_are_many() -> None:
    many = at(400, rows("generated", "stylegan1", "old", 60))
    found = Counter(k.row.kind for k in drawn(many + MADE + REAL, 390, generated=True, times=3000))
    shares = GENERATED_SHARES["stylegan1"] / GENERATED_SHARES["stylegan2"]
    assert found["stylegan1"] / found["stylegan2"] == pytest.approx(shares, rel=0.12)


def test_a_collector_counts_as_the_root_of_how_many_pictures_it_has() -> None:
    many = at(400, rows("real", "avatar", "many", 64)) + at(400, rows("real", "avatar", "few", 4))
    found = Counter(k.row.source for k in drawn(many + MADE, 390, generated=False, times=3000))
    assert found["many"] / found["few"] == pytest.approx(4.0, rel=0.12)


def test_the_same_seed_draws_the_same() -> None:
    wanted = MADE + REAL
    once, again = (drawn(wanted, 200, generated=True) for _ in range(2))
    assert once == again
    assert len(set(once)) == ENOUGH
