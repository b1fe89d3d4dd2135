"""Colours: depth, profiles, transparency."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from app.image.picture import MID_GREY, WORKING_SIDE_PX, decode

HOSTILE = Path(__file__).resolve().parents[2] / "fixtures" / "faces" / "hostile"


def read_hostile(name: str) -> bytes:
    return (HOSTILE / name).read_bytes()


def save_image(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def test_sixteen_bits_are_scaled_not_clipped():
    gray = decode(read_hostile("16_bit.png")).gray
    assert np.abs(gray[4:].astype(int) - 127).max() <= 1
    assert gray[0].tolist() == [(value * 0x2000 + 128) // 257 for value in range(8)]


def test_cmyk_means_what_adobe_means():
    red, green, blue = decode(read_hostile("cmyk.jpg")).rgb[8, 8].tolist()
    assert red > 230
    assert max(green, blue) < 25


@pytest.mark.parametrize(
    ("name", "clear", "solid"),
    [
        ("hidden_rgb.png", (2, 2), (12, 2)),
        ("hidden_rgb.webp", (2, 2), (12, 2)),
        ("grey_alpha.png", (2, 2), (12, 2)),
        ("palette_alpha.png", (1, 1), (6, 1)),
        ("colour_key.png", (1, 1), None),
    ],
)
def test_transparency_shows_grey_and_never_what_hides(name, clear, solid):
    rgb = decode(read_hostile(name)).rgb
    assert rgb[clear].tolist() == [MID_GREY] * 3
    assert solid is None or rgb[solid].tolist() != [MID_GREY] * 3


def test_hidden_colours_have_no_influence():
    rng = np.random.default_rng(1)
    alpha = rng.integers(0, 3, (2000, 40, 1), dtype=np.uint8) * 127
    one, other = (rng.integers(0, 256, (2000, 40, 3), dtype=np.uint8) for _ in range(2))
    other = np.where(alpha == 0, other, one)
    pictures = [
        decode(save_image(Image.fromarray(np.concatenate([rgb, alpha], axis=2))))
        for rgb in (one, other)
    ]
    assert pictures[0].size[1] == WORKING_SIDE_PX  # shrinking must not mix hidden colours in
    assert np.array_equal(pictures[0].rgb, pictures[1].rgb)


def test_half_transparent_is_half_grey():
    rgb = decode(save_image(Image.new("RGBA", (4, 4), (255, 0, 0, 128)))).rgb
    assert np.abs(rgb[0, 0].astype(int) - [192, 64, 64]).max() <= 1


def test_profiles_are_applied():
    # A profile whose red and blue are exchanged, as only a reader of profiles can tell.
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"----").replace(b"bXYZ", b"rXYZ").replace(b"----", b"bXYZ")
    swapped = swapped.replace("sRGB".encode("utf-16-be"), "Test".encode("utf-16-be"))
    image = Image.new("RGB", (8, 8), (250, 10, 10))
    for kind in ("JPEG", "PNG", "WEBP", "AVIF"):
        red, _, blue = decode(save_image(image, kind, icc_profile=swapped)).rgb[4, 4].tolist()
        assert blue > 200, kind
        assert red < 60, kind
        untouched = decode(save_image(image, kind, icc_profile=srgb)).rgb[4, 4].tolist()
        assert untouched[0] > 240, kind


def test_broken_profiles_change_nothing():
    plain = decode(read_hostile("exif_1.png")).rgb
    for name in ("icc_corrupt.png", "iccp_bomb.png", "ztxt_bomb.png", "apng_corrupt.png"):
        assert np.array_equal(decode(read_hostile(name)).rgb, plain), name
