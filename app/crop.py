"""The face crop: the part of a picture that FFHQ's recipe would cut for a face, upright and square.

The pixel checks look at nothing else, so that a picture's framing cannot leak into what they say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from app.alignment import Box, crop_square
from app.face import Face, FloatArray
from app.picture import Picture, RgbArray

MAX_SIDE_PX: Final = 400
"""Avatars are no larger on most platforms; what is, is shrunk to this."""
MIN_SIDE_PX: Final = 32
"""Below it a face is a smudge; no crop is made."""
_HALF: Final = 0.5
_LEAST_PX: Final = 2
"""OpenCV 5.0.0 mirrors the border of a picture one pixel wide for ever."""


@dataclass(frozen=True, eq=False)
class FaceCrop:
    """``rgb`` uint8 (side, side, 3), read-only, at its native size and at most 400 px wide.

    Unit coordinates of the crop run from (0, 0) at its top left to (1, 1). ``visible``: the
    upright box, unit, in which the picture fills more than half of every row and column; what
    lies beyond the picture is its mirror image. ``corners`` (4, 2): the crop's corners in the
    picture, px, in the order of ``crop_square``. ``landmarks`` (478, 2): the face's, unit.
    """

    rgb: RgbArray
    visible: Box
    corners: FloatArray
    landmarks: FloatArray

    @property
    def side_px(self) -> int:
        return int(self.rgb.shape[0])

    def to_picture(self, points: FloatArray) -> FloatArray:
        """``points`` (n, 2) in unit coordinates of the crop, in the picture's px."""
        top_left, top_right, _, bottom_left = self.corners
        x, y = top_right - top_left, bottom_left - top_left
        out: FloatArray = top_left + points[:, :1] * x + points[:, 1:] * y
        return out

    def seen_share(self, rect: Box) -> float:
        """How much of ``rect`` (unit) lies within the visible part, 0 to 1."""
        width = min(rect.right, self.visible.right) - max(rect.left, self.visible.left)
        height = min(rect.bottom, self.visible.bottom) - max(rect.top, self.visible.top)
        return max(0.0, width) * max(0.0, height) / (rect.width * rect.height)


def crop_face(picture: Picture, face: Face) -> FaceCrop | None:
    """The crop of ``face``; ``None`` if it has no crop square or is under ``MIN_SIDE_PX``."""
    try:
        corners = crop_square(face)
    except ValueError:
        return None
    native = float(np.linalg.norm(corners[1] - corners[0]))
    side = min(MAX_SIDE_PX, round(native))
    if side < MIN_SIDE_PX or min(picture.size) < _LEAST_PX:
        return None
    rgb, seen = _warped(picture.rgb, corners, side)
    visible = _visible(seen)
    if visible is None:
        return None
    rgb.setflags(write=False)
    corners.setflags(write=False)
    return FaceCrop(rgb, visible, corners, _unit(face.landmarks, corners))


def _warped(rgb: RgbArray, corners: FloatArray, side: int) -> tuple[RgbArray, RgbArray]:
    """The square's pixels and whether each lies in the picture (255 or 0)."""
    shrink = float(np.linalg.norm(corners[1] - corners[0])) / side
    if shrink > 1.0:  # by area first: a warp alone would skip pixels
        height, width = rgb.shape[:2]
        size = tuple(max(_LEAST_PX, round(length / shrink)) for length in (width, height))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        corners = corners * np.array([size[0] / width, size[1] / height])
    # OpenCV counts from pixel centres, we from the outer corner.
    source = (corners[:3] - _HALF).astype(np.float32)
    target = np.array([[0, 0], [side, 0], [side, side]], dtype=np.float32) - np.float32(_HALF)
    to_crop = cv2.getAffineTransform(source, target)
    size = (side, side)
    pixels = cv2.warpAffine(
        rgb, to_crop, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    inside = np.full(rgb.shape[:2], 255, dtype=np.uint8)
    seen = cv2.warpAffine(inside, to_crop, size, flags=cv2.INTER_NEAREST)
    return np.asarray(pixels, dtype=np.uint8), np.asarray(seen, dtype=np.uint8)


def _visible(seen: RgbArray) -> Box | None:
    side = seen.shape[0]
    rows = np.flatnonzero(seen.mean(axis=1) > 127.5)
    columns = np.flatnonzero(seen.mean(axis=0) > 127.5)
    if not len(rows) or not len(columns):
        return None
    edges = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return Box(*(float(e) / side for e in edges))


def _unit(points: FloatArray, corners: FloatArray) -> FloatArray:
    top_left, top_right, _, bottom_left = corners
    x, y = top_right - top_left, bottom_left - top_left
    from_corner = points - top_left
    out: FloatArray = np.stack([from_corner @ x, from_corner @ y], axis=1) / float(x @ x)
    if not math.isfinite(float(out.sum())):
        raise ValueError("landmarks beyond any picture")
    out.setflags(write=False)
    return out
