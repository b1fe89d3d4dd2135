import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cohort import Numbers, summarise
from app.cohort.duplicates import group
from app.records import Result
from tests.cohort.conftest import ORDINARY, ordinary, result, unlike

HASH = 0xC3A1F0E49687B2D5


def groups(results: list[Result]) -> list[list[int]]:
    found = summarise(results, prior=0.5, base_rate=0.0005)["duplicates"]
    return [each["seqs"] for each in found]


def flipped(*bits: int) -> str:
    return f"{HASH ^ sum(1 << b for b in bits):016x}"


@given(st.integers(0, 63), st.integers(0, 63))
def test_one_bit_or_two_make_no_other_picture(one: int, other: int) -> None:
    same = [result(0, perceptual_hash=flipped()), result(7, perceptual_hash=flipped(*{one, other}))]
    assert groups(same) == [[0, 7]]


@given(st.sets(st.integers(0, 63), min_size=3, max_size=20))
def test_three_bits_or_more_do(bits: set[int]) -> None:
    assert (
        groups([result(0, perceptual_hash=flipped()), result(1, perceptual_hash=flipped(*bits))])
        == []
    )


def test_unlike_pictures_group_with_none() -> None:
    assert groups(ordinary(2000)) == []


def test_the_same_hash_with_the_face_elsewhere_is_another_picture() -> None:
    moved = (0.6, *ORDINARY[1:])
    both = [
        result(0, perceptual_hash=flipped()),
        result(1, square=moved, perceptual_hash=flipped()),
    ]
    assert groups(both) == []


def test_faces_in_a_generators_frame_must_agree_in_every_bit() -> None:
    """They all lie in one place, on backgrounds that look alike to a hash."""
    frame = (0.5, 0.5, 0.0, 0.0)
    near = [result(0, 2.0, 3.0, frame, flipped()), result(1, 2.0, 3.0, frame, flipped(3, 40))]
    assert groups(near) == []
    assert groups([*near, result(2, 2.0, 3.0, frame, flipped())]) == [[0, 2]]


def test_pictures_without_a_face_must_agree_in_every_bit_too() -> None:
    bare = [
        result(i, square=None, outcome="no_face", perceptual_hash=h)
        for i, h in enumerate((flipped(), flipped(1, 2), flipped()))
    ]
    assert groups(bare) == [[0, 2]]


@pytest.mark.parametrize("flat", ["0" * 16, "8" + "0" * 15, "f" * 16, "not a hash", ""])
def test_flat_pictures_say_nothing(flat: str) -> None:
    assert groups([result(i, perceptual_hash=flat or "0") for i in range(30)]) == []


def test_chains_are_one_group_and_faces_come_first() -> None:
    chain = [
        result(i, perceptual_hash=h)
        for i, h in enumerate((flipped(), flipped(0, 1), flipped(0, 1, 2, 3)))
    ]
    bare = [
        result(10 + i, square=None, outcome="no_face", perceptual_hash="0123456789abcdef")
        for i in range(9)
    ]
    assert groups(chain + bare) == [[0, 1, 2], list(range(10, 19))]


def test_what_is_shown_is_capped_and_totals_are_not() -> None:
    many = [result(i, perceptual_hash=unlike(i % 150)) for i in range(450)]
    said = summarise(many, prior=0.5, base_rate=0.0005)
    assert len(said["duplicates"]) == 100
    assert said["duplicates_total"] == {"groups": 150, "pictures": 450}
    large = summarise(
        [result(i, perceptual_hash=flipped()) for i in range(1000)], prior=0.5, base_rate=0.0005
    )["duplicates"][0]
    assert (large["count"], len(large["seqs"])) == (1000, 100)


def test_a_million_take_seconds(numbers: Numbers) -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(1, 1 << 63, 1_000_000, dtype=np.uint64)
    hashes[500_000:500_100] = hashes[:100] ^ np.uint64(0b101)
    hashes[-1000:] = hashes[-1001]
    squares = np.tile(np.array(ORDINARY), (len(hashes), 1))
    start = time.process_time()
    found = group(hashes, squares, np.ones(len(hashes), np.bool_), numbers.duplicates)
    assert time.process_time() - start < 30.0
    assert len(found.members[0]) == 1001
    assert len(found.members) >= 95
