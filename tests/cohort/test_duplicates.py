import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cohort.duplicates import group_duplicates
from app.cohort.parameters import CohortParameters
from app.cohort.summary import summarize_results
from app.records import ItemResult
from tests.cohort.conftest import ORDINARY_SQUARE, distinct_hash, make_result, ordinary_results

BASE_HASH = 0xC3A1F0E49687B2D5


def duplicate_seqs(results: list[ItemResult]) -> list[list[int]]:
    duplicates = summarize_results(results, prior=0.5, base_rate=0.0005)["duplicates"]
    return [each["seqs"] for each in duplicates]


def flip_bits(*bits: int) -> str:
    return f"{BASE_HASH ^ sum(1 << b for b in bits):016x}"


@given(st.integers(0, 63), st.integers(0, 63))
def test_one_bit_or_two_make_no_other_picture(one: int, other: int) -> None:
    same = [
        make_result(0, perceptual_hash=flip_bits()),
        make_result(7, perceptual_hash=flip_bits(*{one, other})),
    ]
    assert duplicate_seqs(same) == [[0, 7]]


@given(st.sets(st.integers(0, 63), min_size=3, max_size=20))
def test_three_bits_or_more_do(bits: set[int]) -> None:
    assert (
        duplicate_seqs(
            [
                make_result(0, perceptual_hash=flip_bits()),
                make_result(1, perceptual_hash=flip_bits(*bits)),
            ]
        )
        == []
    )


def test_unlike_pictures_group_with_none() -> None:
    assert duplicate_seqs(ordinary_results(2000)) == []


def test_the_same_hash_with_the_face_elsewhere_is_another_picture() -> None:
    moved = (0.6, *ORDINARY_SQUARE[1:])
    both = [
        make_result(0, perceptual_hash=flip_bits()),
        make_result(1, square=moved, perceptual_hash=flip_bits()),
    ]
    assert duplicate_seqs(both) == []


def test_faces_in_a_generators_frame_must_agree_in_every_bit() -> None:
    """They all lie in one place, on backgrounds that look alike to a hash."""
    frame = (0.5, 0.5, 0.0, 0.0)
    near = [
        make_result(0, 2.0, 3.0, frame, flip_bits()),
        make_result(1, 2.0, 3.0, frame, flip_bits(3, 40)),
    ]
    assert duplicate_seqs(near) == []
    assert duplicate_seqs([*near, make_result(2, 2.0, 3.0, frame, flip_bits())]) == [[0, 2]]


def test_pictures_without_a_face_must_agree_in_every_bit_too() -> None:
    bare = [
        make_result(i, square=None, outcome="no_face", perceptual_hash=h)
        for i, h in enumerate((flip_bits(), flip_bits(1, 2), flip_bits()))
    ]
    assert duplicate_seqs(bare) == [[0, 2]]


@pytest.mark.parametrize("flat", ["0" * 16, "8" + "0" * 15, "f" * 16, "not a hash", ""])
def test_flat_pictures_say_nothing(flat: str) -> None:
    assert duplicate_seqs([make_result(i, perceptual_hash=flat or "0") for i in range(30)]) == []


def test_chains_are_one_group_and_faces_come_first() -> None:
    chain = [
        make_result(i, perceptual_hash=h)
        for i, h in enumerate((flip_bits(), flip_bits(0, 1), flip_bits(0, 1, 2, 3)))
    ]
    bare = [
        make_result(10 + i, square=None, outcome="no_face", perceptual_hash="0123456789abcdef")
        for i in range(9)
    ]
    assert duplicate_seqs(chain + bare) == [[0, 1, 2], list(range(10, 19))]


def test_what_is_shown_is_capped_and_totals_are_not() -> None:
    many = [make_result(i, perceptual_hash=distinct_hash(i % 150)) for i in range(450)]
    cohort = summarize_results(many, prior=0.5, base_rate=0.0005)
    assert len(cohort["duplicates"]) == 100
    assert cohort["duplicates_total"] == {"groups": 150, "pictures": 450}
    large = summarize_results(
        [make_result(i, perceptual_hash=flip_bits()) for i in range(1000)],
        prior=0.5,
        base_rate=0.0005,
    )["duplicates"][0]
    assert (large["count"], len(large["seqs"])) == (1000, 100)


def test_a_million_take_seconds(parameters: CohortParameters) -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(1, 1 << 63, 1_000_000, dtype=np.uint64)
    hashes[500_000:500_100] = hashes[:100] ^ np.uint64(0b101)
    hashes[-1000:] = hashes[-1001]
    squares = np.tile(np.array(ORDINARY_SQUARE), (len(hashes), 1))
    start = time.process_time()
    groups = group_duplicates(
        hashes, squares, np.ones(len(hashes), np.bool_), parameters.duplicates
    )
    assert time.process_time() - start < 30.0
    assert len(groups.members[0]) == 1001
    assert len(groups.members) >= 95
