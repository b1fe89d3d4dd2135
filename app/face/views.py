"""Views of a picture for face detection: enlarged, padded, cut, mirrored, slightly turned.

A view holds the affine map back to the picture, so that landmarks can be given in the picture's own
px.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from app.arrays import FloatArray, RgbArray

MIN_VIEW_SIDE_PX: Final = 400
"""Landmarks of pictures below this are quantised by the detector's own crops: enlarge first."""
MAX_VIEW_SIDE_PX: Final = 1024
"""The detector reads 128 px and the mesh 256 px of face: more pixels only cost time."""

PADDING_COLOUR: Final = (128, 128, 128)
_PADDING_SHARES: Final = (0.3, 0.6)
# (left, top, share of the side): the middle, the upper middle, then the four overlapping quarters.
_CUT_WINDOWS: Final = (
    (0.2, 0.2, 0.6),
    (0.2, 0.0, 0.6),
    (0.0, 0.0, 0.55),
    (0.45, 0.0, 0.55),
    (0.0, 0.45, 0.55),
    (0.45, 0.45, 0.55),
)
_ROTATION_DEG: Final = 4.0
_ROTATION_SCALE: Final = 0.94


@dataclass(frozen=True, eq=False)
class View:
    """``rgb`` for detection; ``affine_to_picture`` (2, 3) maps its px to the picture's px."""

    rgb: RgbArray
    affine_to_picture: FloatArray
    mirrored: bool = False

    def map_to_picture(self, points: FloatArray) -> FloatArray:
        """``points`` (n, 2) in this view's px, in the picture's px."""
        out: FloatArray = points @ self.affine_to_picture[:, :2].T + self.affine_to_picture[:, 2]
        return out


def full_view(rgb: RgbArray) -> View:
    """The picture itself, brought between 400 and 1,024 px on its longer side."""
    return _resize_to_view(rgb, 0.0, 0.0)


def fallback_views(rgb: RgbArray) -> Iterator[View]:
    """Views for faces that the full view missed, cheapest first.

    Padded, for faces larger than the frame; cut and so enlarged, for faces far away.
    """
    height, width = rgb.shape[:2]
    for share in _PADDING_SHARES:
        x, y = round(width * share), round(height * share)
        padded = cv2.copyMakeBorder(rgb, y, y, x, x, cv2.BORDER_CONSTANT, value=PADDING_COLOUR)
        yield _resize_to_view(np.asarray(padded, dtype=np.uint8), -x, -y)
    for left, top, share in _CUT_WINDOWS:
        x0, y0 = round(left * width), round(top * height)
        x1, y1 = round((left + share) * width), round((top + share) * height)
        if x1 - x0 >= 2 and y1 - y0 >= 2:
            yield _resize_to_view(rgb[y0:y1, x0:x1], x0, y0)


def perturbed_view(rgb: RgbArray) -> View:
    """Mirrored, turned by 4° and slightly shrunk, to measure landmark noise."""
    view = full_view(rgb)
    height, width = view.rgb.shape[:2]
    flip = np.array([[-1.0, 0.0, width], [0.0, 1.0, 0.0]])
    centre = (width / 2, height / 2)
    rotation = np.asarray(
        cv2.getRotationMatrix2D(centre, _ROTATION_DEG, _ROTATION_SCALE), dtype=np.float64
    )
    to_view = _compose_affine(rotation, flip)
    # OpenCV's origin is the first pixel's centre, ours its outer corner.
    pixel_map = to_view.copy()
    pixel_map[:, 2] += to_view[:, :2] @ np.array([0.5, 0.5]) - 0.5
    moved = cv2.warpAffine(
        view.rgb,
        pixel_map,
        (width, height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    from_view = np.asarray(cv2.invertAffineTransform(to_view), dtype=np.float64)
    return View(
        np.asarray(moved, dtype=np.uint8),
        _compose_affine(view.affine_to_picture, from_view),
        mirrored=True,
    )


def _resize_to_view(rgb: RgbArray, left: float, top: float) -> View:
    height, width = rgb.shape[:2]
    longer = max(height, width)
    scale = min(max(longer, MIN_VIEW_SIDE_PX), MAX_VIEW_SIDE_PX) / longer
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if size != (width, height):
        interpolation = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=interpolation), dtype=np.uint8)
    affine = np.array([[width / size[0], 0.0, left], [0.0, height / size[1], top]])
    return View(np.ascontiguousarray(rgb), affine)


def _compose_affine(outer: FloatArray, inner: FloatArray) -> FloatArray:
    """The affine map that applies ``inner`` first, both (2, 3)."""
    homogeneous = np.vstack([inner, [0.0, 0.0, 1.0]])
    out: FloatArray = outer @ homogeneous
    return out
