"""The small parts: sizes, sums, what is written as text, the gate before the examiners."""

import asyncio
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.batches.execution import chunks
from app.batches.execution.picture_pool import Gate, failure_of
from app.batches.store import row_codec, tile_sums
from app.errors import FetchFailed, FetchTimeout, NotAnImage
from app.records import Failure, Item
from tests.batches.stand_in import finding_of

text = st.text(st.characters(), max_size=20)
maybe = st.none() | text


@given(st.integers(0, 20_000_000))
def test_chunks_grow_with_the_root_of_the_list(total: int):
    size = chunks.size(total)
    assert 32 <= size <= 1000
    assert size in (32, 1000) or abs(size - 2 * sqrt(total)) < 2


@given(
    st.builds(
        Item,
        seq=st.integers(0, 2**40),
        source=text,
        custom_id=maybe,
        line=st.none() | st.integers(1),
        url=maybe,
        fallback_url=maybe,
        content_id=maybe,
        cells=st.lists(text, max_size=4).map(tuple),
        account=st.dictionaries(text, text, max_size=3),
    )
)
def test_an_item_comes_back_as_it_was(item: Item):
    kept = row_codec.item_text(item)
    assert kept.isascii()
    assert "\x00" not in kept
    assert row_codec.item(item.seq, kept) == item


@given(st.builds(Failure, text, text, text, st.booleans()))
def test_a_failure_comes_back_as_it_was(failure: Failure):
    assert row_codec.failure(row_codec.failure_text(failure)) == failure


@given(st.binary(max_size=50))
def test_a_finding_comes_back_as_it_was_but_for_its_tile(data: bytes):
    finding = finding_of(data)
    row = {
        "finding": row_codec.finding_text(finding),
        "sha256": bytes.fromhex(finding.sha256),
        "outcome": finding.outcome,
        "verdict": finding.verdict,
        "llr": finding.llr,
        "analysis": finding.analysis,
        "thumbnail": finding.thumbnail,
    }
    assert {**vars(row_codec.finding(row))} == {**vars(finding), "tile": None}


def test_a_source_is_known_by_what_names_its_bytes():
    plain = Item(0, "a", url="https://x.example/a")
    assert row_codec.source_key(plain) == row_codec.source_key(
        Item(9, "b", url="https://x.example/a")
    )
    assert row_codec.source_key(plain) != row_codec.source_key(
        Item(0, "a", url="https://x.example/b")
    )
    named = Item(0, "a", url="https://x.example/a", content_id="cid")
    assert row_codec.source_key(named) == row_codec.source_key(
        Item(1, "b", url="https://y.example/b", content_id="cid")
    )
    assert row_codec.source_key(named) != row_codec.source_key(Item(0, "a", url="cid"))
    assert row_codec.source_key(Item(0, "a", payload=b"")) is None


@pytest.mark.parametrize("count", [1, 257, 258, 16_843_009, 16_843_010])
def test_sums_are_kept_whole_in_as_few_bytes_as_will_do(count: int):
    sums = np.full(tile_sums.SHAPE, 255 * count, np.uint64)
    sums[0, 0] = 0, 1, 2
    packed = tile_sums._packed(sums, count)
    assert np.array_equal(tile_sums._unpacked(packed), sums)
    assert len(packed) == sums.size * (2 if count <= 257 else 4 if count <= 16_843_009 else 8)


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (FetchFailed("no answer"), True),
        (FetchFailed("gone", 404), False),
        (FetchFailed("slow down", 429), True),
        (FetchFailed("too slow", 408), True),
        (FetchFailed("too early", 425), True),
        (FetchFailed("said so", 503, retryable=False), False),
        (FetchFailed("broken", 500), True),
        (FetchTimeout("too slow"), True),
        (NotAnImage("text"), False),
    ],
)
def test_what_may_succeed_later_is_said(error: FetchFailed, retryable: bool):
    assert failure_of(error) == Failure(error.code, error.title, error.detail, retryable)


def test_whoever_is_alone_is_alone_and_nobody_waits_for_ever():
    async def run() -> list[str]:
        gate, inside, seen = Gate(), set[str](), list[str]()

        async def passes(name: str, alone: bool) -> None:
            async with gate.alone() if alone else gate.shared():
                inside.add(name)
                assert inside == {name} if alone else not any(n.startswith("alone") for n in inside)
                await asyncio.sleep(0.001)
                seen.append(name)
                inside.discard(name)

        many = [passes(f"alone {n}" if n % 5 == 0 else f"many {n}", n % 5 == 0) for n in range(40)]
        await asyncio.wait_for(asyncio.gather(*many), 10)
        return seen

    assert len(asyncio.run(run())) == 40
