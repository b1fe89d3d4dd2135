import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cohort.duplicates import group_duplicates
from app.cohort.parameters import CohortParameters
from app.cohort.summary import summarize_results
from app.records import ItemResult
from tests.cohort.conftest import distinct_hash, make_result, ordinary_results

BASE_HASH = int("c3a1f0e49687b2d5" * 4, 16)
RADIUS, RADIUS_WITHOUT_FACE = 31, 10


def duplicate_seqs(results: list[ItemResult]) -> list[list[int]]:
    duplicates = summarize_results(results, prior=0.5, base_rate=0.0005)["duplicates"]
    return [each["seqs"] for each in duplicates]


def flip_bits(*bits: int) -> str:
    return f"{BASE_HASH ^ sum(1 << b for b in bits):064x}"


@given(st.sets(st.integers(0, 255), max_size=15))
def test_a_few_bits_make_no_other_picture(bits: set[int]) -> None:
    same = [make_result(0, pdq=flip_bits()), make_result(7, pdq=flip_bits(*bits))]
    assert duplicate_seqs(same) == [[0, 7]]


@given(st.sets(st.integers(0, 255), min_size=RADIUS + 1, max_size=128))
def test_more_than_31_do(bits: set[int]) -> None:
    other = [make_result(0, pdq=flip_bits()), make_result(1, pdq=flip_bits(*bits))]
    assert duplicate_seqs(other) == []


def test_copies_at_the_threshold_are_nearly_always_found() -> None:
    rng = np.random.default_rng(7)
    results = []
    for n in range(200):
        base = int(distinct_hash(n), 16)
        flips = sum(1 << int(bit) for bit in rng.permutation(256)[: RADIUS - 1])
        results += [make_result(2 * n, pdq=f"{base:064x}")]
        results += [make_result(2 * n + 1, pdq=f"{base ^ flips:064x}")]
    cohort = summarize_results(results, prior=0.5, base_rate=0.0005)
    assert cohort["duplicates_total"]["groups"] >= 0.8 * 200


def test_unlike_pictures_group_with_none() -> None:
    assert duplicate_seqs(ordinary_results(2000)) == []


def test_pictures_without_a_face_must_agree_more_closely() -> None:
    near, far = flip_bits(*range(RADIUS_WITHOUT_FACE)), flip_bits(*range(20, 41, 2))
    bare = [
        make_result(i, square=None, outcome="no_face", pdq=h)
        for i, h in enumerate((flip_bits(), near, far))
    ]
    assert duplicate_seqs(bare) == [[0, 1]]
    assert duplicate_seqs([make_result(9, pdq=flip_bits()), bare[2]]) == []


def test_hashes_of_low_quality_say_nothing() -> None:
    flat = [make_result(i, pdq=flip_bits(), pdq_quality=49) for i in range(30)]
    assert duplicate_seqs(flat) == []
    empty = [make_result(i, pdq="0" * 64, pdq_quality=0) for i in range(30)]
    assert duplicate_seqs(empty) == []


def test_chains_are_one_group_and_faces_come_first() -> None:
    chain = [make_result(i, pdq=flip_bits(*range(10 * i))) for i in range(5)]
    bare = [
        make_result(10 + i, square=None, outcome="no_face", pdq="0123456789abcdef" * 4)
        for i in range(9)
    ]
    assert duplicate_seqs(chain + bare) == [[0, 1, 2, 3, 4], list(range(10, 19))]


def test_what_is_shown_is_capped_and_totals_are_not() -> None:
    many = [make_result(i, pdq=distinct_hash(i % 150)) for i in range(450)]
    cohort = summarize_results(many, prior=0.5, base_rate=0.0005)
    assert len(cohort["duplicates"]) == 100
    assert cohort["duplicates_total"] == {"groups": 150, "pictures": 450}
    large = summarize_results(
        [make_result(i, pdq=flip_bits()) for i in range(1000)],
        prior=0.5,
        base_rate=0.0005,
    )["duplicates"][0]
    assert (large["count"], len(large["seqs"])) == (1000, 100)


@pytest.mark.slow
def test_hundreds_of_thousands_take_seconds(parameters: CohortParameters) -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(1, 1 << 63, (250_000, 4), dtype=np.uint64)
    hashes[125_000:125_100] = hashes[:100] ^ np.uint64(0b101)
    hashes[-1000:] = hashes[-1001]
    start = time.process_time()
    groups = group_duplicates(hashes, np.ones(len(hashes), np.bool_), parameters.duplicates)
    assert time.process_time() - start < 7.5
    assert len(groups.members[0]) == 1001
    assert len(groups.members) >= 95
