"""The small parts: sizes, sums, what is written as text."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.batches.execution import chunks
from app.batches.execution.failures import failure_from_error
from app.batches.store import row_codec, tile_sums
from app.errors import FetchFailed, FetchTimeout, NotAnImage
from app.records import Failure, Item
from tests.batches.fake_tools import record_of

texts = st.text(st.characters(), max_size=20)
optional_texts = st.none() | texts


@given(st.integers(0, 20_000_000))
def test_chunks_grow_with_the_root_of_the_list(total: int):
    size = chunks.chunk_size(total)
    assert 32 <= size <= 1000
    assert size in (32, 1000) or abs(size - 2 * sqrt(total)) < 2


@given(
    st.builds(
        Item,
        seq=st.integers(0, 2**40),
        source=texts,
        custom_id=optional_texts,
        line=st.none() | st.integers(1),
        url=optional_texts,
        fallback_url=optional_texts,
        content_id=optional_texts,
        cells=st.lists(texts, max_size=4).map(tuple),
        account=st.dictionaries(texts, texts, max_size=3),
    )
)
def test_an_item_survives_encoding(item: Item):
    encoded = row_codec.encode_item(item)
    assert encoded.isascii()
    assert "\x00" not in encoded
    assert row_codec.decode_item(item.seq, encoded) == item


@given(st.builds(Failure, texts, texts, texts, st.booleans()))
def test_a_failure_survives_encoding(failure: Failure):
    assert row_codec.decode_failure(row_codec.encode_failure(failure)) == failure


@given(st.binary(max_size=50))
def test_a_record_survives_encoding_without_its_tile(data: bytes):
    record = record_of(data)
    row = {
        "finding": row_codec.encode_picture_record(record),
        "sha256": bytes.fromhex(record.sha256),
        "outcome": record.outcome,
        "verdict": record.verdict,
        "llr": record.llr,
        "analysis": record.analysis,
        "thumbnail": record.thumbnail,
    }
    assert {**vars(row_codec.decode_picture_record(row))} == {**vars(record), "tile": None}


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
    sums = np.full(tile_sums.TILE_SHAPE, 255 * count, np.uint64)
    sums[0, 0] = 0, 1, 2
    packed = tile_sums._pack(sums, count)
    assert np.array_equal(tile_sums._unpack(packed), sums)
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
def test_failures_that_may_succeed_later_are_retryable(error: FetchFailed, retryable: bool):
    assert failure_from_error(error) == Failure(error.code, error.title, error.detail, retryable)
