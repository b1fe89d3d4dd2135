"""Damaged and arbitrary bytes: nothing but AvatarError gets out of decoding."""

import csv
import io
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from app.errors import ImageTruncated, RequestError
from app.image.picture import PICTURE_FORMATS, decode

HOSTILE = Path(__file__).resolve().parents[2] / "fixtures" / "faces" / "hostile"
HOSTILE_CODES = {
    row["file"]: row["expected"]
    for row in csv.DictReader((HOSTILE / "manifest.csv").read_text("utf-8").splitlines())
}


def read_hostile(name: str) -> bytes:
    return (HOSTILE / name).read_bytes()


def save_image(image: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def decode_outcome(data: bytes) -> str:
    try:
        decode(data)
    except RequestError as error:
        return error.code
    return "ok"


@pytest.mark.parametrize("kind", PICTURE_FORMATS)
def test_no_cut_gets_anything_else_out(kind):
    whole = save_image(Image.effect_noise((40, 40), 60).convert("RGB"), kind)
    answers = {
        decode_outcome(whole[:end]) for end in range(0, len(whole), max(1, len(whole) // 150))
    }
    assert answers <= {"not_an_image", "image_truncated", "ok"}
    assert "image_truncated" in answers


def test_damage_names_its_cause():
    with pytest.raises(ImageTruncated) as caught:
        decode(read_hostile("truncated.jpg"))
    assert isinstance(caught.value.__cause__, OSError)


@given(st.binary(max_size=200))
def test_arbitrary_bytes(data):
    assert isinstance(decode_outcome(data), str)


@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\x20\0\0\0WEBPVP8X"])
    | st.just(b"\0\0\0\x14ftypavif\0\0\0\0avif\0\0\0\x20meta"),
    st.binary(max_size=120),
)
def test_arbitrary_bytes_behind_a_signature(signature, data):
    assert decode_outcome(signature + data) in {
        "image_truncated",
        "image_bomb",
        "image_unsupported",
        "ok",
    }


DECODABLE = sorted(
    name for name, code in HOSTILE_CODES.items() if code == "ok" and "bomb" not in name
)


@settings(max_examples=400)
@given(st.sampled_from(DECODABLE), st.data())
def test_mutated_files(name, data):
    mutated = bytearray(read_hostile(name))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(mutated) - 1))
        action = data.draw(st.sampled_from(["flip", "insert", "delete", "cut"]))
        if action == "flip":
            mutated[at] ^= 1 << data.draw(st.integers(0, 7))
        elif action == "insert":
            mutated[at:at] = data.draw(st.binary(min_size=1, max_size=8))
        elif action == "delete" and len(mutated) > 8:
            del mutated[at : min(at + 4, len(mutated) - 1)]
        elif at:
            del mutated[at:]
    assert decode_outcome(_fix_checksums(bytes(mutated))) in {*HOSTILE_CODES.values()}


def _fix_checksums(data: bytes) -> bytes:
    """``data``, if it is a PNG, with good checksums: bad ones hide what comes behind."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    parts, at = [data[:8]], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        body = data[at + 4 : at + 8 + length]
        parts.append(data[at : at + 4] + body + struct.pack(">I", zlib.crc32(body)))
        at += 12 + length
    return b"".join(parts)
