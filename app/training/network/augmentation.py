"""What one step of training is shown: crops resized, recompressed and spoiled alike.

The size is drawn before the class, so that resolution tells nothing; both classes go through the
same resizing, JPEG, blur and colour, so that no collector's habits are worth learning.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from app.face.alignment import Box
from app.image.picture import RgbArray
from app.networks.region_score import MIN_BACKGROUND
from app.networks.regions import FULL_DETAIL_SIDE_PX, HIDDEN, LOWEST, PERSON, RECTS, Region
from app.training.network.crops import Crops
from app.training.network.sampling import Groups

WINDOW_PX: Final = 192
LARGE_PX: Final = 392
SMALLEST_PX: Final = 72
LARGEST_PX: Final = 400
_ENLARGED_PX: Final = 200
"""Windows of smaller faces are cut from an enlargement to this, so that they can still shift."""
_MAX_TILE_PX: Final = (208, 192)
_MARGIN_PX: Final = 6
_MIN_SEEN: Final = 0.7
_TRIES: Final = 200
_RESIZES: Final = (cv2.INTER_AREA, cv2.INTER_AREA, cv2.INTER_CUBIC, cv2.INTER_LINEAR)

FloatImage = NDArray[np.float32]


class Sampler:
    """Draws batches; the same ``seed`` draws the same ones."""

    def __init__(self, crops: Crops, groups: Groups, seed: int) -> None:
        self._crops = crops
        self._groups = groups
        self._seed = seed
        self._rng = np.random.default_rng(seed)

    def go_on_from(self, step: int) -> None:
        """Draw others than were drawn before ``step``: whoever resumes must not learn them anew."""
        self._rng = np.random.default_rng((self._seed, step))

    def whole(self, count: int) -> tuple[list[RgbArray], list[int]]:
        """Windows of 192 px from anywhere in the face crop, half of them generated."""
        labels = [i % 2 for i in range(count)]
        return [self._window(generated=bool(label)) for label in labels], labels

    def regional(self, region: Region, count: int) -> tuple[list[RgbArray], list[int]]:
        """Tiles of one region at one size, half of them generated."""
        side = LARGE_PX if self._chance(0.4) else self._side()
        labels = [i % 2 for i in range(count)]
        return [self._tile(region, side, generated=bool(label)) for label in labels], labels

    def _side(self) -> int:
        at = self._rng.random()
        if at < 0.3:
            return LARGE_PX
        if at < 0.5:
            return int(self._rng.integers(160, 260))
        low, high = math.log(SMALLEST_PX), math.log(LARGEST_PX)
        return int(math.exp(self._rng.uniform(low, high)))

    def _window(self, *, generated: bool) -> RgbArray:
        side = self._side()
        index = self._groups.draw(self._rng, side, generated=generated)
        if side > 120 and self._chance(0.25):  # or the scale of a well-aligned face would tell
            side = int(side * self._rng.uniform(0.8, 1.0))
        detail = side if side >= _ENLARGED_PX else _ENLARGED_PX
        share = WINDOW_PX / detail
        left, top, right, bottom = self._crops.kept[index].visible
        lowest = min(bottom, LOWEST)
        x, y = self._place(left, right, share), self._place(top, lowest, share)
        pixels = self._seen(index, side, Box(x, y, min(1.0, x + share), min(1.0, y + share)))
        return fitted(enlarged(pixels, detail / side), WINDOW_PX, WINDOW_PX)

    def _place(self, low: float, high: float, share: float) -> float:
        if high - share > low:
            return float(self._rng.uniform(low, high - share))
        return max(0.0, min((low + high - share) / 2.0, 1.0 - share))

    def _tile(self, region: Region, side: int, *, generated: bool) -> RgbArray:
        detail = max(side, FULL_DETAIL_SIDE_PX)
        rects = RECTS[region]
        full = int(rects[0].width * detail), int(rects[0].height * detail)
        size = min(full[0], _MAX_TILE_PX[0]), min(full[1], _MAX_TILE_PX[1])
        for _ in range(_TRIES):
            index = self._groups.draw(self._rng, side, generated=generated)
            rect = rects[int(self._rng.integers(len(rects)))]
            if self._worth_seeing(index, region, rect):
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
        pixels = self._seen(index, side, window, hide=region is Region.BACKGROUND)
        return fitted(enlarged(pixels, detail / side), *size)

    def _worth_seeing(self, index: int, region: Region, rect: Box) -> bool:
        left, top, right, bottom = self._crops.kept[index].visible
        width = min(rect.right, right) - max(rect.left, left)
        height = min(rect.bottom, bottom) - max(rect.top, top)
        if max(0.0, width) * max(0.0, height) < _MIN_SEEN * rect.width * rect.height:
            return False
        if region is not Region.BACKGROUND:
            return True
        mask = self._crops.person(index)
        edges = [int(edge * len(mask)) for edge in (rect.top, rect.bottom, rect.left, rect.right)]
        part = mask[edges[0] : edges[1], edges[2] : edges[3]]
        return float((part < PERSON * 255).mean()) >= MIN_BACKGROUND

    def _seen(self, index: int, side: int, rect: Box, *, hide: bool = False) -> RgbArray:
        """``rect`` of a crop as it looks once the crop is ``side`` px wide and was passed on."""
        whole = self._crops.rgb(index)
        native = whole.shape[0]
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
        how = _RESIZES[int(self._rng.integers(len(_RESIZES)))]
        pixels = self._spoiled(
            np.asarray(cv2.resize(whole[top:bottom, left:right], size, interpolation=how), np.uint8)
        )
        if hide:
            mask = cv2.resize(self._crops.person(index), (native, native))[top:bottom, left:right]
            hidden = cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > PERSON * 255
            pixels[hidden] = HIDDEN
        x = max(0, round((rect.left * native - left) * scale))
        y = max(0, round((rect.top * native - top) * scale))
        return pixels[y:, x:]

    def _spoiled(self, pixels: RgbArray) -> RgbArray:
        """Blurred or sharpened, recoloured, greyed, recompressed: each only sometimes."""
        at = self._rng.random()
        if at < 0.15:
            pixels = _bytes(cv2.GaussianBlur(pixels, (0, 0), self._rng.uniform(0.3, 0.9)))
        elif at < 0.22:
            much = self._rng.uniform(0.2, 0.8)
            soft = cv2.GaussianBlur(pixels, (0, 0), 1.0)
            pixels = _bytes(cv2.addWeighted(pixels, 1.0 + much, soft, -much, 0.0))
        if self._chance(0.7):
            pixels = self._recoloured(pixels.astype(np.float32))
        if self._chance(0.05):
            pixels = _bytes(
                cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
            )
        if self._chance(0.85):
            pixels = recompressed(
                pixels, int(self._rng.integers(35, 96)) if self._chance(0.8) else 80
            )
        return pixels

    def _recoloured(self, pixels: FloatImage) -> RgbArray:
        if self._chance(0.5):
            grey = pixels.mean(axis=2, keepdims=True)
            pixels = grey + (pixels - grey) * np.float32(self._rng.uniform(0.6, 1.35))
        if self._chance(0.4):
            pixels = pixels * self._rng.uniform(0.93, 1.07, 3).astype(np.float32)
        contrast, light = self._rng.uniform(0.8, 1.2), self._rng.uniform(-18.0, 18.0)
        return _bytes(np.clip((pixels - 128.0) * contrast + 128.0 + light, 0.0, 255.0))

    def mirrored(self, tiles: Sequence[RgbArray]) -> list[RgbArray]:
        """Every second one, by chance, left to right."""
        return [t[:, ::-1] if self._chance(0.5) else t for t in tiles]

    def _chance(self, share: float) -> bool:
        return bool(self._rng.random() < share)


def recompressed(pixels: RgbArray, quality: int) -> RgbArray:
    """Through JPEG and back."""
    _, data = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[:, :, ::-1])


def enlarged(pixels: RgbArray, times: float) -> RgbArray:
    """``pixels`` so many times as large; as they are where that is once."""
    if times <= 1.0:
        return pixels
    size = round(pixels.shape[1] * times), round(pixels.shape[0] * times)
    return _bytes(cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC))


def fitted(pixels: RgbArray, width: int, height: int) -> RgbArray:
    """Exactly ``width`` by ``height``: cut, or its last row and column repeated."""
    pixels = pixels[:height, :width]
    below, beside = height - pixels.shape[0], width - pixels.shape[1]
    if below or beside:
        pixels = _bytes(cv2.copyMakeBorder(pixels, 0, below, 0, beside, cv2.BORDER_REPLICATE))
    return pixels


def _bytes(array: object) -> RgbArray:
    return np.ascontiguousarray(array, dtype=np.uint8)
