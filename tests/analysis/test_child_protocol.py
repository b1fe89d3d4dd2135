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

from app.analysis.child_protocol import read, refused, written
from app.analysis.record import Looked
from app.image.sandbox.protocol import MAX_REPLY_BYTES
from app.image.thumbnails import TILE_PX, encoded
from app.records import Finding

THUMBNAIL = np.random.default_rng(1).integers(0, 256, (90, 128, 3), dtype=np.uint8)
TILE = np.random.default_rng(2).integers(0, 256, (TILE_PX, TILE_PX, 3), dtype=np.uint8)
FINDING = Finding(
    sha256="ab" * 32,
    perceptual_hash="0123456789abcdef",
    outcome="scored",
    verdict="inconclusive",
    llr=0.25,
    eye_llr=-0.5,
    analysis=b'{"llr": 0.25}',
    width=640,
    height=450,
    eyes=(0.1, 0.2, 0.3, 0.4),
    square=(0.5, 0.5, 0.0, 0.01),
    template="ffhq",
    transform="untouched",
    distance=1.5,
    tile=TILE,
)
TIMINGS = {"decode": 1.0, "landmarks": 9.0, "checks": 20.5}
ROOM = 1_000_000


def memory() -> mmap.mmap:
    return mmap.mmap(-1, ROOM)


def told(finding: Finding = FINDING) -> tuple[bytes, mmap.mmap]:
    shared = memory()
    return written(Looked(finding, TIMINGS), THUMBNAIL, shared), shared


def heard(line: bytes, shared: mmap.mmap) -> Looked | tuple[str, str]:
    return read(line, lambda start, count: shared[start : start + count])


@pytest.mark.parametrize(
    "finding",
    [
        FINDING,
        replace(FINDING, eyes=None, square=None, template=None, transform=None, distance=None),
    ],
    ids=["a face", "no face"],
)
def test_a_finding_arrives_as_it_was_told(finding: Finding) -> None:
    line, shared = told(finding)
    assert len(line) <= MAX_REPLY_BYTES
    looked = heard(line, shared)
    assert isinstance(looked, Looked)
    assert looked.timings_ms == TIMINGS
    assert looked.finding.tile is not None
    np.testing.assert_array_equal(looked.finding.tile, TILE)
    assert {**vars(looked.finding), "tile": None} == {
        **vars(finding),
        "tile": None,
        "thumbnail": encoded(THUMBNAIL),
    }


@pytest.mark.parametrize("letter", ["a", "×", "\U0001f642", "\0"])
def test_why_there_is_none_arrives_too(letter: str) -> None:
    line = refused("image_bomb", letter * 10_000)
    assert len(line) <= MAX_REPLY_BYTES
    said = heard(line, memory())
    assert isinstance(said, tuple)
    assert said[0] == "image_bomb"
    assert said[1].startswith(letter * 100)


@pytest.mark.parametrize(
    "lie",
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
def test_what_cannot_be_is_no_reply(lie: dict[str, Any]) -> None:
    line, shared = told()
    said = json.loads(line)
    assert isinstance(heard(json.dumps(said).encode(), shared), Looked)
    said["found"].update(lie)
    with pytest.raises(ValueError, match=r"."):
        heard(json.dumps(said).encode(), shared)


@pytest.mark.parametrize("analysis", [b"[]", b"null", b'{"a"', b"\xff\xff", b"[" * 100_000])
def test_an_answer_that_is_none_is_not_kept(analysis: bytes) -> None:
    line, shared = told(replace(FINDING, analysis=analysis))
    with pytest.raises(ValueError, match=r"."):
        heard(line, shared)


def test_what_was_promised_and_is_not_there_is_no_reply() -> None:
    line, shared = told()
    with pytest.raises(ValueError, match=r"."):
        read(line, lambda start, count: shared[start : start + count][:50])


@given(st.binary(max_size=400))
def test_no_bytes_are_more_than_no_reply(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        heard(line, memory())
