"""Does the background look drawn?

What it sees: the background next to and above the person. A network reads its pixels alone, at 200
px at most and with the person painted over; three measures correspond to what a person could look
for.

Why generators do it: they learn faces well, and the variety of backgrounds badly. Backgrounds
become a smear in which structures dissolve, equally soft everywhere, whereas a lens blurs by
distance and leaves bare walls next to crisp edges.

How it is measured: on the face crop in grey at 128 px, away from the person's outline. ``peaks``:
how much of the fine detail sits in few places. ``depths``: how much sharpness varies from place to
place. ``boldness``: the boldest form in the background against the face. All are lower for StyleGAN
2 than for every kind of photograph tried, and all are weak: an AUC of some .68, .66 and .63 at 400
px against the photographs among which they were chosen. They do not work on generators of studio
portraits. Only the calibration gives their weights next to the network. Plain sharpness, contrast
or colour would separate some photographs better and others with the opposite sign. On an empty wall
``peaks`` and ``depths`` take their median values.

When it cannot be: the crop is under 90 px wide, or almost no background is visible.

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

from app.arrays import BoolArray, FloatArray, FloatImage
from app.evidence import Check, GradedSummary, Mark, Reading, Reason, Unmeasurable
from app.face.crop import FaceCrop, ln_side
from app.face.crop_gray import SIDE_PX, face_mask, gaussian_blur, mask_share, visible_mask
from app.face.portrait import Portrait, clip_points
from app.networks.region_score import LOG_ODDS, RegionScore, view_region
from app.networks.regions import PERSON_THRESHOLD, Region

MIN_SIDE_PX: Final = 90
"""The measures hold at 96 px, except for studio portraits, which read like photographs there."""
MIN_CLEAR_SHARE: Final = 0.02
"""Share of the crop that must be background; 99 % of 3,900 crops have 0.03 or more."""
MIN_PIXELS: Final = 25
"""Fewer pixels give no reliable mean."""
SHOULDERS_Y: Final = 0.8
"""Below it (unit) clothes are too often classified as background."""
NOISE_FLOOR: Final = 0.5
"""Grey levels of fine detail that JPEG at quality 80 alone can produce."""
SIGMAS_PX: Final = (1.0, 2.0, 4.0)
"""Standard deviations of the Gaussians that separate the scales of detail, px of the 128."""
BLOCK_PX: Final = 8
"""Side of the blocks in which sharpness is compared, px of the 128."""
MIN_BLOCKS: Final = 6
"""Fewer blocks give no reliable variation."""
FULL_BLOCK_SHARE: Final = 0.8
"""Share of a block that must be background."""
MIN_MEDIUM_DETAIL: Final = 1.0
"""Grey levels; a block with less is a bare wall, not soft."""
MIN_MARK_SHARE: Final = 0.5
"""The place with the highest log odds is marked only if it is mostly background."""
OUTLINE_MARGIN: Final = 0.03
"""Unit distance from the person's outline beyond which its edge has no influence."""

# Default of a measure that cannot be taken: medians over 13,000 crops of both classes.
USUAL_PEAKS: Final = 0.32
USUAL_DEPTHS: Final = -1.41
USUAL_BOLDNESS: Final = 0.28


@dataclass(frozen=True, eq=False)
class BackgroundMaps:
    """The crop at 128 px and where its background lies; all (128, 128).

    How much grey levels differ from their surroundings, >= 0: ``detail`` over a pixel or two,
    ``medium_detail`` over twice that, ``coarse_detail`` over four times that. ``background_mask``:
    background, away from the person; ``face_mask``: the inside of the face.
    """

    detail: FloatImage
    medium_detail: FloatImage
    coarse_detail: FloatImage
    background_mask: BoolArray
    face_mask: BoolArray

    @cached_property
    def full_blocks(self) -> BoolArray:
        """Which blocks are background, (16, 16)."""
        return _block_means(self.background_mask.astype(np.float32)) > FULL_BLOCK_SHARE

    @cached_property
    def block_detail(self) -> FloatImage:
        """``detail`` by block."""
        return _block_means(self.detail)

    @cached_property
    def block_medium_detail(self) -> FloatImage:
        """``medium_detail`` by block."""
        return _block_means(self.medium_detail)


def measure(portrait: Portrait) -> Reading | Unmeasurable:
    """Natural log odds of a generator by the network, and three measures of the background."""
    view = view_region(portrait, Region.BACKGROUND, MIN_SIDE_PX)
    if isinstance(view, Unmeasurable):
        return view
    crop, score = view.crop, view.score
    background = segment_background(crop, view.person_mask)
    if float(background.background_mask.mean()) < MIN_CLEAR_SHARE:
        return Unmeasurable(Reason.NO_BACKGROUND)
    return Reading(
        value=score.log_odds,
        marks=_marks(crop, background, score, portrait.picture.size),
        measures={
            "witness": score.log_odds,
            "ln_side": ln_side(crop.side_px),
            "peaks": peaks(background),
            "depths": depths(background),
            "boldness": boldness(background),
        },
    )


