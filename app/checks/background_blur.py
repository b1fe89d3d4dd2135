"""Does the background look drawn?

What it sees: what lies beside and above the person. A network judges it from its pixels alone,
at 200 px at most and the person painted over; three measures say what a person could look for.

Why generators do it: they learn faces well, and the endless variety behind them badly. Backgrounds
come out as a smear in which structures dissolve, as soft here as there, where a lens blurs by
distance and leaves bare walls beside crisp edges.

How it is measured: on the face crop in grey at 128 px, away from the person's outline. ``peaks``:
how much of the fine detail sits in few places. ``depths``: how much sharpness varies from place to
place. ``boldness``: the boldest form in the background against the face. All are lower for
StyleGAN 2 than for every kind of photograph tried, and all are weak: an AUC of some .68, .66 and
.63 at 400 px against the photographs among which they were chosen. Generators of studio portraits
escape them. Only the calibration says what they weigh beside the network. Plain sharpness, contrast
or colour would say more of some photographs and the opposite of others. On an empty wall ``peaks``
and ``depths`` read their usual values.

When it cannot be: the crop is under 90 px wide, or almost no background is seen.

Reference: DiResta, Goldstein 2022, and Matern, Riess, Stamminger 2019
(doi 10.1109/WACVW.2019.00020), for cues that a person can check. The measures are this project's
own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import cv2
import numpy as np

from app.evidence import SAYS_SOMETHING, Check, Mark, Match, Reading, Reason, Unmeasurable
from app.face.crop import FaceCrop
from app.face.crop_gray import SIDE_PX, Area, Grey, blurred, face_area, share
from app.face.face import FloatArray
from app.face.portrait import Portrait, inside
from app.networks.region_score import Witness, look
from app.networks.regions import PERSON, Region

MIN_SIDE_PX: Final = 90
"""The measures hold at 96 px, but for studio portraits, which read like photographs there."""
REFERENCE_SIDE_PX: Final = 200
"""The avatar size at which ``ln_side`` is 0."""
MIN_BACKGROUND: Final = 0.02
"""Share of the crop that must be background; 99 % of 3,900 crops have 0.03 or more."""
MIN_PIXELS: Final = 25
"""A mean over fewer is left alone."""
SHOULDERS: Final = 0.8
"""Below it (unit) clothes are too often taken for background."""
FLOOR: Final = 0.5
"""Grey levels of fine detail that JPEG at quality 80 alone can make."""
SIGMAS_PX: Final = (1.0, 2.0, 4.0)
"""Gaussians, of the 128 px, between which lie detail, form and shape."""
BLOCK_PX: Final = 8
"""Sharpness is told apart in blocks of this many of the 128 px."""
MIN_BLOCKS: Final = 6
"""Fewer tell nothing of how places differ."""
FULL: Final = 0.8
"""Share of a block that must be background."""
MIN_FORM: Final = 1.0
"""Grey levels; a place with less is bare, and cannot be soft."""
MIN_SHARE: Final = 0.5
"""The network's hottest place is shown only where it is mostly background."""
CLEAR: Final = 0.03
"""Unit distance from the person's outline from which on its own edge is not seen any more."""

# What a measure reads where it cannot tell: medians over 13,000 crops of both kinds.
USUAL_PEAKS: Final = 0.32
USUAL_DEPTHS: Final = -1.41
USUAL_BOLDNESS: Final = 0.28


@dataclass(frozen=True, eq=False)
class Backdrop:
    """The crop at 128 px and where its background lies; all (128, 128).

    How much grey levels differ from their surroundings, >= 0: ``detail`` over a pixel or two,
    ``form`` over twice that, ``shape`` over four times that. ``clear``: background, away from the
    person; ``face``: the inside of the face.
    """

    detail: Grey
    form: Grey
    shape: Grey
    clear: Area
    face: Area

    @cached_property
    def full(self) -> Area:
        """Which blocks are background, (16, 16)."""
        return _blocks(self.clear.astype(np.float32)) > FULL

    @cached_property
    def details(self) -> Grey:
        """``detail`` by block."""
        return _blocks(self.detail)

    @cached_property
    def forms(self) -> Grey:
        """``form`` by block."""
        return _blocks(self.form)


def measure(portrait: Portrait) -> Reading | Unmeasurable:
    """Natural log odds of a generator by the network, and three measures of the background."""
    crop = portrait.crop
    if crop is None or crop.side_px < MIN_SIDE_PX:
        return Unmeasurable(Reason.TOO_SMALL)
    witness = look(portrait, Region.BACKGROUND)
    if isinstance(witness, Unmeasurable):
        return witness
    person = portrait.person
    if person is None:
        return Unmeasurable(Reason.NOT_LOOKED_AT)
    backdrop = backdrop_of(crop, person)
    if float(backdrop.clear.mean()) < MIN_BACKGROUND:
        return Unmeasurable(Reason.NO_BACKGROUND)
    return Reading(
        value=witness.log_odds,
        marks=_marks(crop, backdrop, witness, portrait.picture.size),
        measures={
            "witness": witness.log_odds,
            "ln_side": math.log(crop.side_px / REFERENCE_SIDE_PX),
            "peaks": peaks(backdrop),
            "depths": depths(backdrop),
            "boldness": boldness(backdrop),
        },
    )


