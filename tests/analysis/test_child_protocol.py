"""What a child sends is data, whatever controls it."""

from __future__ import annotations

import json
import mmap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.analysis.child_protocol import (
    MAX_ANALYSIS_BYTES,
    MAX_OVERLAY_BYTES,
    AnalysisRequest,
    decode_record_reply,
    encode_record,
    encode_refusal,
)
from app.analysis.record import encode_answer, unrounded_numbers
from app.analysis.serialize import serialize_analysis
from app.arrays import RgbArray
from app.evidence import Analysis, Depth, Outcome
from app.image.picture import decode
from app.image.sandbox.protocol import MAX_PAYLOAD_BYTES, MAX_REPLY_BYTES, MAX_REQUEST_BYTES
from app.image.thumbnails import THUMBNAIL_PX, encode_jpeg
from app.records import AVERAGE_TILE_PX, PictureRecord
from app.render.overlay.kept_drawings import encode_kept
from tests.api.stub_analyzer import picture_bytes, stub_analysis

PICTURE = decode(picture_bytes())
ANALYSIS = stub_analysis(PICTURE)
THUMBNAIL = np.random.default_rng(1).integers(0, 256, (90, 128, 3), dtype=np.uint8)
TILE = np.random.default_rng(2).integers(
    0, 256, (AVERAGE_TILE_PX, AVERAGE_TILE_PX, 3), dtype=np.uint8
)
OVERLAY = b"\x89PNG\r\n\x1a\n and so on"
DRAWINGS = {"overlay": THUMBNAIL[:70], "teeth": THUMBNAIL[:30, :40]}
TIMINGS = {"decode": 1.0, "landmarks": 9.0, "checks": 20.5}
MEMORY_BYTES = 1_000_000


def make_memory() -> mmap.mmap:
    return mmap.mmap(-1, MEMORY_BYTES)


def encode_line(
    analysis: Analysis = ANALYSIS,
    overlay: bytes = OVERLAY,
    drawings: Mapping[str, RgbArray] = DRAWINGS,
) -> tuple[bytes, mmap.mmap]:
    memory = make_memory()
    line = encode_record(
        serialize_analysis(analysis, prior=0.5, base_rate=0.0005),
        unrounded_numbers(analysis),
        thumbnail=THUMBNAIL,
        tile=TILE,
        overlay=overlay,
        timings_ms=TIMINGS,
        memory=memory,
        drawings=drawings,
    )
    return line, memory


def decode_line(
    line: bytes, memory: mmap.mmap, sha256: str = PICTURE.sha256
) -> PictureRecord | tuple[str, str]:
    return decode_record_reply(line, lambda start, count: memory[start : start + count], sha256)


def test_a_request_arrives_as_it_was_written() -> None:
    request = AnalysisRequest(5_000_000, 0.25, 0.001, True, "0f" * 32, "flagged", Depth.FULL)
    assert len(request.encode()) <= MAX_REQUEST_BYTES
    assert AnalysisRequest.decode(request.encode()) == request


def test_the_largest_reply_fits_into_the_memory() -> None:
    pixels = THUMBNAIL_PX**2 + AVERAGE_TILE_PX**2
    assert MAX_ANALYSIS_BYTES + 3 * pixels + MAX_OVERLAY_BYTES <= MAX_PAYLOAD_BYTES


