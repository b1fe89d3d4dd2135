"""Do the two irises look drawn?

What it sees: both irises, where eyes are large enough: their colours, their pattern of highlights
and shading, the shape of the pupil, and the ring around each.

Why generators do it: a generator learned what eyes look like, not how light falls into them. At
avatar sizes this does not appear as mismatched eyes: StyleGAN's are *more* alike, rounder and more
plainly ringed than most photographs', as if retouched.

How it is measured: each iris (478 landmarks) is cut out in Lab, at its own radius and within the
lids. The colours' difference, the likeness pixel by pixel, the elongation of the dark middle and
the step at the ring against the texture inside. A network adds its log odds for the eyes alone.

When it cannot be: the crop is under 120 px wide (an iris is then five pixels), lids cover most of
an iris, dark glasses hide it, or the eyes lie outside the picture. Mismatched highlights, reported
to reveal generators at 1024 px, were uninformative at 400 px and are not weighed alone.

Reference: Hu, Li, Lyu 2021 (arXiv 2009.11924) for highlights; Guo et al. 2022 (arXiv 2109.00162)
for pupils; Matern, Riess, Stamminger 2019 for colours; Barrington 2022 found no difference.
"""

from __future__ import annotations

import itertools
import math
from typing import Final

import numpy as np

from app.arrays import FloatArray
from app.evidence import Check, GradedSummary, Mark, Reading, Reason, Unmeasurable
from app.face.crop import FaceCrop, ln_side
from app.face.eyes import (
    GRID_RADIUS,
    GRID_X,
    GRID_Y,
    IRIS_DISC,
    Eye,
    cheek_lightness,
    extract_eye,
    quantile,
)
from app.face.face import IRIS_LEFT, IRIS_RIGHT
from app.face.median import median
from app.face.portrait import Portrait, clip_points
from app.networks.region_score import LOG_ODDS, score_region
from app.networks.regions import Region

MIN_SIDE_PX: Final = 120
"""The measures' effects have the same sign on crops of 400, 200 and 130 px, not of 96."""
MIN_VISIBLE_SHARE: Final = 0.35
"""Share of an iris that the lids must leave free."""
DARK_GLASSES_SHARE: Final = 0.25
"""If the brightest part of either eye has less than this share of the cheeks' L*, something dark
covers it. Narrowed and shaded eyes were seen down to 0.23, dark glasses up to 0.30."""

_HIGHLIGHT_STEP: Final = 15.0
"""L* above an iris's own median: a highlight, not the iris's colour."""
_RING_STEP: Final = 0.15
"""Width of the rings over which brightness is averaged, iris radii."""
_MAX_LIKENESS: Final = 0.97
_TYPICAL_ELONGATION: Final = 0.45
"""Median over all measured pictures: the default where no dark centre can be segmented."""

_BODY_MASK: Final = (GRID_RADIUS > 0.4) & (GRID_RADIUS < 0.8)
_INNER_MASK: Final = GRID_RADIUS < 0.75
_CORE_MASK: Final = GRID_RADIUS < 0.6
_BESIDE_MASK: Final = np.abs(GRID_Y) < 0.45
_SHELL_INDEX: Final = np.clip((GRID_RADIUS * 10.0).astype(np.intp), 0, 9)
_RING_MASKS: Final = tuple(
    _BESIDE_MASK & (np.abs(GRID_RADIUS - r) < _RING_STEP / 2.0)
    for r in np.arange(0.625, 1.4, _RING_STEP)
)


def measure(portrait: Portrait) -> Reading | Unmeasurable:
    """The network's log odds for the eyes, and four measures of the irises."""
    crop = portrait.crop
    if crop is None or crop.side_px < MIN_SIDE_PX:
        return Unmeasurable(Reason.TOO_SMALL)
    eyes = find_eyes(crop)
    if isinstance(eyes, Unmeasurable):
        return eyes
    score = score_region(portrait, Region.IRISES)
    if isinstance(score, Unmeasurable):
        return score
    left, right = eyes
    return Reading(
        value=score.log_odds,
        marks=_marks(crop, eyes, portrait.picture.size),
        measures={
            "witness": score.log_odds,
            "ln_side": ln_side(crop.side_px),
            "ln_colour_difference": ln_colour_difference(left, right),
            "likeness": likeness(left, right),
            "ln_elongation": math.log((elongation(left) + elongation(right)) / 2.0 + 0.05),
            "ln_ring": (ln_ring(left) + ln_ring(right)) / 2.0,
        },
    )


def find_eyes(crop: FaceCrop) -> tuple[Eye, Eye] | Unmeasurable:
    """Both eyes of ``crop``, the viewer's left first; unmeasurable if either cannot be seen."""
    eyes = tuple(extract_eye(crop, centre) for centre in (IRIS_LEFT, IRIS_RIGHT))
    left, right = eyes
    if left is None or right is None:
        return Unmeasurable(Reason.TOO_SMALL)
    if min(left.visible_share, right.visible_share) < MIN_VISIBLE_SHARE:
        return Unmeasurable(Reason.EYES_CLOSED)
    if has_dark_glasses(left, right, cheek_lightness(crop)):
        return Unmeasurable(Reason.OCCLUDED)
    return left, right


def has_dark_glasses(left: Eye, right: Eye, cheeks: float) -> bool:
    """Whether no part of either eye is as bright as even a shaded white of an eye.

    ``cheeks``: their L*.
    """
    brightest = max(quantile(np.sort(e.lightness[e.open_mask]), 0.9) for e in (left, right))
    return brightest < DARK_GLASSES_SHARE * cheeks


