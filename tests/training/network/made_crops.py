"""Crops that were never cut from anything: small, in memory, each of them another painting."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from app.arrays import RgbArray
from app.training.corpus import ManifestRow
from app.training.network.crops import MASK_SIDE_PX, CropDataset, CropRecord

FULL_BOX = (0.0, 0.0, 1.0, 1.0)
TONES = {"generated": (200, 60, 60), "real": (60, 60, 200)}
"""Generated crops are reddish and real ones bluish, whatever is painted on them."""


def make_row(label: str, kind: str, source: str, number: int = 0) -> ManifestRow:
    return ManifestRow(f"{source}_{kind}_{number}.jpg", label, kind, source)


def make_rows(label: str, kind: str, source: str, count: int) -> list[ManifestRow]:
    return [make_row(label, kind, source, number) for number in range(count)]


def make_blotches(side: int, seed: int, tone: tuple[int, int, int] = (128, 128, 128)) -> RgbArray:
    """Soft blotches on ``tone``; the same ``seed`` is the same painting at every size."""
    blotches = np.random.default_rng(seed).uniform(-55.0, 55.0, (6, 6, 1)) + np.array(tone)
    large = cv2.resize(blotches.clip(0, 255).astype(np.uint8), (400, 400))
    out = cv2.resize(large, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(out, dtype=np.uint8)


def make_records(specs: Sequence[tuple[ManifestRow, int]]) -> tuple[CropRecord, ...]:
    """A place for a crop of every (row, side), one behind the other."""
    sizes = [side * side * 3 for _, side in specs]
    offsets = np.cumsum([0, *sizes[:-1]]).tolist()
    return tuple(
        CropRecord(row, side, offset, FULL_BOX)
        for (row, side), offset in zip(specs, offsets, strict=True)
    )


def make_crops(specs: Sequence[tuple[ManifestRow, int, RgbArray]], person: int = 0) -> CropDataset:
    """Crops of (row, side, pixels); the mask over each says ``person`` everywhere, 0 to 255."""
    return CropDataset(
        records=make_records([(row, side) for row, side, _ in specs]),
        pixels=np.concatenate([rgb.ravel() for _, _, rgb in specs]),
        masks=np.full(len(specs) * MASK_SIDE_PX**2, person, dtype=np.uint8),
    )


def balanced_crops(
    sides: Sequence[int] = (400, 200, 90), count: int = 5, person: int = 0
) -> CropDataset:
    """``count`` crops of either label at every one of ``sides``."""
    specs = [
        (row, side, make_blotches(side, seed, TONES[row.label]))
        for side in sides
        for seed, row in enumerate(
            make_rows("generated", "stylegan2", f"maker_{side}", count)
            + make_rows("real", "avatar", f"people_{side}", count)
        )
    ]
    return make_crops(specs, person)