@pytest.mark.parametrize("overlay", [OVERLAY, b""], ids=["overlay", "no overlay"])
@pytest.mark.parametrize("outcome", [Outcome.SCORED, Outcome.NO_FACE])
def test_a_record_arrives_as_it_was_written(outcome: Outcome, overlay: bytes) -> None:
    analysis = stub_analysis(PICTURE, outcome)
    line, memory = encode_line(analysis, overlay)
    assert len(line) <= MAX_REPLY_BYTES
    record = decode_line(line, memory)
    assert isinstance(record, PictureRecord)
    answer = serialize_analysis(analysis, prior=0.5, base_rate=0.0005)
    assert record.analysis == encode_answer(answer)
    assert (record.outcome, record.verdict, record.llr) == (outcome, analysis.verdict, answer.llr)
    assert record.sha256 == PICTURE.sha256
    assert (record.width, record.height) == PICTURE.declared_size
    assert (record.eyes is None) == (outcome is Outcome.NO_FACE)
    numbers = unrounded_numbers(analysis)
    assert (record.eye_llr, record.eyes) == (numbers.eye_llr, numbers.eyes)
    assert (record.square, record.distance) == (numbers.square, numbers.distance)
    assert record.timings_ms == TIMINGS
    assert record.overlay == overlay
    assert record.thumbnail == encode_jpeg(THUMBNAIL)
    assert record.drawings == encode_kept(DRAWINGS)
    assert record.tile is not None
    np.testing.assert_array_equal(record.tile, TILE)


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
        {"drawings": {"overlay": [4000, 4000]}},
        {"drawings": {"overlay": [0, 1]}},
        {"drawings": {"../overlay": [90, 70], "teeth": [40, 30]}},
        {"drawings": {f"check_{n}": [1, 1] for n in range(20)}},
        {"analysis_bytes": 10**9},
        {"analysis_bytes": 4},
        {"analysis_bytes": -1},
        {"overlay_bytes": -1},
        {"overlay_bytes": 10**9},
        {"numbers": None},
        {"numbers": {"eye_llr": "NaN", "eyes": None, "square": None, "distance": None}},
        {"numbers": {"eye_llr": None, "eyes": None, "square": None, "distance": None}},
        {"numbers": {"eye_llr": 0.0, "eyes": [1, 2, 3], "square": None, "distance": None}},
        {"timings_ms": {"lunch": 1.0}},
        {"more": 1},
    ],
    ids=str,
)
def test_what_cannot_be_is_no_reply(change: dict[str, Any]) -> None:
    line, memory = encode_line()
    reply = json.loads(line)
    assert isinstance(decode_line(json.dumps(reply).encode(), memory), PictureRecord)
    reply["record"].update(change)
    with pytest.raises(ValueError, match=r"."):
        decode_line(json.dumps(reply).encode(), memory)


@pytest.mark.parametrize(
    ("true", "false"),
    [
        (b'"verdict":"likely_stylegan"', b'"verdict":"guilty"'),
        (b'"outcome":"scored"', b'"outcome":"<script>"'),
        (b'"llr":3.7,', b'"llr":NaN,'),
        (b'"llr":3.7,', b'"llr":null,'),
        (b'"sha256":"', b'"sha256":"0'),
        (b'"pdq":"', b'"pdq":"<'),
        (b'"width":40', b'"width":0'),
        (b'"format":"PNG"', b'"format":"EXE"'),
        (b'"outcome"', b'"surprise"'),
    ],
)
def test_an_answer_outside_the_schema_is_not_kept(true: bytes, false: bytes) -> None:
    line, memory = encode_line()
    reply = json.loads(line)
    length = reply["record"]["analysis_bytes"]
    analysis, rest = memory[:length], memory[length : length + 200_000]
    assert true in analysis
    lie = analysis.replace(true, false)
    memory[: len(lie) + len(rest)] = lie + rest
    reply["record"]["analysis_bytes"] = len(lie)
    with pytest.raises(ValueError, match=r"."):
        decode_line(json.dumps(reply).encode(), memory)


def test_an_answer_about_another_picture_is_not_kept() -> None:
    line, memory = encode_line()
    with pytest.raises(ValueError, match="another picture"):
        decode_line(line, memory, "ab" * 32)


@pytest.mark.parametrize("overlay", [b"<svg/>", b"GIF89a", b"\x89PNG"])
def test_an_overlay_that_is_no_png_is_not_kept(overlay: bytes) -> None:
    line, memory = encode_line(overlay=overlay)
    with pytest.raises(ValueError, match="PNG"):
        decode_line(line, memory)


def test_what_was_promised_and_is_not_there_is_no_reply() -> None:
    line, memory = encode_line()
    with pytest.raises(ValueError, match=r"."):
        decode_record_reply(
            line, lambda start, count: memory[start : start + count][:50], PICTURE.sha256
        )


@given(st.binary(max_size=400))
def test_no_bytes_are_more_than_no_reply(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_line(line, make_memory())
