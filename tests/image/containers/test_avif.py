"""AVIF: whatever a file does to hide what it unpacks to, the size is found, or the file refused."""

from __future__ import annotations

import contextlib
import io
import re
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.errors import ImageBomb, RequestError
from app.image.containers import open_container
from app.image.containers.av1 import MAX_OBUS, frame_sizes
from app.image.containers.avif import read_avif
from app.image.containers.isobmff import MAX_BOXES, read_brands, walk_boxes
from tests.make_hostile_pictures import build_avif, build_box, build_overriding_stream

OVERRIDING_STREAM = build_overriding_stream(64, 3_000)
TEMPORAL_DELIMITER = b"\x12\x00"


def save_avif(size: tuple[int, int] = (37, 21), frames: int = 1, **options: Any) -> bytes:
    out = io.BytesIO()
    frame_images = [Image.effect_noise(size, 40 + i).convert("RGB") for i in range(frames)]
    frame_images[0].save(
        out, "AVIF", save_all=frames > 1, append_images=frame_images[1:], **options
    )
    return out.getvalue()


def with_tiny_box_sizes(avif: bytes) -> bytes:
    """``avif`` whose boxes state one pixel, wherever they state a size."""
    one = struct.pack(">II", 1, 1)
    return re.sub(rb"(ispe....).{8}", lambda found: found[1] + one, avif, flags=re.DOTALL)


def av1_stream(avif: bytes) -> bytes:
    return avif[avif.index(b"mdat") + 4 :]


@pytest.mark.parametrize("options", [{}, {"subsampling": "4:4:4"}, {"speed": 4}, {"quality": 100}])
def test_the_stream_is_believed_not_the_box(options: dict[str, Any]) -> None:
    assert open_container(with_tiny_box_sizes(save_avif((320, 240), **options))).size == (320, 240)


def test_a_plain_stream_does_not_override() -> None:
    for frames in (1, 12):
        assert open_container(save_avif((320, 240), frames)).size == (320, 240)


def test_an_overriding_frame_counts_for_all_that_it_could_state() -> None:
    assert list(frame_sizes(OVERRIDING_STREAM)) == [(64, 64), (65_536, 65_536)]


def test_a_stream_in_pieces_is_put_together() -> None:
    """A header that is cut in two is none in either piece."""
    stream = av1_stream(save_avif((320, 240)))
    at = 8 + 24
    ftyp = b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00avifmif1"
    extents = struct.pack(">HHHIIII", 1, 0, 2, at, 4, at + 4, len(stream) - 4)
    iloc = b"\x00\x00\x00\x00\x44\x00\x00\x01" + extents
    file = (
        ftyp + build_box(b"mdat", stream) + build_box(b"meta", bytes(4) + build_box(b"iloc", iloc))
    )
    assert read_avif(file).size == (320, 240)


def test_boxes_that_count_their_length_in_64_bits_are_walked() -> None:
    inner = build_box(b"meta", bytes(4) + build_box(b"free", b"abc"))
    long = struct.pack(">I4sQ", 1, b"moov", 16 + len(inner)) + inner
    assert [kind for kind, _, _ in walk_boxes(long + build_box(b"free", b""))] == [
        b"moov", b"meta", b"free", b"free",
    ]  # fmt: skip


def test_an_animation_is_found_by_offsets_of_64_bits() -> None:
    avif = with_tiny_box_sizes(save_avif((90, 50), frames=3))
    at = avif.index(b"stco") - 4
    (length,) = struct.unpack_from(">I", avif, at)
    body = avif[at + 8 : at + length]
    offset = body[8:12]
    wide = build_box(b"moov", build_box(b"stbl", build_box(b"co64", body[:8] + bytes(4) + offset)))
    sizes = build_box(b"stbl", build_box(b"stsz", struct.pack(">III", 0, 5_000, 3)))
    only = avif[: avif.index(b"meta") - 4] + avif[avif.index(b"mdat") - 4 :]
    moved = len(avif) - len(only)
    shifted = wide.replace(offset, struct.pack(">I", struct.unpack(">I", offset)[0] - moved))
    assert read_avif(only + shifted + sizes).size == (90, 50)


