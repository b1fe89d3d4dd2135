"""An answer as lists keep it, and as a caller gets it."""

from __future__ import annotations

import base64

import pytest

from app.analysis.record import (
    build_record,
    complete_answer,
    decode_answer,
    encode_answer,
    unrounded_numbers,
)
from app.analysis.serialize import serialize_analysis
from app.evidence import Outcome
from app.image.picture import decode
from app.image.thumbnails import average_tile, thumbnail_jpeg
from app.records import PictureRecord
from tests.api.stub_analyzer import picture_bytes, stub_analysis

PICTURE = decode(picture_bytes())
ANALYSIS = stub_analysis(PICTURE)
ANSWER = serialize_analysis(ANALYSIS, prior=0.5, base_rate=0.0005)
TIMINGS = {"decode": 1.04, "landmarks": 2.0, "checks": 3.0, "overlay": 4.0}


def make_record(overlay: bytes = b"") -> PictureRecord:
    return build_record(
        ANSWER,
        encode_answer(ANSWER),
        unrounded_numbers(ANALYSIS),
        thumbnail=thumbnail_jpeg(PICTURE),
        tile=average_tile(PICTURE),
        overlay=overlay,
        timings_ms=TIMINGS,
    )


def test_what_is_stored_comes_back() -> None:
    assert decode_answer(encode_answer(ANSWER)) == ANSWER
    assert b'"id"' not in encode_answer(ANSWER)


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"[]",
        b"null",
        b'{"a"',
        b"{}",
        b"\xff\xff",
        b"[" * 100_000,
        b"x" + encode_answer(ANSWER)[1:],
        encode_answer(ANSWER)[:-1] + b',"id":"an_1"}',
        encode_answer(ANSWER)[:-1] + b',"custom_id":"@bob"}',
        encode_answer(ANSWER)[:-1] + b',"overlay":"data:"}',
        encode_answer(ANSWER)[:-1] + b',"more":1}',
    ],
)
def test_anything_else_is_refused(stored: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_answer(stored)


def test_a_record_holds_the_answer_s_numbers() -> None:
    record = make_record()
    assert ANALYSIS.face is not None
    assert (record.outcome, record.verdict, record.llr) == (Outcome.SCORED, ANALYSIS.verdict, 3.7)
    assert record.eye_llr == 3.7
    assert record.eyes == tuple((ANALYSIS.face.eyes / ANALYSIS.size).ravel())
    assert (record.width, record.height) == PICTURE.declared_size
    assert (record.template, record.transform, record.distance) == ("ffhq", "untouched", 0.8)


def test_a_record_without_payload_keeps_its_numbers() -> None:
    bare = make_record(b"png").without_payload()
    assert (bare.analysis, bare.thumbnail, bare.tile, bare.overlay) == (b"", b"", None, b"")
    assert (bare.sha256, bare.llr) == (ANSWER.image.sha256, 3.7)


def test_a_caller_gets_a_name_and_timings() -> None:
    answer = complete_answer(make_record(), custom_id="@alice", fetch_ms=7.96)
    assert answer.id.startswith("an_")
    assert answer.id != complete_answer(make_record()).id
    assert answer.custom_id == "@alice"
    assert answer.timings_ms is not None
    assert answer.timings_ms.model_dump() == {
        "fetch": 8.0,
        "decode": 1.0,
        "landmarks": 2.0,
        "checks": 3.0,
    }
    assert answer.overlay is None
    assert answer.model_copy(update={"id": "", "custom_id": None, "timings_ms": None}) == ANSWER


def test_an_overlay_is_a_data_uri() -> None:
    answer = complete_answer(make_record(b"png"))
    assert answer.overlay is not None
    head, _, data = answer.overlay.partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(data) == b"png"
