"""One picture for the face detector that shows another one in its four orientations.

The detector likes upright faces best, so one look at all four says which of them are worth a mesh,
for a fraction of what three meshes cost. ``python -m benchmarks.orientation`` counts what is found.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import cv2
import numpy as np

from app.arrays import RgbArray

TILE_PX: Final = 128
"""Side of a tile; the detector reads 128 px of the whole mosaic, so that a face has a quarter."""
_ROTATIONS: Final = (
    None,
    cv2.ROTATE_90_CLOCKWISE,
    cv2.ROTATE_180,
    cv2.ROTATE_90_COUNTERCLOCKWISE,
)

TurnScores = tuple[float, float, float, float]
"""Of the best face in the picture turned by 0, 90, 180 and 270 degrees clockwise: 0 to 1, 0 if
there is none."""


def make_turn_mosaic(rgb: RgbArray) -> RgbArray:
    """``rgb`` made small, turned by 0 and 90 (top row), 180 and 270 degrees: (256, 256, 3)."""
    height, width = rgb.shape[:2]
    scale = TILE_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    mosaic = np.zeros((2 * TILE_PX, 2 * TILE_PX, 3), np.uint8)
    for position, rotation in enumerate(_ROTATIONS):
        tile = small if rotation is None else cv2.rotate(small, rotation)
        top, left = (TILE_PX * part for part in divmod(position, 2))
        mosaic[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return mosaic


def scores_by_turn(faces: Iterable[tuple[float, float, float]]) -> TurnScores:
    """The best score in each tile; ``faces``: (x, y) of a centre, px of the mosaic, and a score."""
    best = [0.0, 0.0, 0.0, 0.0]
    for x, y, score in faces:
        tile = 2 * int(y >= TILE_PX) + int(x >= TILE_PX)
        best[tile] = max(best[tile], score)
    return best[0], best[1], best[2], best[3]
