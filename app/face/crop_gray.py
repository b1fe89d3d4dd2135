"""The face crop in grey at one small size, on which hair and background are measured."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from app.arrays import BoolArray, FloatArray, FloatImage
from app.face.crop import GRAY_SIDE_PX, FaceCrop
from app.face.face import FACE_OVAL

SIDE_PX: Final = GRAY_SIDE_PX
_SHIFT: Final = 4
"""OpenCV fills polygons to a sixteenth of a pixel."""


def gaussian_blur(gray: FloatImage, sigma: float) -> FloatImage:
    """``gray`` under a Gaussian of ``sigma`` px."""
    return np.asarray(cv2.GaussianBlur(gray, (0, 0), sigma), dtype=np.float32)


def visible_mask(crop: FaceCrop, bottom: float) -> BoolArray:
    """What of the crop lies inside the picture, down to ``bottom`` (unit): (128, 128)."""
    centres = (np.arange(SIDE_PX) + 0.5) / SIDE_PX
    visible = crop.visible
    rows = (centres > visible.top) & (centres < min(visible.bottom, bottom))
    columns = (centres > visible.left) & (centres < visible.right)
    out: BoolArray = rows[:, None] & columns
    return out


def face_mask(crop: FaceCrop, scale: float) -> BoolArray:
    """The inside of the face's oval, scaled about its middle: (128, 128)."""
    oval = np.clip(crop.landmarks[list(FACE_OVAL)], -1.0, 2.0)
    centre = oval.mean(axis=0)
    corners = np.rint((centre + scale * (oval - centre)) * (SIDE_PX << _SHIFT)).astype(np.int32)
    filled = np.zeros((SIDE_PX, SIDE_PX), dtype=np.uint8)
    cv2.fillConvexPoly(filled, cv2.convexHull(corners), 1, shift=_SHIFT)
    return filled > 0


def mask_share(mask: BoolArray, crop: FaceCrop, corners: FloatArray) -> float:
    """Share of the quadrilateral ``corners`` (px of the picture) inside ``mask``, 0 to 1."""
    top_left, top_right, _, bottom_left = crop.corners
    x, y = top_right - top_left, bottom_left - top_left
    unit = (corners - top_left) @ np.stack([x, y], axis=1) / float(x @ x)
    edges = np.rint(np.clip([unit.min(axis=0), unit.max(axis=0)], 0.0, 1.0) * SIDE_PX)
    (left, top), (right, bottom) = edges.astype(int).tolist()
    inside = mask[top:bottom, left:right]
    return float(inside.mean()) if inside.size else 0.0
