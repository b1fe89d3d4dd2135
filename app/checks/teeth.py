"""Do the visible teeth look drawn?

What it sees: the teeth between open lips: where the gap between the two middle ones lies, how deep
the gaps between teeth are, and how alike.

Why generators do it: a generator paints teeth as a texture that follows the axes of the picture,
not as objects in a turning head. So the middle gap stays behind when the head turns, gaps are
shallow where teeth melt into each other, and the row is more even than most people's.

How it is measured: bright, colourless pixels between the inner lips (478 landmarks) are taken for
teeth. Their brightness along the row shows each gap as a dip; the deepest dip near the face's
midline is the dental midline. A network adds its log odds for the mouth alone.

When it cannot be: the lips are closed or show too little of the teeth, the crop is under 120 px
wide (a front tooth is then less than four pixels), or the mouth lies outside the picture. Each
measure alone is weak evidence: people's teeth vary more than generators' do.

Reference: Matern, Riess, Stamminger 2019 (WACVW, doi 10.1109/WACVW.2019.00020) for teeth without
detail; Karras et al. 2020 (arXiv 1912.04958, section 4) for teeth that do not turn with the head.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from app.evidence import Check, GradedSummary, Mark, Reading, Reason, Unmeasurable
from app.face.crop import FaceCrop, ln_side
from app.face.mouth import INCISOR_WIDTH, MouthOpening, TeethRow, find_mouth_opening, find_teeth_row
from app.face.portrait import Portrait, clip_points
from app.networks.region_score import LOG_ODDS, score_region
from app.networks.regions import Region

MIN_SIDE_PX: Final = 120
"""The measures' effects have the same sign on crops of 400, 200 and 130 px, not of 96."""

_SEARCH_WIDTHS: Final = 0.75
"""Search radius for the middle gap around the face's midline, incisor widths; the next gap is
beyond."""
_DISTANCE_PENALTY: Final = 1.2
"""How much deeper a gap must be per incisor width of distance, in RMS depths."""
_TURN_DEG: Final = 8.0
"""Yaw from which a head counts as turned."""
_MIN_RMS_DEPTH: Final = 1e-3
"""RMS depth (ln) below which there are no gaps to compare."""
_TYPICAL_EVENNESS: Final = 0.80
"""Mean ÷ RMS of |normal noise|, √(2/π): the default where there are no gaps."""

_NOSE_BASE: Final = 2
_LOWER_LIP: Final = 17


def measure(portrait: Portrait) -> Reading | Unmeasurable:
    """The network's log odds for the mouth, and three measures of the row of teeth."""
    crop = portrait.crop
    if crop is None or crop.side_px < MIN_SIDE_PX:
        return Unmeasurable(Reason.TOO_SMALL)
    opening = find_mouth_opening(crop.landmarks)
    row = find_teeth_row(crop, opening) if opening else None
    if opening is None or row is None:
        return Unmeasurable(Reason.MOUTH_CLOSED)
    score = score_region(portrait, Region.TEETH)
    if isinstance(score, Unmeasurable):
        return score
    midline = dental_midline(row)
    return Reading(
        value=score.log_odds,
        marks=_marks(crop, opening, midline, portrait.picture.size),
        measures={
            "witness": score.log_odds,
            "ln_side": ln_side(crop.side_px),
            "lag": lag(midline, portrait.face.yaw_deg),
            "ln_gap_depth": ln_gap_depth(row),
            "evenness": evenness(row),
        },
    )


def dental_midline(row: TeethRow) -> float:
    """Where the gap between the central incisors lies: incisor widths right of the face's midline.

    The deepest dip near the midline; a further one has to be deeper.
    """
    positions = np.linspace(-_SEARCH_WIDTHS, _SEARCH_WIDTHS, 31)
    rms = float(row.dips.std())
    return float(
        positions[np.argmax(-row.dips_at(positions) - _DISTANCE_PENALTY * rms * positions**2)]
    )


def lag(midline: float, yaw_deg: float) -> float:
    """How far the dental midline stays behind a turned head, incisor widths; 0 if frontal.

    Positive: behind. ``midline`` as ``dental_midline`` gives it; ``yaw_deg`` positive to the right.
    """
    return -midline * math.tanh(yaw_deg / _TURN_DEG)


def ln_gap_depth(row: TeethRow) -> float:
    """Natural log of the RMS dip along the row, itself in ln brightness: -6.2 (none) to about 0."""
    return math.log(float(row.dips.std()) + 2e-3)


def evenness(row: TeethRow) -> float:
    """Mean ÷ RMS of the dips, 0 to 1: low where one gap or edge outdoes all others."""
    rms = float(np.sqrt((row.dips**2).mean()))
    return float(np.abs(row.dips).mean()) / rms if rms > _MIN_RMS_DEPTH else _TYPICAL_EVENNESS


summarize: Final = GradedSummary(
    drawn="the teeth look drawn: compare their middle gap and edges with the face's midline",
    rather_drawn="the teeth look a little more like a generator's than like a photograph's",
    neither="the teeth look much the same in photographs and in generated faces",
    photographed="the teeth look more like a photograph's than like a generator's",
)


def _marks(
    crop: FaceCrop, opening: MouthOpening, midline: float, size: tuple[int, int]
) -> tuple[Mark, ...]:
    """The dental midline across the opening; the face's from the nose to under the lower lip."""
    x = opening.midline + midline * INCISOR_WIDTH
    nearest = int(np.argmin(np.abs(opening.columns - x)))
    lips = opening.upper[nearest], opening.lower[nearest]
    ends = (crop.landmarks[[_NOSE_BASE, _LOWER_LIP]] - opening.origin) @ opening.down
    return tuple(
        Mark(
            clip_points(
                crop.map_to_picture(opening.map_to_crop(np.full(2, at), np.array(y))), size
            ),
            "line",
            k,
        )
        for at, y, k in ((x, lips, "dental midline"), (opening.midline, ends, "face midline"))
    )


CHECK = Check(
    name="teeth",
    version=1,
    unit=LOG_ODDS,
    reference="Karras et al. 2020, arXiv 1912.04958; Matern et al. 2019, 10.1109/WACVW.2019.00020",
    measure=measure,
    summarize=summarize,
)
