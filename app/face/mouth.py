"""The mouth of a face crop: the opening between the lips, and the row of teeth that shows in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from app.face.crop import FaceCrop
from app.face.face import FloatArray
from app.face.median import median

STEP: Final = 1.0 / 400.0
"""Between columns of the row, unit of the crop: one pixel of the largest crop."""
TOOTH: Final = 0.032
"""Width of a central incisor, unit: 8.5 mm (Wheeler's Dental Anatomy) on a face whose irises lie
63 mm (Dodgson 2004), or 0.237 of the crop, apart."""
_WIDTH: Final = round(TOOTH / STEP)
"""The same in columns."""
_MIN_OPENING: Final = 0.012
"""Less open (unit; under 5 px at 400) and what shows is shadow between the lips."""
_MAX_MOUTH: Final = 0.6
"""A mouth that is larger than this share of the crop is none."""
_MIN_TEETH: Final = 3.0
"""Columns of teeth, in incisor widths: both central ones and a half of each neighbour."""
_MIN_HEIGHT: Final = 0.25
"""Share of the opening that a column's teeth must fill."""
# Teeth against lips, by their least colour: red lips and tongue have little blue and green.
_BRIGHTER: Final = 1.15
_BRIGHTER_BY: Final = 6.0
_LOG_FLOOR: Final = 8.0
"""Added to levels before the logarithm: dark pixels are mostly noise."""
_ROWS: Final = 12
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
class Opening:
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

    def to_crop(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Points (..., 2) in unit coordinates of the crop."""
        out: FloatArray = self.origin + x[..., None] * self.along + y[..., None] * self.down
        return out


@dataclass(frozen=True, eq=False)
class Row:
    """The row of teeth: ``dips`` (n,), ln brightness against its surroundings, gaps negative.

    ``columns`` (n,): where, in incisor widths from the face's midline, to the viewer's right.
    """

    dips: FloatArray
    columns: FloatArray

    def at(self, places: FloatArray) -> FloatArray:
        """Dips at ``places``; 0 beyond the row."""
        out: FloatArray = np.interp(places, self.columns, self.dips, left=0.0, right=0.0)
        return out


def find_opening(landmarks: FloatArray) -> Opening | None:
    """The gap between the inner lips of ``landmarks`` (478, 2), unit; ``None`` if closed."""
    corner, other = landmarks[_UPPER[0]], landmarks[_UPPER[-1]]
    width = float(np.linalg.norm(other - corner))
    count = int(width / STEP)
    if count < _MIN_TEETH * _WIDTH or width > _MAX_MOUTH:
        return None
    along = (other - corner) / width
    down = np.array([-along[1], along[0]])
    frame = np.stack([along, down], axis=1)
    columns = width / 2.0 + (np.arange(count, dtype=np.float64) - (count - 1) / 2.0) * STEP
    lips = []
    for indices in (_UPPER, _LOWER):
        x, y = ((landmarks[list(indices)] - corner) @ frame).T
        lips.append(np.interp(columns, np.maximum.accumulate(x), y))
    midline = float(((landmarks[list(_MIDLINE)] - corner) @ along).mean())
    opening = Opening(corner, along, down, columns, lips[0], lips[1], midline)
    return opening if _MIN_OPENING <= opening.height <= _MAX_MOUTH else None


def find_row(crop: FaceCrop, opening: Opening) -> Row | None:
    """The row of teeth in ``opening``; ``None`` if too little of it shows."""
    margin = 2.0 * STEP
    y = np.arange(opening.upper.min() - margin, opening.lower.max() + margin, STEP)
    levels = _least_colour(crop, opening.to_crop(*np.meshgrid(opening.columns, y)))
    inside = (y[:, None] > opening.upper - margin) & (y[:, None] < opening.lower + margin)
    teeth = inside & (levels > _BRIGHTER * _lip_level(crop) + _BRIGHTER_BY)
    filled = teeth.sum(axis=0) >= max(3.0, _MIN_HEIGHT * opening.height / STEP)
    shown = np.flatnonzero(filled)
    if len(shown) < _MIN_TEETH * _WIDTH:
        return None
    first, last = int(shown[0]), int(shown[-1]) + 1
    every = np.arange(first, last)
    top = _smoothed(np.interp(every, shown, teeth.argmax(axis=0)[shown]))
    bottom = _smoothed(
        np.interp(every, shown, len(y) - 1 - teeth[::-1].argmax(axis=0)[shown]),
    )
    lines = (np.arange(_ROWS) + 0.5) / _ROWS
    rows = top + lines[2:-2, None] * (bottom - top)
    brightness = cv2.remap(
        np.log(levels + np.float32(_LOG_FLOOR)),
        np.broadcast_to(every, rows.shape).astype(np.float32),
        rows.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    profile = brightness.mean(axis=0, dtype=np.float64)
    dips = _blurred(profile - _blurred(profile, 0.45 * _WIDTH), 1.0)
    return Row(dips, (opening.columns[first:last] - opening.midline) / TOOTH)


def _least_colour(crop: FaceCrop, points: FloatArray) -> FloatArray:
    """The least of red, green and blue at ``points`` (..., 2), unit: whiteness, 0 to 255."""
    at = (points * crop.side_px - 0.5).astype(np.float32)
    at = np.clip(at, -1e4, 1e4)  # OpenCV's fixed-point coordinates end soon after
    pixels = cv2.remap(
        crop.rgb, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    out: FloatArray = pixels.min(axis=2).astype(np.float32)
    return out


def _lip_level(crop: FaceCrop) -> float:
    """``_least_colour`` of the lips."""
    points = crop.landmarks
    middles = (points[list(_LIPS_OUTER)] + points[list(_LIPS_INNER)]) / 2.0
    return float(median(_least_colour(crop, middles[None]).ravel()))


def _blurred(line: FloatArray, sigma: float) -> FloatArray:
    blurred = cv2.GaussianBlur(
        line[None], (0, 0), sigmaX=sigma, sigmaY=1e-3, borderType=cv2.BORDER_REPLICATE
    )
    out: FloatArray = np.asarray(blurred, dtype=np.float64)[0]
    return out


def _smoothed(edge: FloatArray) -> FloatArray:
    """The edge of the row of teeth without its jags, three columns at a time."""
    return _blurred(edge, 3.0)
