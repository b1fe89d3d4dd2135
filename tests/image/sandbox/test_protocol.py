"""What a child says is data, whoever speaks for it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.image.sandbox.protocol import MAX_REPLY_BYTES, Reply, decode_reply, encode_reply

VALID_REPLY: dict[str, Any] = {
    "code": "",
    "detail": "",
    "format": "PNG",
    "animated": False,
    "size": [4, 3],
    "declared_size": [8, 6],
}


def test_a_reply_arrives_as_it_was_written() -> None:
    reply = Reply(format="PNG", animated=True, size=(4, 3), declared_size=(8, 6))
    assert decode_reply(encode_reply(reply)) == reply
    assert decode_reply(encode_reply(Reply("too_large", "2 × 3"))) == Reply("too_large", "2 × 3")


@pytest.mark.parametrize("letter", ["a", "×", "\U0001f642", "\0"])
def test_a_long_detail_is_cut_and_the_rest_arrives(letter: str) -> None:
    line = encode_reply(Reply("image_unsupported", letter * 10_000))
    assert len(line) <= MAX_REPLY_BYTES
    assert decode_reply(line).detail.startswith(letter * 100)


@pytest.mark.parametrize(
    "lie",
    [
        {"size": [float("inf"), 1]},
        {"size": [0, 0]},
        {"size": [1601, 1]},
        {"size": [1, 2, 3]},
        {"declared_size": [-1, 4]},
        {"format": "EXE"},
        {"size": None},
    ],
)
def test_what_cannot_be_is_no_reply(lie: dict[str, Any]) -> None:
    assert decode_reply(json.dumps(VALID_REPLY).encode()).format == "PNG"
    with pytest.raises(ValueError, match=r"."):
        decode_reply(json.dumps({**VALID_REPLY, **lie}).encode())


@pytest.mark.parametrize("line", [b"[" * 4000, b"{", b"[]", b"1", b"\xff", b"", b"{}"])
def test_what_is_no_reply_is_said_to_be_none(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_reply(line)


@given(st.binary(max_size=400))
def test_no_bytes_are_more_than_no_reply(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_reply(line)


def test_a_detail_can_be_sent_on() -> None:
    line = json.dumps({**VALID_REPLY, "code": "image_bomb", "detail": "\ud800"}).encode()
    assert decode_reply(line).detail.encode("utf-8")


def test_a_child_loads_no_more_than_it_needs() -> None:
    program = (
        "import sys, app.image.sandbox.child as c; "
        "print(*{n.partition('.')[0] for n in sys.modules})"
    )
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(process.stdout.split())
    assert "PIL" in loaded
    assert not loaded & {"structlog", "asyncio", "subprocess", "ssl", "pydantic"}
