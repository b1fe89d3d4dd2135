"""Drawings as JPEG: within their bounds, the same every time, and read back, old ones too."""

import io

import numpy as np
import pytest
from PIL import Image

from app.render.jpeg import encode_jpeg_within, kept_format, png_to_jpeg, transcode_to_png
from app.render.png import encode_png

NOISE = np.random.default_rng(1).integers(0, 256, (60, 90, 3), dtype=np.uint8)
COLOUR = (10, 200, 90)
FLAT = np.full((60, 90, 3), COLOUR, dtype=np.uint8)


def webp_of_an_older_version() -> bytes:
    file = io.BytesIO()
    Image.fromarray(FLAT).save(file, "WEBP", quality=60)
    return file.getvalue()


@pytest.mark.parametrize(
    ("drawing", "kind"),
    [(encode_jpeg_within(FLAT, 10_000), "jpeg"), (webp_of_an_older_version(), "webp")],
)
def test_what_is_kept_comes_out_as_png(drawing: bytes, kind: str) -> None:
    assert kept_format(drawing) == kind
    with Image.open(io.BytesIO(transcode_to_png(drawing)), formats=("PNG",)) as image:
        pixels = np.asarray(image)
    assert pixels.shape == FLAT.shape
    assert np.abs(pixels.astype(int) - FLAT).max() <= 4


def test_what_is_too_large_loses_detail_and_then_all() -> None:
    best = encode_jpeg_within(NOISE, 1_000_000)
    assert best == encode_jpeg_within(NOISE, 1_000_000)
    worse = encode_jpeg_within(NOISE, len(best) - 1)
    assert 0 < len(worse) < len(best)
    assert encode_jpeg_within(NOISE, 100) == b""


def test_a_png_becomes_a_jpeg_of_the_same_pixels() -> None:
    with Image.open(io.BytesIO(png_to_jpeg(encode_png(FLAT))), formats=("JPEG",)) as image:
        assert np.abs(np.asarray(image).astype(int) - FLAT).max() <= 2


def test_what_is_no_drawing_is_refused() -> None:
    with pytest.raises(ValueError, match="not a drawing"):
        transcode_to_png(b"RIFFnothing")
