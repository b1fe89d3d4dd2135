"""What an examining child says is data, whoever speaks for it."""

from __future__ import annotations

import json
import mmap
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.analysis.child_protocol import decode_record_reply, encode_record, encode_refusal
from app.analysis.record import AnalyzedRecord
from app.image.sandbox.protocol import MAX_REPLY_BYTES
from app.image.thumbnails import AVERAGE_TILE_PX, encode_jpeg
from app.records import PictureRecord

THUMBNAIL = np.random.default_rng(1).integers(0, 256, (90, 128, 3), dtype=np.uint8)
TILE = np.random.default_rng(2).integers(
    0, 256, (AVERAGE_TILE_PX, AVERAGE_TILE_PX, 3), dtype=np.uint8
)
PICTURE_RECORD = PictureRecord(
    sha256="ab" * 32,
    perceptual_hash="0123456789abcdef",
    outcome="scored",
    verdict="inconclusive",
    llr=0.25,
    llr_ordinary=0.5,
    llr_framed=-0.125,
    eye_llr=-0.5,
    analysis=b'{"llr": 0.25}',
    width=640,
    height=450,
    eyes=(0.1, 0.2, 0.3, 0.4),
    square=(0.5, 0.5, 0.0, 0.01),
    template="ffhq",
    transform="untouched",
    distance=1.5,
    warnings=("several_faces",),
    tile=TILE,
)
TIMINGS = {"decode": 1.0, "landmarks": 9.0, "checks": 20.5}
MEMORY_BYTES = 1_000_000


def make_memory() -> mmap.mmap:
    return mmap.mmap(-1, MEMORY_BYTES)


def encode_line(record: PictureRecord = PICTURE_RECORD) -> tuple[bytes, mmap.mmap]:
    shared = make_memory()
    return encode_record(AnalyzedRecord(record, TIMINGS), THUMBNAIL, shared), shared


def decode_line(line: bytes, shared: mmap.mmap) -> AnalyzedRecord | tuple[str, str]:
    return decode_record_reply(line, lambda start, count: shared[start : start + count])


@pytest.mark.parametrize(
    "finding",
    [
        PICTURE_RECORD,
        replace(
            PICTURE_RECORD, eyes=None, square=None, template=None, transform=None, distance=None
        ),
    ],
    ids=["a face", "no face"],
)
def test_a_finding_arrives_as_it_was_told(finding: PictureRecord) -> None:
    line, shared = encode_line(finding)
    assert len(line) <= MAX_REPLY_BYTES
    analyzed = decode_line(line, shared)
    assert isinstance(analyzed, AnalyzedRecord)
    assert analyzed.timings_ms == TIMINGS
    assert analyzed.record.tile is not None
    np.testing.assert_array_equal(analyzed.record.tile, TILE)
    assert {**vars(analyzed.record), "tile": None} == {
        **vars(finding),
        "tile": None,
        "thumbnail": encode_jpeg(THUMBNAIL),
    }


@pytest.mark.parametrize("letter", ["a", "×", "\U0001f642", "\0"])
def test_why_there_is_none_arrives_too(letter: str) -> None:
    line = encode_refusal("image_bomb", letter * 10_000)
    assert len(line) <= MAX_REPLY_BYTES
    refusal = decode_line(line, make_memory())
    assert isinstance(refusal, tuple)
    assert refusal[0] == "image_bomb"
    assert refusal[1].startswith(letter * 100)


@pytest.mark.parametrize(
    "change",
    [
        {"thumbnail": [129, 1]},
        {"thumbnail": [0, 1]},
        {"thumbnail": [1]},
        {"analysis_bytes": 10**9},
        {"analysis_bytes": 4},
        {"analysis_bytes": -1},
        {"llr": "NaN"},
        {"llr": None},
        {"eyes": [1, 2, 3]},
        {"verdict": "guilty"},
        {"outcome": "<script>"},
        {"sha256": "0"},
        {"perceptual_hash": "'; drop"},
        {"template": "x" * 65},
        {"timings_ms": {"lunch": 1.0}},
        {"more": 1},
        {"width": 0},
    ],
    ids=str,
)
def test_what_cannot_be_is_no_reply(change: dict[str, Any]) -> None:
    line, shared = encode_line()
    reply = json.loads(line)
    assert isinstance(decode_line(json.dumps(reply).encode(), shared), AnalyzedRecord)
    reply["found"].update(change)
    with pytest.raises(ValueError, match=r"."):
        decode_line(json.dumps(reply).encode(), shared)


@pytest.mark.parametrize("analysis", [b"[]", b"null", b'{"a"', b"\xff\xff", b"[" * 100_000])
def test_an_answer_that_is_none_is_not_kept(analysis: bytes) -> None:
    line, shared = encode_line(replace(PICTURE_RECORD, analysis=analysis))
    with pytest.raises(ValueError, match=r"."):
        decode_line(line, shared)


def test_what_was_promised_and_is_not_there_is_no_reply() -> None:
    line, shared = encode_line()
    with pytest.raises(ValueError, match=r"."):
        decode_record_reply(line, lambda start, count: shared[start : start + count][:50])


@given(st.binary(max_size=400))
def test_no_bytes_are_more_than_no_reply(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_line(line, make_memory())
