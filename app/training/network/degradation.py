"""What happens to the pixels of a sample: blur, colour, grey, JPEG, enlargement.

Both classes get the same, at random, so that a collector's habits carry no information.
"""

from __future__ import annotations

import cv2
import numpy as np

from app.arrays import FloatImage, RgbArray


def degrade(rng: np.random.Generator, pixels: RgbArray) -> RgbArray:
    """Randomly blur or sharpen, recolour, convert to grey, recompress."""
    chance = rng.random()
    if chance < 0.15:
        pixels = _as_uint8(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, 0.9)))
    elif chance < 0.22:
        amount = rng.uniform(0.2, 0.8)
        blurred = cv2.GaussianBlur(pixels, (0, 0), 1.0)
        pixels = _as_uint8(cv2.addWeighted(pixels, 1.0 + amount, blurred, -amount, 0.0))
    if rng.random() < 0.7:
        pixels = _jitter_colour(rng, pixels.astype(np.float32))
    if rng.random() < 0.05:
        pixels = _as_uint8(
            cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        )
    if rng.random() < 0.85:
        pixels = recompress(pixels, int(rng.integers(35, 96)) if rng.random() < 0.8 else 80)
    return pixels


def _jitter_colour(rng: np.random.Generator, pixels: FloatImage) -> RgbArray:
    if rng.random() < 0.5:
        grey = pixels.mean(axis=2, keepdims=True)
        pixels = grey + (pixels - grey) * np.float32(rng.uniform(0.6, 1.35))
    if rng.random() < 0.4:
        pixels = pixels * rng.uniform(0.93, 1.07, 3).astype(np.float32)
    contrast, brightness = rng.uniform(0.8, 1.2), rng.uniform(-18.0, 18.0)
    return _as_uint8(np.clip((pixels - 128.0) * contrast + 128.0 + brightness, 0.0, 255.0))


def recompress(pixels: RgbArray, quality: int) -> RgbArray:
    """Through JPEG and back."""
    _, data = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[:, :, ::-1])


def enlarge(pixels: RgbArray, factor: float) -> RgbArray:
    """``pixels`` enlarged by ``factor``; unchanged for 1."""
    if factor <= 1.0:
        return pixels
    size = round(pixels.shape[1] * factor), round(pixels.shape[0] * factor)
    return _as_uint8(cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC))


def crop_or_pad(pixels: RgbArray, width: int, height: int) -> RgbArray:
    """Exactly ``width`` by ``height``: cropped, or padded by repeating the last row and column."""
    pixels = pixels[:height, :width]
    below, beside = height - pixels.shape[0], width - pixels.shape[1]
    if below or beside:
        pixels = _as_uint8(cv2.copyMakeBorder(pixels, 0, below, 0, beside, cv2.BORDER_REPLICATE))
    return pixels


def _as_uint8(array: object) -> RgbArray:
    return np.ascontiguousarray(array, dtype=np.uint8)
