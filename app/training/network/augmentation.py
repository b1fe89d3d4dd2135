"""Samples of one training step: crops resized, recompressed and degraded at random.

The size is drawn before the class, so that resolution carries no information; both classes get the
same resizing, JPEG, blur and colour changes, so that a collector's habits carry none either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np

from app.arrays import RgbArray
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
from app.training.network.degradation import crop_or_pad, degrade, enlarge
from app.training.network.hyperparameters import Hyperparameters
from app.training.network.sampling import GroupSampler, sampling_group

WINDOW_PX: Final = 192
FULL_SIDE_PX: Final = 392
LARGEST_SIDE_PX: Final = 400
_MIN_DETAIL_PX: Final = 200
"""Smaller faces are enlarged to this before windows are cut, so that windows can still shift."""
_MAX_TILE_PX: Final = (208, 192)
_MARGIN_PX: Final = 6
_MIN_VISIBLE: Final = 0.7
_MAX_DRAWS: Final = 200
_INTERPOLATIONS: Final = (cv2.INTER_AREA, cv2.INTER_AREA, cv2.INTER_CUBIC, cv2.INTER_LINEAR)


class Batch(NamedTuple):
    """Tiles of one size, uint8 (h, w, 3); whether each is generated; its sampling group."""

    tiles: list[RgbArray]
    labels: list[int]
    groups: list[str]


class BatchSampler:
    """Draws batches; reproducible by ``seed``.

    ``pairs``: as ``find_pairs`` gives them. ``smallest_side_px``: faces are shown no smaller.
    """

    def __init__(
        self,
        crops: CropDataset,
        groups: GroupSampler,
        seed: int,
        pairs: Sequence[tuple[int, int]] = (),
        smallest_side_px: int = Hyperparameters.smallest_side_px,
    ) -> None:
        self._crops = crops
        self._groups = groups
        self._seed = seed
        self._pairs = pairs
        self._smallest_side_px = smallest_side_px
        self._rng = np.random.default_rng(seed)

    def resume_at(self, step: int) -> None:
        """Reseed for ``step``, so that a resumed run does not repeat earlier samples."""
        self._rng = np.random.default_rng((self._seed, step))

    def sample_windows(self, count: int) -> Batch:
        """Windows of 192 px from anywhere in the face crop, half of them generated."""
        labels = [i % 2 for i in range(count)]
        indices, tiles = [], []
        for label in labels:
            side = self._draw_side()
            index = self._groups.draw(self._rng, side, generated=bool(label))
            if side > 120 and self._happens(0.25):  # or the scale of aligned faces would be a cue
                side = int(side * self._rng.uniform(0.8, 1.0))
            indices.append(index)
            tiles.append(
                self._render_window(
                    index, side, self._draw_rect(self._crops.records[index].visible, side)
                )
            )
        return Batch(tiles, labels, self._group_names(indices))

    def sample_pairs(self, count: int) -> Batch:
        """Windows of ``count`` pairs, an edited face and then the photograph that it was made from.

        The two show the same place at the same size, processed alike, so that neither content nor
        processing tells them apart. None where there are no pairs.
        """
        indices, tiles = [], []
        for _ in range(count if self._pairs else 0):
            pair = self._pairs[int(self._rng.integers(len(self._pairs)))]
            records = [self._crops.records[index] for index in pair]
            side = min(self._draw_side(), *(r.side for r in records))
            first, second = (r.visible for r in records)
            shared = (*map(max, first[:2], second[:2]), *map(min, first[2:], second[2:]))
            rect, mirrored = self._draw_rect(shared, side), self._happens(0.5)
            state = self._rng.bit_generator.state
            for index in pair:
                self._rng.bit_generator.state = state
                tile = self._render_window(index, side, rect)
                indices.append(index)
                tiles.append(tile[:, ::-1] if mirrored else tile)
        return Batch(tiles, [1, 0] * (len(tiles) // 2), self._group_names(indices))

    def sample_tiles(self, region: Region, count: int) -> Batch:
        """Tiles of one region at one size, half of them generated."""
        side = FULL_SIDE_PX if self._happens(0.4) else self._draw_side()
        labels = [i % 2 for i in range(count)]
        drawn = [self._draw_tile(region, side, generated=bool(label)) for label in labels]
        return Batch([t for _, t in drawn], labels, self._group_names([i for i, _ in drawn]))

    def _group_names(self, indices: Sequence[int]) -> list[str]:
        return [sampling_group(self._crops.records[index].row) for index in indices]

    def _draw_side(self) -> int:
        chance = self._rng.random()
        if chance < 0.3:
            return FULL_SIDE_PX
        if chance < 0.5:
            return int(self._rng.integers(160, 260))
        low, high = math.log(self._smallest_side_px), math.log(LARGEST_SIDE_PX)
        return int(math.exp(self._rng.uniform(low, high)))

    def _draw_rect(self, visible: tuple[float, ...], side: int) -> Box:
        """Where a window of a face shown at ``side`` px is taken, unit."""
        left, top, right, bottom = visible
        share = WINDOW_PX / max(side, _MIN_DETAIL_PX)
        x = self._draw_start(left, right, share)
        y = self._draw_start(top, min(bottom, LOWEST_Y), share)
        return Box(x, y, min(1.0, x + share), min(1.0, y + share))

    def _render_window(self, index: int, side: int, rect: Box) -> RgbArray:
        pixels = self._render_patch(index, side, rect)
        return crop_or_pad(enlarge(pixels, max(side, _MIN_DETAIL_PX) / side), WINDOW_PX, WINDOW_PX)

    def _draw_start(self, low: float, high: float, share: float) -> float:
        if high - share > low:
            return float(self._rng.uniform(low, high - share))
        return max(0.0, min((low + high - share) / 2.0, 1.0 - share))

    def _draw_tile(self, region: Region, side: int, *, generated: bool) -> tuple[int, RgbArray]:
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
        return index, crop_or_pad(enlarge(pixels, detail / side), *size)

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
        pixels = degrade(
            self._rng,
            np.asarray(
                cv2.resize(crop[top:bottom, left:right], size, interpolation=interpolation),
                np.uint8,
            ),
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

    def mirror_randomly(self, tiles: Sequence[RgbArray]) -> list[RgbArray]:
        """Mirror each tile left to right with probability 1/2."""
        return [t[:, ::-1] if self._happens(0.5) else t for t in tiles]

    def _happens(self, share: float) -> bool:
        return bool(self._rng.random() < share)
