"""Containers: sizes are known before pixels are, and only pixels are handed on."""

import contextlib
import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.errors import ImageBomb, ImageTruncated, ImageUnsupported, NotAnImage
from app.image.containers import open_container
from app.image.containers.av1 import frame_sizes
from app.image.containers.exif import read_orientation
from app.image.containers.formats import detect_format
from app.image.picture import DecodeLimits, decode


def save_image(kind: str, size: tuple[int, int] = (37, 21), **options: object) -> bytes:
    out = io.BytesIO()
    Image.radial_gradient("L").resize(size).convert("RGB").save(out, kind, **options)
    return out.getvalue()


def decode_pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB").tobytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
@pytest.mark.parametrize("size", [(1, 1), (37, 21), (300, 2)])
def test_size_and_pixels_survive(kind, size):
    data = save_image(kind, size)
    container = open_container(data)
    assert (container.format, container.size) == (kind, size)
    assert not container.animated
    assert decode_pixels(container.stripped_file) == decode_pixels(data)


@pytest.mark.parametrize("options", [{"lossless": True}, {"exif": b"Exif\0\0II*\0"}])
def test_webp_in_its_other_shapes(options):
    assert open_container(save_image("WEBP", **options)).size == (37, 21)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF"])
def test_comments_are_not_handed_on(kind):
    at = {"JPEG": 2, "PNG": 33, "GIF": None}[kind]
    data = save_image(kind)
    if at is None:
        at = data.index(b",", 13)
        while is_no_frame(data, at):
            at = data.index(b",", at + 1)
    note = {
        "JPEG": b"\xff\xfe\x00\x0bFIND-ME!!",
        "PNG": struct.pack(">I", 9) + b"tEXtFIND-ME!!" + bytes(4),
        "GIF": b"!\xfe\x09FIND-ME!!\x00",
    }[kind]
    container = open_container(data[:at] + note + data[at:])
    assert b"FIND-ME" not in container.stripped_file
    assert decode_pixels(container.stripped_file) == decode_pixels(data)


def is_no_frame(gif: bytes, at: int) -> bool:
    """Whether the comma at ``at`` does not begin the frame."""
    return gif[at + 1 : at + 9] != struct.pack("<4H", 0, 0, 37, 21)


def test_many_scans_are_a_bomb():
    data = save_image("JPEG", progressive=True)
    at = data.rindex(b"\xff\xda")
    with pytest.raises(ImageBomb):
        open_container(data[:at] + data[at:-2] * 101 + data[-2:])


@pytest.mark.parametrize("scans", [1, 7])
def test_every_scan_is_work(scans):
    data = save_image("JPEG", (160, 80), progressive=True)
    at, had = data.rindex(b"\xff\xda"), data.count(b"\xff\xda")
    container = open_container(data[:at] + data[at:-2] * scans + data[-2:])
    assert container.decode_cost_px == 160 * 80 * (had - 1 + scans) // 4


def test_many_parts_are_a_bomb(monkeypatch):
    for module in ("jpeg", "png", "gif"):
        monkeypatch.setattr(f"app.image.containers.{module}.MAX_PARTS", 1)
    for kind in ("JPEG", "PNG", "GIF"):
        with pytest.raises(ImageBomb):
            open_container(save_image(kind, (300, 300)))


def test_megabytes_of_fill_are_walked_once():
    fill = b"\xff" * 3_000_000
    with pytest.raises(ImageTruncated):
        open_container(b"\xff\xd8" + fill)
    data = save_image("JPEG")
    assert (
        open_container(data[:2] + fill + data[2:]).stripped_file
        == open_container(data).stripped_file
    )


