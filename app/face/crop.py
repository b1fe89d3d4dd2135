"""The face crop: the part of a picture that FFHQ's recipe would cut for a face, upright and square.

The pixel checks read nothing else, so that a picture's framing cannot influence them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import cv2
import numpy as np

from app.arrays import FloatArray, FloatImage, RgbArray
from app.face.alignment import Box, crop_square
from app.face.face import Face
from app.image.picture import Picture
from app.image.resizing import halve

MAX_CROP_SIDE_PX: Final = 400
"""Larger crops are downscaled to this; avatars are no larger on most platforms."""
SMALL_CROP_SIDE_PX: Final = 144
"""The width at which a whole face is read at once: 128, 160 and 192 px tell as much."""
REFERENCE_SIDE_PX: Final = 200.0
"""The crop's side at which ``ln_side`` is 0."""
MIN_CROP_SIDE_PX: Final = 32
"""Below it a face has no usable detail, and no crop is made."""
GRAY_SIDE_PX: Final = 128
"""Hair and background are measured at this; 192 px was not more informative (2,000 pictures, 17
sources)."""
_HALF: Final = 0.5
_WHOLE: Final = Box(0.0, 0.0, 1.0, 1.0)
_AREA_RESIZE_FROM: Final = 1.15
"""How far a picture may be shrunk by the warp alone: a cubic's reach covers every pixel so far."""
_CUT_MARGIN_PX: Final = 16
"""What is kept around the square, px: more than a cubic reaches after any resizing to 144 px of a
face as large as avatars show it."""
_MIN_SLOPE_PX: Final = 1e-9
"""Px: a line that gains less is taken to gain this much, so that it can be divided by."""
_MIN_PICTURE_SIDE_PX: Final = 2
"""OpenCV 5.0.0 mirrors the border of a picture one pixel wide for ever."""


def ln_side(side_px: float) -> float:
    """The size of a crop as checks measure it: natural logarithm of side ÷ 200 px."""
    return math.log(side_px / REFERENCE_SIDE_PX)


@dataclass(frozen=True, eq=False)
class FaceCrop:
    """``rgb`` uint8 (side, side, 3), read-only, at its native size or made smaller.

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

    @property
    def native_side_px(self) -> float:
        """The crop's width in the picture, px, before it was made smaller."""
        return float(np.linalg.norm(self.corners[1] - self.corners[0]))

    @cached_property
    def half_size(self) -> RgbArray:
        """``rgb`` at half its size, by area; an odd last row and column are left out."""
        return halve(self.rgb)

    @cached_property
    def gray(self) -> FloatImage:
        """Its grey values at one size, (128, 128), 0 to 255."""
        rgb = self.at_least(GRAY_SIDE_PX)
        grey = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.float32)
        interpolation = cv2.INTER_AREA if rgb.shape[0] > GRAY_SIDE_PX else cv2.INTER_CUBIC
        size = (GRAY_SIDE_PX, GRAY_SIDE_PX)
        return np.asarray(cv2.resize(grey, size, interpolation=interpolation), dtype=np.float32)

    def at_least(self, side_px: int) -> RgbArray:
        """``half_size`` where that is ``side_px`` wide or wider, else ``rgb``: the fewer pixels."""
        return self.half_size if self.side_px >= 2 * side_px else self.rgb

    def map_to_picture(self, points: FloatArray) -> FloatArray:
        """``points`` (n, 2) in unit coordinates of the crop, in the picture's px."""
        top_left, top_right, _, bottom_left = self.corners
        x, y = top_right - top_left, bottom_left - top_left
        out: FloatArray = top_left + points[:, :1] * x + points[:, 1:] * y
        return out

    def visible_share(self, rect: Box) -> float:
        """How much of ``rect`` (unit) lies within the visible part, 0 to 1."""
        width = min(rect.right, self.visible.right) - max(rect.left, self.visible.left)
        height = min(rect.bottom, self.visible.bottom) - max(rect.top, self.visible.top)
        return max(0.0, width) * max(0.0, height) / (rect.width * rect.height)


def crop_face(picture: Picture, face: Face, max_side_px: int = MAX_CROP_SIDE_PX) -> FaceCrop | None:
    """The crop of ``face``, at most ``max_side_px`` wide.

    ``None`` if it has no crop square or is under ``MIN_CROP_SIDE_PX``.
    """
    try:
        corners = crop_square(face)
    except ValueError:
        return None
    native = float(np.linalg.norm(corners[1] - corners[0]))
    side = min(max_side_px, round(native))
    if side < MIN_CROP_SIDE_PX or min(picture.size) < _MIN_PICTURE_SIDE_PX:
        return None
    visible = _visible_box(corners, picture.size, side)
    if visible is None:
        return None
    rgb = _warp_crop(picture.rgb, corners, side)
    rgb.setflags(write=False)
    corners.setflags(write=False)
    return FaceCrop(rgb, visible, corners, _to_unit(face.landmarks, corners))


