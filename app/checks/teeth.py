"""Do the visible teeth look drawn?

What it sees: the teeth between open lips: where the gap between the two middle ones lies, how deep
the gaps between teeth are, and how alike.

Why generators do it: a generator paints teeth as a texture that follows the axes of the picture,
not as objects in a turning head. So the middle gap stays behind when the head turns, gaps are
shallow where teeth melt into each other, and the row is more even than most people's.

How it is measured: bright, colourless pixels between the inner lips (478 landmarks) are taken for
teeth. Their brightness along the row shows each gap as a dip; the deepest dip near the face's
midline is the dental midline. A network adds what it says of the mouth alone.

When it cannot be: the lips are closed or show too little of the teeth, the crop is under 120 px
wide (a front tooth is then less than four pixels), or the mouth lies outside the picture. Each
measure alone is weak evidence: people's teeth vary more than generators' do.

Reference: Matern, Riess, Stamminger 2019 (WACVW, doi 10.1109/WACVW.2019.00020) for teeth without
detail; Karras et al. 2020 (arXiv 1912.04958, section 4) for teeth that do not turn with the head.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from app.crop import FaceCrop
from app.evidence import Check, Mark, Match, Reading, Reason, Unmeasurable
from app.face import FloatArray
from app.portrait import Portrait, inside
from app.regions import Region
from app.witness import look

MIN_SIDE_PX: Final = 120
"""The measures were found to point the same way on crops of 400, 200 and 130 px, not of 96."""

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
_SEARCH: Final = 0.75
"""How far from the face's midline the middle gap is sought, incisor widths; beyond lies another."""
_PULL: Final = 1.2
"""How much deeper a gap must be to be believed one width further off, in RMS depths."""
_TURN_DEG: Final = 8.0
"""From here on a head counts as turned."""
_FLAT: Final = 1e-3
"""RMS depth (ln) under which there are no gaps to compare."""
_TYPICAL_EVENNESS: Final = 0.80
"""Mean ÷ RMS of |normal noise|, √(2/π): what stands for it where there are no gaps."""

# Inner lips from the viewer's left to right, and (outer, inner) pairs whose middle lies on a lip:
# FACEMESH_LIPS of MediaPipe.
_UPPER: Final = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
_LOWER: Final = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
_LIPS_OUTER: Final = (0, 37, 267, 39, 269, 17, 84, 314, 181, 405)
_LIPS_INNER: Final = (13, 82, 312, 81, 311, 14, 87, 317, 178, 402)
_MIDLINE: Final = (0, 13)
"""Middle of the upper lip: the face's midline as near to the teeth as landmarks come."""
_NOSE_BASE: Final = 2
_LOWER_LIP: Final = 17


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


def measure(portrait: Portrait) -> Reading | Unmeasurable:
    """What the network says of the mouth, and three measures of the row of teeth."""
    crop = portrait.crop
    if crop is None or crop.side_px < MIN_SIDE_PX:
        return Unmeasurable(Reason.TOO_SMALL)
    opening = find_opening(crop.landmarks)
    row = find_row(crop, opening) if opening else None
    if opening is None or row is None:
        return Unmeasurable(Reason.MOUTH_CLOSED)
    seen = look(portrait, Region.TEETH)
    if isinstance(seen, Unmeasurable):
        return seen
    middle = dental_midline(row)
    return Reading(
        value=seen.log_odds,
        marks=_marks(crop, opening, middle, portrait.picture.size),
        measures={
            "witness": seen.log_odds,
            "ln_side": math.log(crop.side_px / 200.0),
            "lag": lag(middle, portrait.face.yaw_deg),
            "ln_gap_depth": ln_gap_depth(row),
            "evenness": evenness(row),
        },
    )


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


def dental_midline(row: Row) -> float:
    """Where the gap between the central incisors lies: incisor widths right of the face's midline.

    The deepest dip near the midline; a further one has to be deeper.
    """
    places = np.linspace(-_SEARCH, _SEARCH, 31)
    rms = float(row.dips.std())
    return float(places[np.argmax(-row.at(places) - _PULL * rms * places**2)])


def lag(middle: float, yaw_deg: float) -> float:
    """How far the dental midline stays behind a turned head, incisor widths; 0 if frontal.

    Positive: behind. ``middle`` as ``dental_midline`` gives it; ``yaw_deg`` positive to the right.
    """
    return -middle * math.tanh(yaw_deg / _TURN_DEG)


def ln_gap_depth(row: Row) -> float:
    """Natural log of the RMS dip along the row, itself in ln brightness: -6.2 (none) to about 0."""
    return math.log(float(row.dips.std()) + 2e-3)


def evenness(row: Row) -> float:
    """Mean ÷ RMS of the dips, 0 to 1: low where one gap or edge outdoes all others."""
    rms = float(np.sqrt((row.dips**2).mean()))
    return float(np.abs(row.dips).mean()) / rms if rms > _FLAT else _TYPICAL_EVENNESS


def summarize(llr: float, match: Match | None) -> str:
    """What the teeth say, in a moderator's words."""
    del match  # of the frame, not of the teeth
    if llr >= 1.0:
        return "the teeth look drawn: compare their middle gap and edges with the face's midline"
    if llr >= 0.3:
        return "the teeth look a little more like a generator's than like a photograph's"
    if llr > -0.3:
        return "the teeth look much the same in photographs and in generated faces"
    return "the teeth look more like a photograph's than like a generator's"


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
    return float(np.median(_least_colour(crop, middles[None])))


def _blurred(line: FloatArray, sigma: float) -> FloatArray:
    blurred = cv2.GaussianBlur(
        line[None], (0, 0), sigmaX=sigma, sigmaY=1e-3, borderType=cv2.BORDER_REPLICATE
    )
    out: FloatArray = np.asarray(blurred, dtype=np.float64)[0]
    return out


def _smoothed(edge: FloatArray) -> FloatArray:
    """The edge of the row of teeth without its jags, three columns at a time."""
    return _blurred(edge, 3.0)


def _marks(
    crop: FaceCrop, opening: Opening, middle: float, size: tuple[int, int]
) -> tuple[Mark, ...]:
    """The dental midline across the opening; the face's from the nose to under the lower lip."""
    x = opening.midline + middle * TOOTH
    near = int(np.argmin(np.abs(opening.columns - x)))
    lips = opening.upper[near], opening.lower[near]
    ends = (crop.landmarks[[_NOSE_BASE, _LOWER_LIP]] - opening.origin) @ opening.down
    return tuple(
        Mark(inside(crop.to_picture(opening.to_crop(np.full(2, at), np.array(y))), size), "line", k)
        for at, y, k in ((x, lips, "dental midline"), (opening.midline, ends, "face midline"))
    )


CHECK = Check(
    name="teeth",
    version=1,
    unit="ln odds, before calibration",
    reference="Karras et al. 2020, arXiv 1912.04958; Matern et al. 2019, 10.1109/WACVW.2019.00020",
    measure=measure,
    summarize=summarize,
)