def segment_background(crop: FaceCrop, person_mask: FloatArray) -> BackgroundMaps:
    """Where the background is: visible, not the person, and not the person's edge."""
    gray = crop.gray
    above_shoulders = visible_mask(crop, SHOULDERS_Y)
    resized_mask = np.asarray(cv2.resize(person_mask.astype(np.float32), (SIDE_PX, SIDE_PX)))
    outside = (resized_mask <= 0.5).astype(np.uint8)
    distance = np.asarray(cv2.distanceTransform(outside, cv2.DIST_L2, 3)) / SIDE_PX
    is_background = above_shoulders & (resized_mask < PERSON_THRESHOLD)
    soft, softer, softest = (gaussian_blur(gray, sigma) for sigma in SIGMAS_PX)
    return BackgroundMaps(
        detail=np.abs(gray - soft),
        medium_detail=np.abs(soft - softer),
        coarse_detail=np.abs(softer - softest),
        background_mask=is_background & (distance > OUTLINE_MARGIN),
        face_mask=face_mask(crop, 0.85) & above_shoulders,
    )


def peaks(background: BackgroundMaps) -> float:
    """Log of the mean of the background's detail over the squared mean of its root; >= 0."""
    detail = background.detail[background.background_mask]
    if detail.size < MIN_PIXELS:
        return USUAL_PEAKS
    mean, root = float(detail.mean()), float(np.sqrt(detail).mean())
    return math.log((mean + math.exp(USUAL_PEAKS) * NOISE_FLOOR) / (root * root + NOISE_FLOOR))


def depths(background: BackgroundMaps) -> float:
    """Log of how much sharpness (detail over form) varies between blocks (standard deviation)."""
    full = background.full_blocks
    if int(full.sum()) < MIN_BLOCKS:
        return USUAL_DEPTHS
    detail, form = background.block_detail[full], background.block_medium_detail[full]
    spread = float(np.log((detail + NOISE_FLOOR) / (form + NOISE_FLOOR)).std())
    confidence = float(form.mean()) ** 2 / (float(form.mean()) ** 2 + NOISE_FLOOR * NOISE_FLOOR)
    return confidence * math.log(spread + 0.03) + (1.0 - confidence) * USUAL_DEPTHS


def boldness(background: BackgroundMaps) -> float:
    """Log of the boldest form in the background (mean of a block) over the face's mean."""
    full = background.full_blocks
    face = background.coarse_detail[background.face_mask]
    if int(full.sum()) < MIN_BLOCKS or face.size < MIN_PIXELS:
        return USUAL_BOLDNESS
    boldest = float(_block_means(background.coarse_detail)[full].max())
    return math.log((boldest + NOISE_FLOOR) / (float(face.mean()) + NOISE_FLOOR))


def softest_place(background: BackgroundMaps) -> FloatArray | None:
    """The block with the least detail for its form: corners, unit (4, 2); never on bare walls."""
    medium_detail = background.block_medium_detail
    is_eligible = background.full_blocks & (medium_detail > MIN_MEDIUM_DETAIL)
    if int(is_eligible.sum()) < MIN_BLOCKS:
        return None
    softness = (medium_detail + NOISE_FLOOR) / (background.block_detail + NOISE_FLOOR)
    row, column = divmod(int(np.where(is_eligible, softness, 0.0).argmax()), is_eligible.shape[1])
    # Half a block more on every side, to show the soft place with its surroundings.
    around = np.array([[-0.5, -0.5], [1.5, -0.5], [1.5, 1.5], [-0.5, 1.5]])
    corners = around + np.array([column, row])
    out: FloatArray = np.clip(corners * (BLOCK_PX / SIDE_PX), 0.0, 1.0)
    return out


summarize: Final = GradedSummary(
    drawn=(
        "the background looks drawn by a generator: an even smear in which things dissolve "
        "is what to look for"
    ),
    rather_drawn="the background looks a little more like a generator's than like a photograph's",
    neither="the background says nothing either way: photographs and generators share its look",
    photographed=(
        "the background looks photographed: blurred by distance, with things that hold together"
    ),
)


def _marks(
    crop: FaceCrop, background: BackgroundMaps, score: RegionScore, size: tuple[int, int]
) -> tuple[Mark, ...]:
    """Places to compare within this picture, independent of the llr."""
    marks = []
    if mask_share(background.background_mask, crop, score.max_place) > MIN_MARK_SHARE:
        corners = clip_points(score.max_place, size)
        marks.append(Mark(corners, "outline", "background most like a generator's"))
    place = softest_place(background)
    if place is not None:
        soft_corners = clip_points(crop.map_to_picture(place), size)
        marks.append(Mark(soft_corners, "outline", "where the background is softest"))
    return tuple(marks)


def _block_means(values: FloatImage) -> FloatImage:
    """Means over blocks, (16, 16)."""
    count = SIDE_PX // BLOCK_PX
    means = values.reshape(count, BLOCK_PX, count, BLOCK_PX).mean(axis=(1, 3))
    return np.asarray(means, dtype=np.float32)


CHECK = Check(
    name="background_blur",
    version=2,
    unit=LOG_ODDS,
    reference="DiResta, Goldstein 2022; Matern, Riess, Stamminger 2019",
    measure=measure,
    summarize=summarize,
)