def _warp_crop(rgb: RgbArray, corners: FloatArray, side: int) -> RgbArray:
    """The square's pixels, (side, side, 3)."""
    shrink = float(np.linalg.norm(corners[1] - corners[0])) / side
    if shrink > _AREA_RESIZE_FROM:  # area averaging first: the warp alone would alias
        rgb, corners = _cut_around(rgb, corners)
        while shrink >= 2.0 and min(rgb.shape[:2]) >= 2 * _MIN_PICTURE_SIDE_PX:
            rgb, corners = halve(rgb), corners / 2.0
            shrink /= 2.0
        if shrink > _AREA_RESIZE_FROM:
            rgb, corners = _resize(rgb, corners, shrink)
    # OpenCV's origin is a pixel centre, ours the outer corner.
    source = (corners[:3] - _HALF).astype(np.float32)
    target = np.array([[0, 0], [side, 0], [side, side]], dtype=np.float32) - np.float32(_HALF)
    to_crop = cv2.getAffineTransform(source, target)
    pixels = cv2.warpAffine(
        rgb, to_crop, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(pixels, dtype=np.uint8)


def _cut_around(rgb: RgbArray, corners: FloatArray) -> tuple[RgbArray, FloatArray]:
    """The upright part of the picture around the square, and its corners there, px."""
    height, width = rgb.shape[:2]
    left, top = np.clip(np.floor(corners.min(axis=0)) - _CUT_MARGIN_PX, 0.0, None).astype(int)
    right, bottom = np.ceil(corners.max(axis=0)).astype(int) + _CUT_MARGIN_PX
    cut = rgb[top : min(bottom, height), left : min(right, width)]
    return (cut, corners - np.array([left, top])) if cut.size else (rgb, corners)


def _resize(rgb: RgbArray, corners: FloatArray, shrink: float) -> tuple[RgbArray, FloatArray]:
    """The picture made ``shrink`` times smaller by area, and the square's corners there, px."""
    height, width = rgb.shape[:2]
    size = tuple(max(_MIN_PICTURE_SIDE_PX, round(length / shrink)) for length in (width, height))
    small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return small, corners * np.array([size[0] / width, size[1] / height])


def _visible_box(corners: FloatArray, size: tuple[int, int], side: int) -> Box | None:
    """The unit box in which a picture of ``size`` fills more than half of every row and column."""
    if (corners >= 0.0).all() and (corners <= size).all():
        return _WHOLE
    top_left, top_right, _, bottom_left = corners
    across, down = top_right - top_left, bottom_left - top_left
    columns = _mostly_visible_range(top_left, across, down, size, side)
    rows = _mostly_visible_range(top_left, down, across, size, side)
    return Box(columns[0], rows[0], columns[1], rows[1]) if columns and rows else None


def _mostly_visible_range(
    corner: FloatArray, along: FloatArray, line: FloatArray, size: tuple[int, int], side: int
) -> tuple[float, float] | None:
    """Between which of ``side`` places, 0 to 1 of ``along``, every ``line`` is mostly inside."""
    starts = corner + (np.arange(side)[:, None] + _HALF) / side * along
    # Where a line is crossed, per axis: 0 <= start + t line <= length, t from 0 to 1.
    slope = np.where(np.abs(line) < _MIN_SLOPE_PX, _MIN_SLOPE_PX, line)
    crossed = np.stack([-starts / slope, (np.array(size) - starts) / slope])
    first, last = crossed.min(axis=0).max(axis=1), crossed.max(axis=0).min(axis=1)
    inside = np.minimum(last, 1.0) - np.maximum(first, 0.0)
    mostly_inside = np.flatnonzero(inside > _HALF)
    return (
        (float(mostly_inside[0]) / side, float(mostly_inside[-1] + 1) / side)
        if len(mostly_inside)
        else None
    )


def _to_unit(points: FloatArray, corners: FloatArray) -> FloatArray:
    top_left, top_right, _, bottom_left = corners
    x, y = top_right - top_left, bottom_left - top_left
    from_corner = points - top_left
    out: FloatArray = np.stack([from_corner @ x, from_corner @ y], axis=1) / float(x @ x)
    if not math.isfinite(float(out.sum())):
        raise ValueError("landmarks beyond any picture")
    out.setflags(write=False)
    return out