def test_profile_in_two_segments_is_joined_in_their_order():
    data = save_image("JPEG")
    halves = [
        struct.pack(">BBH", 0xFF, 0xE2, 2 + 14 + 4) + b"ICC_PROFILE\x00" + bytes([n, 2]) + text
        for n, text in ((2, b"WXYZ"), (1, b"ABCD"))
    ]
    assert open_container(data[:2] + b"".join(halves) + data[2:]).icc_profile == b"ABCDWXYZ"
    assert open_container(data[:2] + halves[0] + data[2:]).icc_profile is None


def test_avif_stream_tells_the_real_size():
    data = bytearray(save_image("AVIF", (320, 240)))
    at = data.index(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", 8, 8)
    assert open_container(bytes(data)).size == (320, 240)


def test_avif_animation_tells_its_size():
    out = io.BytesIO()
    frames = [Image.new("RGB", (90, 50), colour) for colour in ("red", "blue")]
    frames[0].save(out, "AVIF", save_all=True, append_images=frames[1:])
    assert open_container(out.getvalue()).size == (90, 50)


@given(st.binary(max_size=80))
def test_any_stream_can_be_walked(data):
    for width, height in frame_sizes(data):
        assert 1 <= width <= 65_536
        assert 1 <= height <= 65_536


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_in_both_byte_orders(value, order):
    head = b"II*\x00" if order == "<" else b"MM\x00*"
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, value, 0)
    block = head + struct.pack(order + "IH", 8, 1) + entry
    assert read_orientation(block) == read_orientation(b"Exif\x00\x00" + block) == value


@pytest.mark.parametrize("value", [0, 9, 65_535])
def test_orientation_out_of_range_says_nothing(value):
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, value, 0)
    assert read_orientation(b"II*\x00" + struct.pack("<IH", 8, 1) + entry) == 1


@given(st.binary(max_size=60))
def test_any_exif_can_be_read(block):
    assert 1 <= read_orientation(b"II*\x00" + block) <= 8
    assert 1 <= read_orientation(block) <= 8


def test_html_with_a_drawing_in_it_is_no_picture():
    with pytest.raises(NotAnImage):
        detect_format(b"<!doctype html><body><svg></svg>")


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_no_picture(data):
    with pytest.raises((NotAnImage, ImageUnsupported)):
        detect_format(b"\x00\x01\x02" + data)


def jpeg_decoy():
    """A small frame header before that of a large picture."""
    data = save_image("JPEG", (400, 300))
    at = data.index(b"\xff\xc0")
    frame = bytearray(data[at : at + 19])
    frame[5:9] = struct.pack(">HH", 2, 2)
    return data[:at] + bytes(frame) + data[at:]


def png_decoy():
    """A header that says 2 × 2 before the one that is followed."""
    data = save_image("PNG", (400, 300))
    small = save_image("PNG", (2, 2))
    return small[:33] + data[8:]


def webp_decoy():
    """A canvas of 2 × 2 around a larger frame."""
    data = save_image("WEBP", (400, 300))
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + bytes([1, 0, 0, 1, 0, 0])
    body = b"WEBP" + canvas + data[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def gif_decoy():
    """A screen of 2 × 2 under a larger frame."""
    data = bytearray(save_image("GIF", (400, 300)))
    data[6:10] = struct.pack("<HH", 2, 2)
    return bytes(data)


def avif_decoy():
    """A box that says 2 × 2 over a larger stream."""
    data = bytearray(save_image("AVIF", (400, 300)))
    at = data.index(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", 2, 2)
    return bytes(data)


@pytest.mark.parametrize("decoy", [jpeg_decoy, png_decoy, webp_decoy, gif_decoy, avif_decoy])
def test_where_header_and_decoder_could_disagree_the_header_says_no_less(decoy):
    data = decoy()
    size = open_container(data).size
    assert size is not None
    width, height = size
    with contextlib.suppress(ImageTruncated):  # where the decoder refuses it as well
        picture = decode(data)
        assert picture.declared_size[0] * picture.declared_size[1] <= width * height
    if (width, height) == (400, 300):
        with pytest.raises(ImageBomb):
            decode(data, DecodeLimits(max_pixels=100_000))