def backdrop_of(crop: FaceCrop, person: FloatArray) -> Backdrop:
    """Where the background is: visible, not the person, and not the person's edge."""
    grey = crop.grey
    middle = (np.arange(SIDE_PX) + 0.5) / SIDE_PX
    seen = crop.visible
    rows = (middle > seen.top) & (middle < min(seen.bottom, SHOULDERS))
    columns = (middle > seen.left) & (middle < seen.right)
    whole = np.asarray(cv2.resize(person.astype(np.float32), (SIDE_PX, SIDE_PX)))
    outside = (whole <= 0.5).astype(np.uint8)
    away = np.asarray(cv2.distanceTransform(outside, cv2.DIST_L2, 3)) / SIDE_PX
    there = rows[:, None] & columns & (whole < PERSON)
    soft, softer, softest = (blurred(grey, sigma) for sigma in SIGMAS_PX)
    return Backdrop(
        detail=np.abs(grey - soft),
        form=np.abs(soft - softer),
        shape=np.abs(softer - softest),
        clear=there & (away > CLEAR),
        face=face_area(crop, 0.85) & rows[:, None] & columns,
    )


def peaks(backdrop: Backdrop) -> float:
    """Log of the mean of the background's detail over the squared mean of its root; >= 0."""
    detail = backdrop.detail[backdrop.clear]
    if detail.size < MIN_PIXELS:
        return USUAL_PEAKS
    mean, root = float(detail.mean()), float(np.sqrt(detail).mean())
    return math.log((mean + math.exp(USUAL_PEAKS) * FLOOR) / (root * root + FLOOR))


def depths(backdrop: Backdrop) -> float:
    """Log of how much sharpness (detail over form) varies between blocks (standard deviation)."""
    full = backdrop.full
    if int(full.sum()) < MIN_BLOCKS:
        return USUAL_DEPTHS
    detail, form = backdrop.details[full], backdrop.forms[full]
    spread = float(np.log((detail + FLOOR) / (form + FLOOR)).std())
    trust = float(form.mean()) ** 2 / (float(form.mean()) ** 2 + FLOOR * FLOOR)
    return trust * math.log(spread + 0.03) + (1.0 - trust) * USUAL_DEPTHS


def boldness(backdrop: Backdrop) -> float:
    """Log of the boldest form in the background (mean of a block) over the face's mean."""
    full = backdrop.full
    face = backdrop.shape[backdrop.face]
    if int(full.sum()) < MIN_BLOCKS or face.size < MIN_PIXELS:
        return USUAL_BOLDNESS
    boldest = float(_blocks(backdrop.shape)[full].max())
    return math.log((boldest + FLOOR) / (float(face.mean()) + FLOOR))


def softest_place(backdrop: Backdrop) -> FloatArray | None:
    """The place whose form has the least detail on it: corners, unit (4, 2). Walls have none."""
    form = backdrop.forms
    there = backdrop.full & (form > MIN_FORM)
    if int(there.sum()) < MIN_BLOCKS:
        return None
    softness = (form + FLOOR) / (backdrop.details + FLOOR)
    row, column = divmod(int(np.where(there, softness, 0.0).argmax()), there.shape[1])
    # Half a block more on every side: what dissolves is seen beside what does not.
    around = np.array([[-0.5, -0.5], [1.5, -0.5], [1.5, 1.5], [-0.5, 1.5]])
    corners = around + np.array([column, row])
    out: FloatArray = np.clip(corners * (BLOCK_PX / SIDE_PX), 0.0, 1.0)
    return out


def summarize(llr: float, match: Match | None) -> str:
    """What the background says, in a moderator's words."""
    if llr >= 1.0:
        return (
            "the background looks drawn by a generator: an even smear in which things dissolve "
            "is what to look for"
        )
    if llr >= SAYS_SOMETHING:
        return "the background looks a little more like a generator's than like a photograph's"
    if llr > -SAYS_SOMETHING:
        return "the background says nothing either way: photographs and generators share its look"
    return "the background looks photographed: blurred by distance, with things that hold together"


def _marks(
    crop: FaceCrop, backdrop: Backdrop, witness: Witness, size: tuple[int, int]
) -> tuple[Mark, ...]:
    """What to look at, whatever it weighs: the labels compare places of this picture only."""
    marks = []
    if share(backdrop.clear, crop, witness.hottest) > MIN_SHARE:
        hottest = inside(witness.hottest, size)
        marks.append(Mark(hottest, "outline", "background most like a generator's"))
    place = softest_place(backdrop)
    if place is not None:
        softest = inside(crop.to_picture(place), size)
        marks.append(Mark(softest, "outline", "where the background is softest"))
    return tuple(marks)


def _blocks(values: Grey) -> Grey:
    """Means over blocks, (16, 16)."""
    count = SIDE_PX // BLOCK_PX
    means = values.reshape(count, BLOCK_PX, count, BLOCK_PX).mean(axis=(1, 3))
    return np.asarray(means, dtype=np.float32)


CHECK = Check(
    name="background_blur",
    version=2,
    unit="natural log odds",
    reference="DiResta, Goldstein 2022; Matern, Riess, Stamminger 2019",
    measure=measure,
    summarize=summarize,
)
