"""Drawings as WebP: within their bounds, and the same every time."""

import io

import numpy as np
from PIL import Image

from app.render.webp import encode_webp, transcode_to_png

NOISE = np.random.default_rng(1).integers(0, 256, (60, 90, 3), dtype=np.uint8)
FLAT = np.full((60, 90, 3), (10, 200, 90), dtype=np.uint8)


def test_what_fits_is_kept_as_it_is_and_comes_out_as_png() -> None:
    webp = encode_webp(FLAT, 10_000)
    assert webp == encode_webp(FLAT, 10_000)
    with Image.open(io.BytesIO(transcode_to_png(webp)), formats=("PNG",)) as image:
        pixels = np.asarray(image)
    assert np.abs(pixels.astype(int) - FLAT).max() <= 4


def test_what_is_too_large_loses_detail_and_then_all() -> None:
    best = encode_webp(NOISE, 1_000_000)
    worse = encode_webp(NOISE, len(best) - 1)
    assert 0 < len(worse) < len(best)
    assert encode_webp(NOISE, 100) == b""
