"""The mouth of a face crop: the opening between the lips, and the row of teeth that shows in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from app.arrays import FloatArray
from app.face.crop import FaceCrop
from app.face.median import median

COLUMN_STEP: Final = 1.0 / 400.0
"""Between columns of the row, unit of the crop: one pixel of the largest crop."""
INCISOR_WIDTH: Final = 0.032
"""Width of a central incisor, unit: 8.5 mm (Wheeler's Dental Anatomy) on a face whose irises lie
63 mm (Dodgson 2004), or 0.237 of the crop, apart."""
_INCISOR_COLUMNS: Final = round(INCISOR_WIDTH / COLUMN_STEP)
"""The same in columns."""
_MIN_OPENING: Final = 0.012
"""Less open (unit; under 5 px at 400) and what shows is shadow between the lips."""
_MAX_MOUTH_WIDTH: Final = 0.6
"""A wider mouth, as a share of the crop, is a landmark failure."""
_MIN_TEETH_WIDTHS: Final = 3.0
"""Columns of teeth, in incisor widths: both central ones and a half of each neighbour."""
_MIN_FILLED_SHARE: Final = 0.25
"""Share of the opening that a column's teeth must fill."""
# Teeth against lips, by their least colour: red lips and tongue have little blue and green.
_BRIGHTNESS_RATIO: Final = 1.15
_BRIGHTNESS_OFFSET: Final = 6.0
_LOG_FLOOR: Final = 8.0
"""Added to levels before the logarithm: dark pixels are mostly noise."""
_SCAN_LINES: Final = 12
"""The row of teeth is read on this many lines from gum to edge; outermost two are left out."""

# Inner lips from the viewer's left to right, and (outer, inner) pairs whose middle lies on a lip:
# FACEMESH_LIPS of MediaPipe.
_UPPER: Final = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
_LOWER: Final = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
_LIPS_OUTER: Final = (0, 37, 267, 39, 269, 17, 84, 314, 181, 405)
_LIPS_INNER: Final = (13, 82, 312, 81, 311, 14, 87, 317, 178, 402)
_MIDLINE: Final = (0, 13)
"""Middle of the upper lip: the face's midline as near to the teeth as landmarks come."""


@dataclass(frozen=True, eq=False)
class MouthOpening:
    """The gap between the inner lips in its own frame: x from corner to corner, y down, unit.

    ``columns``: x of every column, symmetric about the mouth's middle; ``upper`` and ``lower``: y
    of the lips there. ``midline``: x of the face's midline.
    """

    origin: FloatArray
    along: FloatArray
    down: FloatArray
    columns: FloatArray
    upper: FloatArray
    lower: FloatArray
    midline: float

    @property
    def height(self) -> float:
        return float((self.lower - self.upper).max())

    def map_to_crop(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Points (..., 2) in unit coordinates of the crop."""
        out: FloatArray = self.origin + x[..., None] * self.along + y[..., None] * self.down
        return out


@dataclass(frozen=True, eq=False)
class TeethRow:
    """The row of teeth: ``dips`` (n,), ln brightness against its surroundings, gaps negative.

    ``positions`` (n,): where, in incisor widths from the face's midline, to the viewer's right.
    """

    dips: FloatArray
    positions: FloatArray

    def dips_at(self, positions: FloatArray) -> FloatArray:
        """Dips at ``positions``; 0 beyond the row."""
        out: FloatArray = np.interp(positions, self.positions, self.dips, left=0.0, right=0.0)
        return out


def find_mouth_opening(landmarks: FloatArray) -> MouthOpening | None:
    """The gap between the inner lips of ``landmarks`` (478, 2), unit; ``None`` if closed."""
    left_corner, right_corner = landmarks[_UPPER[0]], landmarks[_UPPER[-1]]
    width = float(np.linalg.norm(right_corner - left_corner))
    count = int(width / COLUMN_STEP)
    if count < _MIN_TEETH_WIDTHS * _INCISOR_COLUMNS or width > _MAX_MOUTH_WIDTH:
        return None
    along = (right_corner - left_corner) / width
    down = np.array([-along[1], along[0]])
    frame = np.stack([along, down], axis=1)
    columns = width / 2.0 + (np.arange(count, dtype=np.float64) - (count - 1) / 2.0) * COLUMN_STEP
    lips = []
    for indices in (_UPPER, _LOWER):
        x, y = ((landmarks[list(indices)] - left_corner) @ frame).T
        lips.append(np.interp(columns, np.maximum.accumulate(x), y))
    midline = float(((landmarks[list(_MIDLINE)] - left_corner) @ along).mean())
    opening = MouthOpening(left_corner, along, down, columns, lips[0], lips[1], midline)
    return opening if _MIN_OPENING <= opening.height <= _MAX_MOUTH_WIDTH else None


def find_teeth_row(crop: FaceCrop, opening: MouthOpening) -> TeethRow | None:
    """The row of teeth in ``opening``; ``None`` if too little of it shows."""
    margin = 2.0 * COLUMN_STEP
    y = np.arange(opening.upper.min() - margin, opening.lower.max() + margin, COLUMN_STEP)
    levels = _min_channel(crop, opening.map_to_crop(*np.meshgrid(opening.columns, y)))
    inside = (y[:, None] > opening.upper - margin) & (y[:, None] < opening.lower + margin)
    teeth = inside & (levels > _BRIGHTNESS_RATIO * _lip_level(crop) + _BRIGHTNESS_OFFSET)
    filled = teeth.sum(axis=0) >= max(3.0, _MIN_FILLED_SHARE * opening.height / COLUMN_STEP)
    teeth_columns = np.flatnonzero(filled)
    if len(teeth_columns) < _MIN_TEETH_WIDTHS * _INCISOR_COLUMNS:
        return None
    first, last = int(teeth_columns[0]), int(teeth_columns[-1]) + 1
    columns = np.arange(first, last)
    top = _smooth_edge(np.interp(columns, teeth_columns, teeth.argmax(axis=0)[teeth_columns]))
    bottom = _smooth_edge(
        np.interp(columns, teeth_columns, len(y) - 1 - teeth[::-1].argmax(axis=0)[teeth_columns]),
    )
    lines = (np.arange(_SCAN_LINES) + 0.5) / _SCAN_LINES
    line_heights = top + lines[2:-2, None] * (bottom - top)
    brightness = cv2.remap(
        np.log(levels + np.float32(_LOG_FLOOR)),
        np.broadcast_to(columns, line_heights.shape).astype(np.float32),
        line_heights.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    profile = brightness.mean(axis=0, dtype=np.float64)
    dips = _blur_line(profile - _blur_line(profile, 0.45 * _INCISOR_COLUMNS), 1.0)
    return TeethRow(dips, (opening.columns[first:last] - opening.midline) / INCISOR_WIDTH)


def _min_channel(crop: FaceCrop, points: FloatArray) -> FloatArray:
    """The least of red, green and blue at ``points`` (..., 2), unit: whiteness, 0 to 255."""
    sample_px = (points * crop.side_px - 0.5).astype(np.float32)
    sample_px = np.clip(sample_px, -1e4, 1e4)  # the limit of OpenCV's fixed-point coordinates
    pixels = cv2.remap(
        crop.rgb,
        sample_px[..., 0],
        sample_px[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    out: FloatArray = pixels.min(axis=2).astype(np.float32)
    return out


def _lip_level(crop: FaceCrop) -> float:
    """``_min_channel`` of the lips."""
    points = crop.landmarks
    lip_points = (points[list(_LIPS_OUTER)] + points[list(_LIPS_INNER)]) / 2.0
    return float(median(_min_channel(crop, lip_points[None]).ravel()))


def _blur_line(line: FloatArray, sigma: float) -> FloatArray:
    blurred = cv2.GaussianBlur(
        line[None], (0, 0), sigmaX=sigma, sigmaY=1e-3, borderType=cv2.BORDER_REPLICATE
    )
    out: FloatArray = np.asarray(blurred, dtype=np.float64)[0]
    return out


def _smooth_edge(edge: FloatArray) -> FloatArray:
    """The edge of the row of teeth, smoothed over three columns."""
    return _blur_line(edge, 3.0)
