"""Where in the face crop each learned witness looks, and the tile of pixels that it is given.

A tile holds its own region and nothing else: what the network says of it, it read there.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import cv2
import numpy as np

from app.alignment import Box
from app.crop import FaceCrop
from app.face import FloatArray
from app.picture import RgbArray

FULL_DETAIL_SIDE_PX: Final = 192
"""Smaller crops are enlarged to this before the network looks, as they were in training."""
PERSON: Final = 0.3
"""From this probability on a pixel counts as the person and is hidden from the background."""
HIDDEN: Final = 128
MAX_MISSING: Final = 0.4
"""A tile of which more lies outside the picture is not looked at."""


class Region(StrEnum):
    """The network's heads, in the order of its output."""

    TEXTURE = "texture"
    IRISES = "irises"
    TEETH = "teeth"
    HAIRLINE = "hairline"
    BACKGROUND = "background_blur"


# Unit coordinates of the crop. Mean landmarks of StyleGAN 2 faces have the irises at y 0.48, the
# lips from 0.68 to 0.78, the brows at 0.40; what is hair or backdrop lies around that.
RECTS: Final[dict[Region, tuple[Box, ...]]] = {
    Region.TEXTURE: (Box(0.0, 0.0, 1.0, 0.96),),  # the lowest strip may carry a stamp
    Region.IRISES: (Box(0.22, 0.39, 0.78, 0.56),),
    Region.TEETH: (Box(0.32, 0.62, 0.68, 0.83),),
    Region.HAIRLINE: (Box(0.10, 0.0, 0.90, 0.36),),
    Region.BACKGROUND: (Box(0.0, 0.0, 0.22, 0.75), Box(0.78, 0.0, 1.0, 0.75)),
}


def tile(crop: FaceCrop, rect: Box, person: FloatArray | None = None) -> RgbArray | None:
    """The pixels of ``rect`` (unit): uint8 (h, w, 3); ``None`` if too much lies off the picture.

    Cut to the visible part, and enlarged where the crop is smaller than 192 px. ``person``
    (n, n), 0 to 1: where it is given, the person is painted grey.
    """
    if crop.seen_share(rect) < 1.0 - MAX_MISSING:
        return None
    side = crop.side_px
    left, right = (_pixel(x, side) for x in (rect.left, rect.right))
    top, bottom = (_pixel(y, side) for y in (rect.top, rect.bottom))
    left, right = (
        max(left, _pixel(crop.visible.left, side)),
        min(right, _pixel(crop.visible.right, side)),
    )
    top, bottom = (
        max(top, _pixel(crop.visible.top, side)),
        min(bottom, _pixel(crop.visible.bottom, side)),
    )
    pixels = crop.rgb[top:bottom, left:right]
    if pixels.size == 0:
        return None
    if person is not None:
        whole = cv2.resize(person.astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR)
        pixels = np.where(
            whole[top:bottom, left:right, None] > PERSON, np.uint8(HIDDEN), pixels
        ).astype(np.uint8)
    if side < FULL_DETAIL_SIDE_PX:
        scale = FULL_DETAIL_SIDE_PX / side
        size = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    return np.ascontiguousarray(pixels)


def _pixel(unit: float, side: int) -> int:
    return round(unit * side)