def ln_colour_difference(left: Eye, right: Eye) -> float:
    """Natural log of the distance (CIE 1976, plus 0.7) between the irises' mean colours."""
    return math.log(float(np.linalg.norm(_mean_colour(left) - _mean_colour(right))) + 0.7)


def likeness(left: Eye, right: Eye) -> float:
    """Correlation of the irises' lightness, not mirrored, as Fisher's z: -2.1 to 2.1.

    Light falls on both eyes from one side: highlights and shades in the same place read high. 0
    where an iris is flat.
    """
    visible_in_both = IRIS_DISC & left.open_mask & right.open_mask
    if not visible_in_both.any():
        return 0.0
    one, other = (
        e.lightness[visible_in_both] - e.lightness[visible_in_both].mean() for e in (left, right)
    )
    power = math.sqrt(float((one**2).sum() * (other**2).sum()))
    correlation = float((one * other).sum()) / power if power > 1e-3 else 0.0
    return math.atanh(min(_MAX_LIKENESS, max(-_MAX_LIKENESS, correlation)))


def elongation(eye: Eye) -> float:
    """Of the dark middle of the iris: (a² − b²) ÷ (a² + b²) of its axes, 0 (round) to 1."""
    lightness = eye.lightness
    iris = np.sort(lightness[IRIS_DISC & eye.open_mask])
    dark, usual = quantile(iris, 0.1), quantile(iris, 0.5)
    weight = np.where(
        _CORE_MASK & eye.open_mask, np.maximum(0.0, (dark + usual) / 2.0 - lightness), 0.0
    )
    total = float(weight.sum())
    if total < 1.0:
        return _TYPICAL_ELONGATION
    x, y = float((weight * GRID_X).sum()) / total, float((weight * GRID_Y).sum()) / total
    xx = float((weight * (GRID_X - x) ** 2).sum())
    yy = float((weight * (GRID_Y - y) ** 2).sum())
    xy = float((weight * (GRID_X - x) * (GRID_Y - y)).sum())
    spread = xx + yy
    return math.hypot(xx - yy, 2.0 * xy) / spread if spread > 0.0 else _TYPICAL_ELONGATION


def ln_ring(eye: Eye) -> float:
    """Natural log of the step in L* at the iris's ring ÷ the L* texture inside.

    The step is the largest between neighbouring rings outside the pupil; the texture is what is
    left of the lightness without highlights when its mean at every radius is taken off.
    """
    lightness = eye.lightness
    means = [
        float(lightness[ring & eye.open_mask].mean())
        for ring in _RING_MASKS
        if (ring & eye.open_mask).any()
    ]
    step = max((b - a for a, b in itertools.pairwise(means)), default=0.0)
    inner = _INNER_MASK & eye.open_mask
    if inner.any():
        inner &= lightness < median(lightness[inner]) + _HIGHLIGHT_STEP
    values, shells = lightness[inner], _SHELL_INDEX[inner]
    if not len(values):
        return 0.0
    mean = np.bincount(shells, values, 10) / np.maximum(1, np.bincount(shells, minlength=10))
    texture = float((values - mean[shells]).std())
    return math.log(max(0.5, step)) - math.log(texture + 0.5)


def find_highlight(eye: Eye) -> FloatArray | None:
    """Where the brightest highlight in the iris lies, unit, (1, 2); ``None`` without one."""
    iris = IRIS_DISC & eye.open_mask
    level = np.where(iris, eye.lightness, 0.0)
    brightest = np.unravel_index(int(level.argmax()), level.shape)
    if level[brightest] < float(median(eye.lightness[iris])) + _HIGHLIGHT_STEP:
        return None
    out: FloatArray = eye.centre + eye.radius * np.array([[GRID_X[brightest], GRID_Y[brightest]]])
    return out


summarize: Final = GradedSummary(
    drawn="the irises look drawn: see whether they are too alike, too plain, too neatly ringed",
    rather_drawn="the irises look a little more like a generator's than like a photograph's",
    neither="the irises look much the same in photographs and in generated faces",
    photographed="the irises look more like a photograph's than like a generator's",
)


def _mean_colour(eye: Eye) -> FloatArray:
    """Mean Lab of the iris without pupil, ring and highlights."""
    body = _BODY_MASK & eye.open_mask
    if not body.any():
        body = IRIS_DISC & eye.open_mask
    plain = body & (eye.lightness < median(eye.lightness[body]) + _HIGHLIGHT_STEP)
    out: FloatArray = eye.lab[plain].mean(axis=0)
    return out


def _marks(crop: FaceCrop, eyes: tuple[Eye, Eye], size: tuple[int, int]) -> tuple[Mark, ...]:
    """Both irises' outlines, and a dot on each highlight."""
    angles = np.arange(16) / 16.0 * 2.0 * math.pi
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    marks = [
        Mark(
            clip_points(crop.map_to_picture(e.centre + e.radius * circle), size), "outline", "iris"
        )
        for e in eyes
    ]
    highlights = [point for e in eyes if (point := find_highlight(e)) is not None]
    if highlights:
        dots = clip_points(crop.map_to_picture(np.concatenate(highlights)), size)
        marks.append(Mark(dots, "dots", "highlights"))
    return tuple(marks)


CHECK = Check(
    name="irises",
    version=1,
    unit=LOG_ODDS,
    reference="Hu, Li, Lyu 2021, arXiv 2009.11924; Guo et al. 2022, arXiv 2109.00162",
    measure=measure,
    summarize=summarize,
)
