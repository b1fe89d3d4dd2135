"""Samples of the face network: whole faces at one small size, as ``texture`` reads them."""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np

from app.arrays import RgbArray
from app.face.alignment import Box
from app.face.crop import SMALL_CROP_SIDE_PX
from app.networks.regions import LOWEST_Y
from app.training.network.augmentation import LARGEST_SIDE_PX, BatchSampler, crop_or_pad

SMALLEST_FACE_PX: Final = 40
_SMALLEST_SHARE: Final = 0.7
_WHOLE_SHARE: Final = 0.6
"""How often a side of the face is shown whole; else a part, as where the picture ends there."""


class FaceSampler(BatchSampler):
    """Draws whole faces; reproducible by ``seed``."""

    def sample_windows(self, count: int) -> tuple[list[RgbArray], list[int]]:
        """Faces of one size, half of them generated: all of the face crop, or the same share."""
        labels = [i % 2 for i in range(count)]
        shares = self._draw_share(), LOWEST_Y * self._draw_share()
        return [self._draw_face(*shares, generated=bool(label)) for label in labels], labels

    def _draw_share(self) -> float:
        if self._happens(_WHOLE_SHARE):
            return 1.0
        return float(self._rng.uniform(_SMALLEST_SHARE, 1.0))

    def _draw_face(self, width: float, height: float, *, generated: bool) -> RgbArray:
        side = self._draw_face_side()
        index = self._groups.draw(self._rng, side, generated=generated)
        left, top, right, bottom = self._crops.records[index].visible
        x = self._draw_start(left, right, width)
        y = self._draw_start(top, min(bottom, LOWEST_Y), height)
        rect = Box(x, y, min(1.0, x + width), min(1.0, y + height))
        pixels = crop_or_pad(self._render_patch(index, side, rect), *_size(width, height, side))
        interpolation = cv2.INTER_AREA if side > SMALL_CROP_SIDE_PX else cv2.INTER_CUBIC
        size = _size(width, height, SMALL_CROP_SIDE_PX)
        return np.asarray(cv2.resize(pixels, size, interpolation=interpolation), dtype=np.uint8)

    def _draw_face_side(self) -> int:
        """Half of them at least as large as they are read, half smaller."""
        low, high = (
            (SMALL_CROP_SIDE_PX, LARGEST_SIDE_PX)
            if self._happens(0.5)
            else (SMALLEST_FACE_PX, SMALL_CROP_SIDE_PX)
        )
        return int(math.exp(self._rng.uniform(math.log(low), math.log(high))))


def _size(width: float, height: float, side: int) -> tuple[int, int]:
    return round(width * side), round(height * side)
