"""Samples of one training step: crops resized, recompressed and degraded at random.

The size is drawn before the class, so that resolution carries no information; both classes get the
same resizing, JPEG, blur and colour changes, so that a collector's habits carry none either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from app.arrays import FloatImage, RgbArray
from app.face.alignment import Box
from app.networks.region_score import MIN_BACKGROUND_SHARE
from app.networks.regions import (
    FULL_DETAIL_SIDE_PX,
    LOWEST_Y,
    PERSON_FILL,
    PERSON_THRESHOLD,
    REGION_RECTS,
    Region,
)
from app.training.network.crops import CropDataset
from app.training.network.sampling import GroupSampler

WINDOW_PX: Final = 192
FULL_SIDE_PX: Final = 392
SMALLEST_SIDE_PX: Final = 72
LARGEST_SIDE_PX: Final = 400
_MIN_DETAIL_PX: Final = 200
"""Smaller faces are enlarged to this before windows are cut, so that windows can still shift."""
_MAX_TILE_PX: Final = (208, 192)
_MARGIN_PX: Final = 6
_MIN_VISIBLE: Final = 0.7
_MAX_DRAWS: Final = 200
_INTERPOLATIONS: Final = (cv2.INTER_AREA, cv2.INTER_AREA, cv2.INTER_CUBIC, cv2.INTER_LINEAR)


class BatchSampler:
    """Draws batches; reproducible by ``seed``."""

    def __init__(self, crops: CropDataset, groups: GroupSampler, seed: int) -> None:
        self._crops = crops
        self._groups = groups
        self._seed = seed
        self._rng = np.random.default_rng(seed)

    def resume_at(self, step: int) -> None:
        """Reseed for ``step``, so that a resumed run does not repeat earlier samples."""
        self._rng = np.random.default_rng((self._seed, step))

    def sample_windows(self, count: int) -> tuple[list[RgbArray], list[int]]:
        """Windows of 192 px from anywhere in the face crop, half of them generated."""
        labels = [i % 2 for i in range(count)]
        return [self._draw_window(generated=bool(label)) for label in labels], labels

    def sample_tiles(self, region: Region, count: int) -> tuple[list[RgbArray], list[int]]:
        """Tiles of one region at one size, half of them generated."""
        side = FULL_SIDE_PX if self._happens(0.4) else self._draw_side()
        labels = [i % 2 for i in range(count)]
        return [self._draw_tile(region, side, generated=bool(label)) for label in labels], labels

    def _draw_side(self) -> int:
        chance = self._rng.random()
        if chance < 0.3:
            return FULL_SIDE_PX
        if chance < 0.5:
            return int(self._rng.integers(160, 260))
        low, high = math.log(SMALLEST_SIDE_PX), math.log(LARGEST_SIDE_PX)
        return int(math.exp(self._rng.uniform(low, high)))

    def _draw_window(self, *, generated: bool) -> RgbArray:
        side = self._draw_side()
        index = self._groups.draw(self._rng, side, generated=generated)
        if side > 120 and self._happens(0.25):  # or the scale of an aligned face would be a cue
            side = int(side * self._rng.uniform(0.8, 1.0))
        detail = side if side >= _MIN_DETAIL_PX else _MIN_DETAIL_PX
        share = WINDOW_PX / detail
        left, top, right, bottom = self._crops.records[index].visible
        lowest = min(bottom, LOWEST_Y)
        x, y = self._draw_start(left, right, share), self._draw_start(top, lowest, share)
        pixels = self._render_patch(
            index, side, Box(x, y, min(1.0, x + share), min(1.0, y + share))
        )
        return crop_or_pad(enlarge(pixels, detail / side), WINDOW_PX, WINDOW_PX)

    def _draw_start(self, low: float, high: float, share: float) -> float:
        if high - share > low:
            return float(self._rng.uniform(low, high - share))
        return max(0.0, min((low + high - share) / 2.0, 1.0 - share))

    def _draw_tile(self, region: Region, side: int, *, generated: bool) -> RgbArray:
        detail = max(side, FULL_DETAIL_SIDE_PX)
        rects = REGION_RECTS[region]
        full = int(rects[0].width * detail), int(rects[0].height * detail)
        size = min(full[0], _MAX_TILE_PX[0]), min(full[1], _MAX_TILE_PX[1])
        for _ in range(_MAX_DRAWS):
            index = self._groups.draw(self._rng, side, generated=generated)
            rect = rects[int(self._rng.integers(len(rects)))]
            if self._is_informative(index, region, rect):
                break
        shift = 0.0 if region is Region.BACKGROUND else 0.012
        x, y = (
            max(
                0.0,
                start + self._rng.uniform(0.0, spare / detail) + self._rng.uniform(-1, 1) * shift,
            )
            for start, spare in (
                (rect.left, full[0] - size[0]),
                (rect.top, full[1] - size[1]),
            )
        )
        window = Box(
            x, y, min(1.0, x + size[0] / detail + 0.01), min(1.0, y + size[1] / detail + 0.01)
        )
        pixels = self._render_patch(index, side, window, hide=region is Region.BACKGROUND)
        return crop_or_pad(enlarge(pixels, detail / side), *size)

    def _is_informative(self, index: int, region: Region, rect: Box) -> bool:
        left, top, right, bottom = self._crops.records[index].visible
        width = min(rect.right, right) - max(rect.left, left)
        height = min(rect.bottom, bottom) - max(rect.top, top)
        if max(0.0, width) * max(0.0, height) < _MIN_VISIBLE * rect.width * rect.height:
            return False
        if region is not Region.BACKGROUND:
            return True
        mask = self._crops.person_mask(index)
        edges = [int(edge * len(mask)) for edge in (rect.top, rect.bottom, rect.left, rect.right)]
        background = mask[edges[0] : edges[1], edges[2] : edges[3]]
        return float((background < PERSON_THRESHOLD * 255).mean()) >= MIN_BACKGROUND_SHARE

    def _render_patch(self, index: int, side: int, rect: Box, *, hide: bool = False) -> RgbArray:
        """``rect`` of a crop that was resized to ``side`` px and degraded."""
        crop = self._crops.rgb(index)
        native = crop.shape[0]
        left, top, right, bottom = (
            int(rect.left * native) - _MARGIN_PX,
            int(rect.top * native) - _MARGIN_PX,
            math.ceil(rect.right * native) + _MARGIN_PX,
            math.ceil(rect.bottom * native) + _MARGIN_PX,
        )
        left, top, right, bottom = (
            max(0, left),
            max(0, top),
            min(native, right),
            min(native, bottom),
        )
        scale = side / native
        size = max(8, round((right - left) * scale)), max(8, round((bottom - top) * scale))
        interpolation = _INTERPOLATIONS[int(self._rng.integers(len(_INTERPOLATIONS)))]
        pixels = self._degrade(
            np.asarray(
                cv2.resize(crop[top:bottom, left:right], size, interpolation=interpolation),
                np.uint8,
            )
        )
        if hide:
            mask = cv2.resize(self._crops.person_mask(index), (native, native))[
                top:bottom, left:right
            ]
            is_person = (
                cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > PERSON_THRESHOLD * 255
            )
            pixels[is_person] = PERSON_FILL
        x = max(0, round((rect.left * native - left) * scale))
        y = max(0, round((rect.top * native - top) * scale))
        return pixels[y:, x:]

    def _degrade(self, pixels: RgbArray) -> RgbArray:
        """Randomly blur or sharpen, recolour, convert to grey, recompress."""
        chance = self._rng.random()
        if chance < 0.15:
            pixels = _as_uint8(cv2.GaussianBlur(pixels, (0, 0), self._rng.uniform(0.3, 0.9)))
        elif chance < 0.22:
            amount = self._rng.uniform(0.2, 0.8)
            blurred = cv2.GaussianBlur(pixels, (0, 0), 1.0)
            pixels = _as_uint8(cv2.addWeighted(pixels, 1.0 + amount, blurred, -amount, 0.0))
        if self._happens(0.7):
            pixels = self._jitter_colour(pixels.astype(np.float32))
        if self._happens(0.05):
            pixels = _as_uint8(
                cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
            )
        if self._happens(0.85):
            pixels = recompress(
                pixels, int(self._rng.integers(35, 96)) if self._happens(0.8) else 80
            )
        return pixels

    def _jitter_colour(self, pixels: FloatImage) -> RgbArray:
        if self._happens(0.5):
            grey = pixels.mean(axis=2, keepdims=True)
            pixels = grey + (pixels - grey) * np.float32(self._rng.uniform(0.6, 1.35))
        if self._happens(0.4):
            pixels = pixels * self._rng.uniform(0.93, 1.07, 3).astype(np.float32)
        contrast, brightness = self._rng.uniform(0.8, 1.2), self._rng.uniform(-18.0, 18.0)
        return _as_uint8(np.clip((pixels - 128.0) * contrast + 128.0 + brightness, 0.0, 255.0))

    def mirror_randomly(self, tiles: Sequence[RgbArray]) -> list[RgbArray]:
        """Mirror each tile left to right with probability 1/2."""
        return [t[:, ::-1] if self._happens(0.5) else t for t in tiles]

    def _happens(self, share: float) -> bool:
        return bool(self._rng.random() < share)


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
