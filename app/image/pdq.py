"""PDQ: the perceptual hash that ThreatExchange and HMA exchange, 256 bits of what a picture shows.

Facebook 2019, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm": luma is
blurred by two box filters along each axis (Jarosz), sampled at 64 × 64 centres, and of its cosine
transform the frequencies 1 to 16 along each axis are compared with their median. Copies of a
picture differ in up to 31 bits, different pictures in about 128.

Filters and sampling are linear along each axis: every sample is a weighted sum of a few rows, and
then of a few columns.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final, NamedTuple

import cv2
import numpy as np

from app.arrays import FloatImage, RgbArray

GRID: Final = 64
FREQUENCIES: Final = 16
MIN_SIDE_PX: Final = 5
"""Smaller pictures have no hash: all bits 0, quality 0."""
_GRADIENT_DIVISOR: Final = 90
"""The sum of quantized gradients that makes one percent of quality; 100 at most."""
_BITS: Final = FREQUENCIES * FREQUENCIES


class PdqHash(NamedTuple):
    """``hex``: 64 digits. ``quality``: 0 (flat) to 100."""

    hex: str
    quality: int


def pdq_hash(rgb: RgbArray) -> PdqHash:
    """The PDQ hash of ``rgb``, uint8 (H, W, 3)."""
    height, width = rgb.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        return PdqHash("0" * (_BITS // 4), 0)
    luma = np.asarray(cv2.cvtColor(rgb.astype(np.float32), cv2.COLOR_RGB2GRAY), np.float32)
    grid = _sample_rows(_sample_rows(luma).T).T
    spectrum = _COSINES @ grid @ _COSINES.T
    median = np.partition(spectrum.ravel(), _BITS // 2 - 1)[_BITS // 2 - 1]
    bits = (spectrum > median).ravel()[::-1]  # the highest frequency is the first digit
    return PdqHash(np.packbits(bits).tobytes().hex(), _quality(grid))


def _sample_rows(image: FloatImage) -> FloatImage:
    """``image`` (n, m) filtered along its columns and sampled at 64 rows: (64, m)."""
    out = np.empty((GRID, image.shape[1]), np.float32)
    for sample, (rows, weights) in zip(out, _sampling_weights(len(image)), strict=True):
        np.matmul(weights, image[rows], out=sample)
    return out


@lru_cache(maxsize=64)
def _sampling_weights(length: int) -> tuple[tuple[slice, FloatImage], ...]:
    """For each of 64 samples along an axis: the inputs that it is a sum of, and their weights."""
    if length == GRID:
        return tuple((slice(i, i + 1), np.ones(1, np.float32)) for i in range(GRID))
    width = -(-length // (2 * GRID))
    after = (width + 2) // 2
    # At the ends the window is cut, not padded.
    windows = [range(max(0, i + after - width), min(length, i + after)) for i in range(length)]
    samples = []
    for number in range(GRID):
        outer = windows[int((number + 0.5) * length / GRID)]
        start, stop = windows[outer[0]].start, windows[outer[-1]].stop
        weights = np.zeros(stop - start)
        for inner in (windows[i] for i in outer):
            weights[inner.start - start : inner.stop - start] += 1 / (len(outer) * len(inner))
        samples.append((slice(start, stop), weights.astype(np.float32)))
    return tuple(samples)


def _cosine_matrix() -> FloatImage:
    """(16, 64): frequencies 1 to 16 of the cosine transform."""
    frequency = np.arange(1, FREQUENCIES + 1)[:, None]
    phase = math.pi / (2 * GRID) * (2 * np.arange(GRID) + 1)
    matrix: FloatImage = (math.sqrt(2.0 / GRID) * np.cos(frequency * phase)).astype(np.float32)
    matrix.setflags(write=False)
    return matrix


_COSINES: Final = _cosine_matrix()


def _quality(grid: FloatImage) -> int:
    """How much the 64 × 64 samples vary, 0 to 100."""
    gradients = (np.diff(grid, axis=axis) * np.float32(100) / np.float32(255) for axis in (0, 1))
    total = sum(int(np.abs(np.trunc(g)).sum()) for g in gradients)
    return min(100, total // _GRADIENT_DIVISOR)