@pytest.mark.parametrize(
    "file",
    [
        build_avif(TEMPORAL_DELIMITER * (MAX_OBUS + 1) + OVERRIDING_STREAM),
        build_avif(TEMPORAL_DELIMITER)
        + build_box(b"free", b"") * MAX_BOXES
        + build_box(b"moov", b""),
        build_avif(b"\x0a\x00" * 90, pieces=1_001),
        build_avif(*[TEMPORAL_DELIMITER] * 1_001),
    ],
    ids=["behind many units", "behind many boxes", "many pieces", "many items"],
)
def test_what_is_hidden_behind_too_much_is_not_followed(file: bytes) -> None:
    with pytest.raises(ImageBomb):
        read_avif(file)


def test_layers_add_up() -> None:
    stream = av1_stream(save_avif((100, 50)))
    assert read_avif(build_avif(*[stream] * 7)).decode_cost_px == 7 * 100 * 50


def test_a_grid_has_the_size_that_it_states() -> None:
    narrow = struct.pack(">BBBBHH", 0, 0, 3, 3, 400, 300)
    wide = struct.pack(">BBBBII", 0, 1, 3, 3, 70_000, 300)
    assert read_avif(build_avif(narrow)).size == (400, 300)
    assert read_avif(build_avif(wide)).size == (70_000, 300)


@given(st.binary(max_size=300))
def test_any_boxes_can_be_read(tail: bytes) -> None:
    ftyp = b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00avifmif1"
    assert read_brands(ftyp + tail) >= {b"avif"}
    with contextlib.suppress(RequestError):
        assert open_container(ftyp + tail).format == "AVIF"


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=30)), max_size=8))
def test_any_units_can_be_read(units: list[tuple[int, bytes]]) -> None:
    stream = b"".join(bytes([head, len(body)]) + body for head, body in units)
    for width, height in frame_sizes(stream):
        assert 1 <= width <= 65_536
        assert 1 <= height <= 65_536


def with_meta_box(avif: bytes, *boxes: bytes) -> bytes:
    """``avif`` with further boxes at the end of its ``meta``, which must be its last box."""
    at = avif.rindex(b"meta") - 4
    return avif[:at] + build_box(b"meta", avif[at + 8 :] + b"".join(boxes))


@pytest.mark.parametrize(
    "hidden",
    [
        lambda avif: build_avif(TEMPORAL_DELIMITER)[24:] + avif,
        lambda avif: avif + build_avif(TEMPORAL_DELIMITER)[24:],
        lambda avif: avif + build_box(b"idat", OVERRIDING_STREAM),
        lambda avif: avif + build_box(b"moov", build_box(b"iloc", bytes(8))),
        lambda avif: with_meta_box(avif, build_box(b"idat", b""), build_box(b"idat", b"")),
        lambda avif: with_meta_box(avif, build_box(b"iloc", bytes(8))),
        lambda avif: with_meta_box(avif, build_box(b"ipco", build_box(b"idat", b""))),
    ],
    ids=["first meta", "second meta", "idat", "iloc", "two idat", "two iloc", "idat elsewhere"],
)
def test_a_file_with_two_readings_is_refused(hidden: Callable[[bytes], bytes]) -> None:
    plain = build_avif(TEMPORAL_DELIMITER)
    assert read_avif(with_meta_box(plain, build_box(b"idat", b""))).size == (64, 64)
    with pytest.raises(ImageBomb, match="more than once"):
        read_avif(plain[:24] + hidden(plain[24:]))


def test_an_item_lies_in_the_data_of_its_own_meta() -> None:
    stream = av1_stream(save_avif((320, 240)))
    extents = struct.pack(">HHHHII", 1, 1, 0, 1, 0, len(stream))
    iloc = b"\x01\x00\x00\x00\x44\x00\x00\x01" + extents
    meta = bytes(4) + build_box(b"iloc", iloc) + build_box(b"idat", stream)
    ftyp = b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00avifmif1"
    assert read_avif(ftyp + build_box(b"meta", meta)).size == (320, 240)


def test_an_animation_with_exif_in_its_track_is_read() -> None:
    exif = Image.Exif()
    exif[0x0110] = "Camera"
    avif = save_avif((90, 50), frames=3, exif=exif.tobytes())
    assert avif.count(b"meta") > 1
    assert open_container(avif).size == (90, 50)
