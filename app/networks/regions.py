"""The regions of the face crop that the networks read, and their pixels.

A tile contains only its own region, so that a score can come from nothing else.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import cv2
import numpy as np

from app.arrays import FloatArray, RgbArray
from app.face.alignment import Box
from app.face.crop import SMALL_CROP_SIDE_PX, FaceCrop

FULL_DETAIL_SIDE_PX: Final = 192
"""Smaller crops are enlarged to this before the network reads them, as in training."""
PERSON_THRESHOLD: Final = 0.3
"""From this probability on a pixel counts as the person and is hidden from the background."""
PERSON_FILL: Final = 128
BACKGROUND_SIDE_PX: Final = 200
"""The background is read at this crop width at most: 400 px is no more informative (on StyleGAN 2
and the studio family, held out), and costs four times as much."""
LOWEST_Y: Final = 0.96
"""Unit; below it the frame's lower edge may carry a stamp, which no network may read."""
WHOLE_CROP_SIDE_PX: Final = 256
"""Up to this width the whole crop is read for ``fine_texture``: there it costs a quarter of what it
does at 400 px, and is more informative than two tiles."""
MAX_OUTSIDE_SHARE: Final = 0.4
"""A tile of which more lies outside the picture is not read."""


class Region(StrEnum):
    """The network's heads, in the order of its output."""

    FINE_TEXTURE = "fine_texture"
    IRISES = "irises"
    TEETH = "teeth"
    HAIRLINE = "hairline"
    BACKGROUND = "background_blur"


_HAIR_RECT: Final = Box(0.10, 0.0, 0.90, 0.36)
# Unit coordinates of the crop. Mean landmarks of StyleGAN 2 faces have the irises at y 0.48, the
# lips from 0.68 to 0.78, the brows at 0.40; what is hair or backdrop lies around that.
REGION_RECTS: Final[dict[Region, tuple[Box, ...]]] = {
    # The face below the hair, and the hair's own tile again: it is read once for both. At 400 px as
    # good as the whole crop, held out, at half the cost. Eight by seven of the network's places:
    # their surroundings add little (AUC .002) and cost a ms.
    Region.FINE_TEXTURE: (_HAIR_RECT, Box(0.18, 0.36, 0.82, 0.92)),
    Region.IRISES: (Box(0.22, 0.39, 0.78, 0.56),),
    Region.TEETH: (Box(0.32, 0.62, 0.68, 0.83),),
    Region.HAIRLINE: (_HAIR_RECT,),
    Region.BACKGROUND: (Box(0.0, 0.0, 0.22, 0.75), Box(0.78, 0.0, 1.0, 0.75)),
}


WHOLE_RECT: Final = Box(0.0, 0.0, 1.0, LOWEST_Y)
MAX_OUTSIDE_SHARE_OF_FACE: Final = 0.7
"""A face crop of which more lies outside the picture is not read by the face network, which was
trained on parts of at least 0.7 by 0.7."""


def region_rects(region: Region, crop: FaceCrop) -> tuple[Box, ...]:
    """The tiles of ``crop`` (unit) in which ``region`` is read."""
    small = crop.side_px <= WHOLE_CROP_SIDE_PX and _is_visible(crop, WHOLE_RECT)
    return (WHOLE_RECT,) if region is Region.FINE_TEXTURE and small else REGION_RECTS[region]


def network_input(
    crop: FaceCrop, rect: Box, person_mask: FloatArray | None = None
) -> RgbArray | None:
    """The pixels of ``rect`` (unit): uint8 (h, w, 3); ``None`` if too much lies off the picture.

    Cut to the visible part, and enlarged where the crop is smaller than 192 px. ``person_mask``
    (n, n), 0 to 1: where it is given, the person is painted grey, and a crop wider than 200 px is
    shrunk to that.
    """
    if not _is_visible(crop, rect):
        return None
    visible_rect = intersection(rect, crop.visible)
    rgb = crop.rgb if person_mask is None else crop.at_least(BACKGROUND_SIDE_PX)
    pixels = _cut_rect(rgb, visible_rect)
    if pixels.size == 0:
        return None
    side = rgb.shape[0]
    if person_mask is not None:
        if side > BACKGROUND_SIDE_PX:
            pixels = _resize_by(pixels, BACKGROUND_SIDE_PX / side, cv2.INTER_AREA)
            side = BACKGROUND_SIDE_PX
        pixels = _hide_person(pixels, person_mask, visible_rect)
    if side < FULL_DETAIL_SIDE_PX:
        pixels = _resize_by(pixels, FULL_DETAIL_SIDE_PX / side, cv2.INTER_CUBIC)
    return np.ascontiguousarray(pixels)


def face_input(crop: FaceCrop) -> RgbArray | None:
    """All of ``crop`` that is visible, as the face network reads it: uint8 (h, w, 3).

    ``crop``: at most ``SMALL_CROP_SIDE_PX`` wide; smaller ones are enlarged to that. ``None`` if
    too much lies off the picture.
    """
    if crop.visible_share(WHOLE_RECT) < 1.0 - MAX_OUTSIDE_SHARE_OF_FACE:
        return None
    pixels = _cut_rect(crop.rgb, intersection(WHOLE_RECT, crop.visible))
    if crop.side_px < SMALL_CROP_SIDE_PX:
        pixels = _resize_by(pixels, SMALL_CROP_SIDE_PX / crop.side_px, cv2.INTER_CUBIC)
    return np.ascontiguousarray(pixels)


def intersection(rect: Box, visible: Box) -> Box:
    """The part of ``rect`` within ``visible``; its sides are negative where they do not overlap."""
    return Box(
        max(rect.left, visible.left),
        max(rect.top, visible.top),
        min(rect.right, visible.right),
        min(rect.bottom, visible.bottom),
    )


def _is_visible(crop: FaceCrop, rect: Box) -> bool:
    return crop.visible_share(rect) >= 1.0 - MAX_OUTSIDE_SHARE


def _cut_rect(rgb: RgbArray, rect: Box) -> RgbArray:
    side = rgb.shape[0]
    left, right = (round(x * side) for x in (rect.left, rect.right))
    top, bottom = (round(y * side) for y in (rect.top, rect.bottom))
    return rgb[top:bottom, left:right]


def _resize_by(pixels: RgbArray, scale: float, interpolation: int) -> RgbArray:
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=interpolation), dtype=np.uint8)


def _hide_person(pixels: RgbArray, person_mask: FloatArray, rect: Box) -> RgbArray:
    """``pixels`` of ``rect`` with the person painted grey."""
    height, width = pixels.shape[:2]
    count = person_mask.shape[0]
    # Aligned by pixel centres, so that a mask of the same size is unchanged.
    step = rect.width * count / width, rect.height * count / height
    start = (rect.left * count + (step[0] - 1.0) / 2.0, rect.top * count + (step[1] - 1.0) / 2.0)
    to_mask = np.array([[step[0], 0.0, start[0]], [0.0, step[1], start[1]]])
    mask = cv2.warpAffine(
        person_mask.astype(np.float32),
        to_mask,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    out = pixels.copy()
    out[np.asarray(mask) > PERSON_THRESHOLD] = PERSON_FILL
    return out
