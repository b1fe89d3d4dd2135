"""Crops that were never cut from anything: small, in memory, each of them another painting."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from app.image.picture import RgbArray
from app.training.corpus import Row
from app.training.network.crops import MASK_SIDE, Crops, Kept

WHOLE = (0.0, 0.0, 1.0, 1.0)
TONES = {"generated": (200, 60, 60), "real": (60, 60, 200)}
"""Generated crops are reddish and real ones bluish, whatever is painted on them."""


def row(label: str, kind: str, source: str, number: int = 0) -> Row:
    return Row(f"{source}_{kind}_{number}.jpg", label, kind, source)


def rows(label: str, kind: str, source: str, count: int) -> list[Row]:
    return [row(label, kind, source, number) for number in range(count)]


def painting(side: int, seed: int, tone: tuple[int, int, int] = (128, 128, 128)) -> RgbArray:
    """Soft blotches on ``tone``; the same ``seed`` is the same painting at every size."""
    blotches = np.random.default_rng(seed).uniform(-55.0, 55.0, (6, 6, 1)) + np.array(tone)
    large = cv2.resize(blotches.clip(0, 255).astype(np.uint8), (400, 400))
    out = cv2.resize(large, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(out, dtype=np.uint8)


def kept(wanted: Sequence[tuple[Row, int]]) -> tuple[Kept, ...]:
    """A place for a crop of every (row, side), one behind the other."""
    sizes = [side * side * 3 for _, side in wanted]
    offsets = np.cumsum([0, *sizes[:-1]]).tolist()
    return tuple(
        Kept(row, side, offset, WHOLE) for (row, side), offset in zip(wanted, offsets, strict=True)
    )


def crops_of(wanted: Sequence[tuple[Row, int, RgbArray]], person: int = 0) -> Crops:
    """Crops of (row, side, pixels); the mask over each says ``person`` everywhere, 0 to 255."""
    return Crops(
        kept=kept([(row, side) for row, side, _ in wanted]),
        pixels=np.concatenate([rgb.ravel() for _, _, rgb in wanted]),
        masks=np.full(len(wanted) * MASK_SIDE**2, person, dtype=np.uint8),
    )


def both_sides(sides: Sequence[int] = (400, 200, 90), each: int = 5, person: int = 0) -> Crops:
    """``each`` crops of either label at every one of ``sides``."""
    wanted = [
        (of, side, painting(side, seed, TONES[of.label]))
        for side in sides
        for seed, of in enumerate(
            rows("generated", "stylegan2", f"maker_{side}", each)
            + rows("real", "avatar", f"people_{side}", each)
        )
    ]
    return crops_of(wanted, person)
