"""Does the hair, and where it ends, look drawn?

What it sees: the hair above the forehead and the outline where it meets the background. A network
reads the pixels of this region alone; three measures correspond to what a person could look for.

Why generators do it: StyleGAN lays out single hairs by noise of even strength, so fine detail is
spread evenly over the hair, whereas a photograph has crisp strands next to quiet shade. Towards the
outline strands fade, equally soft all the way round.

How it is measured: on the face crop in grey at 128 px, within the person's outline. ``peaks``: how
much of the hair's fine detail sits in few places. ``variety``: how much detail varies along the
outline. ``fading``: detail just under the outline against detail deeper in. All are lower for
generators than for every kind of photograph tried, and all are weak: an AUC of some .71, .65 and
.58 for StyleGAN 2 at 400 px against the photographs among which they were chosen. Only the
calibration gives their weights next to the network. Where hair is flat or hardly visible, the
measures take their median values.

When it cannot be: the crop is under 90 px wide, the hair lies off the picture, or the person ends
at the forehead. A hat or a bald head is measured like hair: nothing here tells them apart.

Reference: Karras, Laine, Aila 2019 (arXiv 1812.04948), section 3.2, for hair made of noise. The
measures are this project's own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from app.arrays import BoolArray, FloatArray, FloatImage
from app.evidence import Check, GradedSummary, Mark, Reading, Reason, Unmeasurable
from app.face.crop import FaceCrop, ln_side
from app.face.crop_gray import SIDE_PX, face_mask, gaussian_blur, mask_share, visible_mask
from app.face.portrait import Portrait, clip_points
from app.networks.region_score import LOG_ODDS, RegionScore, view_region
from app.networks.regions import Region

MIN_SIDE_PX: Final = 90
"""The measures hold at 96 px; at 64 px they no longer tell generators from avatars."""
MIN_HAIR_SHARE: Final = 0.01
"""Share of the crop that must be hair; 99.5 % of 3,900 crops have 0.05 or more."""
MIN_PIXELS: Final = 25
"""Fewer pixels give no reliable mean."""
BROW_Y: Final = 0.45
"""Below it (unit) are face and collar; FFHQ's frame has the brows at 0.40, the eyes at 0.48."""
NOISE_FLOOR: Final = 0.5
"""Grey levels of fine detail that JPEG at quality 80 alone can produce."""

# Depths under the person's outline, unit of the crop: what is edge, what is strands near it, and
# what is hair well inside. The last two are, of five pairs, what held for every kind of photograph.
_RIM_DEPTHS: Final = (0.01, 0.05)
_OUTER_DEPTHS: Final = (0.015, 0.04)
_INNER_DEPTHS: Final = (0.06, 0.15)

# Default of a measure that cannot be taken: medians over 13,000 crops of both classes.
USUAL_PEAKS: Final = 0.60
USUAL_VARIETY: Final = -0.48
USUAL_FADING: Final = 0.04

MIN_MARK_SHARE: Final = 0.5
"""The place with the highest log odds is marked only if it is mostly hair, not forehead."""
MIN_STRETCH_POINTS: Final = 4
"""Points of outline; fewer make no line."""
SECTORS: Final = 24
"""The outline is searched for its softest stretch in steps of a twenty-fourth of the circle."""
_CENTRED_AXIS: Final = np.arange(SIDE_PX) + 0.5 - SIDE_PX / 2
_ANGLE: Final = np.arctan2(_CENTRED_AXIS[:, None], _CENTRED_AXIS)
_SECTOR: Final = ((_ANGLE + math.pi) / (2.0 * math.pi) * SECTORS).astype(np.intp) % SECTORS


@dataclass(frozen=True, eq=False)
class HairMaps:
    """The crop's grey values at 128 px and where its hair lies; all (128, 128).

    ``detail``: what is finer than a pixel or two, grey levels, >= 0. ``depth``: unit distance from
    the person's outline, positive inside. ``hair_mask``: visible, above the brows, outside the
    face; ``top_mask``: the hair above the forehead.
    """

    gray: FloatImage
    detail: FloatImage
    depth: FloatImage
    hair_mask: BoolArray
    top_mask: BoolArray

    def at_depth(self, depths: tuple[float, float]) -> BoolArray:
        """Mask of the hair at these depths under the outline."""
        low, high = depths
        return self.hair_mask & (self.depth > low) & (self.depth < high)


def measure(portrait: Portrait) -> Reading | Unmeasurable:
    """Natural log odds of a generator by the network, and three measures of the hair."""
    view = view_region(portrait, Region.HAIRLINE, MIN_SIDE_PX)
    if isinstance(view, Unmeasurable):
        return view
    crop, score = view.crop, view.score
    hair = segment_hair(crop, view.person_mask)
    if float((hair.hair_mask & (hair.depth > 0.0)).mean()) < MIN_HAIR_SHARE:
        return Unmeasurable(Reason.NO_HAIR)
    return Reading(
        value=score.log_odds,
        marks=_marks(crop, hair, score, portrait.picture.size),
        measures={
            "witness": score.log_odds,
            "ln_side": ln_side(crop.side_px),
            "peaks": peaks(hair),
            "variety": variety(hair),
            "fading": fading(hair),
        },
    )


def segment_hair(crop: FaceCrop, person_mask: FloatArray) -> HairMaps:
    """Where the hair is, by the person's outline and the face's."""
    gray = crop.gray
    upper = visible_mask(crop, BROW_Y)
    depth = _outline_depth(person_mask)
    high = visible_mask(crop, 0.8 * BROW_Y)
    return HairMaps(
        gray=gray,
        detail=np.abs(gray - gaussian_blur(gray, 1.0)),
        depth=depth,
        hair_mask=upper
        & ~face_mask(crop, 1.12),  # the oval's landmarks lie a little inside the hair
        top_mask=high & ~face_mask(crop, 1.25) & (depth > 0.02),
    )


def peaks(hair: HairMaps) -> float:
    """Log of the mean square of the hair's detail over its squared mean; 0.45 for white noise."""
    detail = hair.detail[hair.top_mask]
    if detail.size < MIN_PIXELS:
        return USUAL_PEAKS
    mean = float(detail.mean())
    mean_square = float(np.square(detail).mean())
    floor = NOISE_FLOOR * NOISE_FLOOR
    return math.log((mean_square + math.exp(USUAL_PEAKS) * floor) / (mean * mean + floor))


def variety(hair: HairMaps) -> float:
    """Log of how much the log energy of detail varies under the outline (standard deviation)."""
    rim = hair.at_depth(_RIM_DEPTHS)
    if int(rim.sum()) < MIN_PIXELS:
        return USUAL_VARIETY
    energy = gaussian_blur(np.square(hair.detail), 3.0)[rim]
    spread = float(np.log(energy + 1.0).std())
    mean = float(energy.mean())
    confidence = mean / (mean + NOISE_FLOOR * NOISE_FLOOR)
    return confidence * math.log(spread + 0.1) + (1.0 - confidence) * USUAL_VARIETY


def fading(hair: HairMaps) -> float:
    """Log of the mean gradient just under the outline over that deeper in the hair."""
    x, y = _gradient(hair.gray)
    gradient = np.hypot(x, y)
    outer, inner = gradient[hair.at_depth(_OUTER_DEPTHS)], gradient[hair.at_depth(_INNER_DEPTHS)]
    if min(outer.size, inner.size) < MIN_PIXELS:
        return USUAL_FADING
    return math.log((float(outer.mean()) + NOISE_FLOOR) / (float(inner.mean()) + NOISE_FLOOR))


def softest_stretch(hair: HairMaps) -> FloatArray | None:
    """The stretch of the hair's outline under which detail fades most: unit (n, 2), in order."""
    outline = hair.at_depth((0.0, 1.5 / SIDE_PX))
    outer, inner = (_sector_means(hair, depths) for depths in (_OUTER_DEPTHS, _INNER_DEPTHS))
    long_enough = np.bincount(_SECTOR[outline], minlength=SECTORS) >= MIN_STRETCH_POINTS
    fading_by_sector = np.where(
        long_enough, np.log((outer + NOISE_FLOOR) / (inner + NOISE_FLOOR)), np.nan
    )
    if np.isnan(fading_by_sector).all():
        return None
    softest = int(np.nanargmin(fading_by_sector))
    in_sector = outline & np.equal(_SECTOR, softest)
    rows, columns = np.nonzero(in_sector)
    order = np.argsort(_ANGLE[in_sector], kind="stable")[:: max(1, len(rows) // 8)]
    out: FloatArray = (np.stack([columns, rows], axis=1)[order] + 0.5) / SIDE_PX
    return out


summarize: Final = GradedSummary(
    drawn=(
        "the hair looks drawn by a generator: strands of even strength that fade towards the "
        "outline are what to look for"
    ),
    rather_drawn="the hair looks a little more like a generator's than like a photograph's",
    neither="the hair says nothing either way: photographs and generators both have hair like it",
    photographed=(
        "the hair looks photographed: crisp strands beside quiet parts, out to the outline"
    ),
)


def _marks(
    crop: FaceCrop, hair: HairMaps, score: RegionScore, size: tuple[int, int]
) -> tuple[Mark, ...]:
    """Places to compare within this picture, independent of the llr."""
    marks = []
    if mask_share(hair.hair_mask & (hair.depth > 0.0), crop, score.max_place) > MIN_MARK_SHARE:
        corners = clip_points(score.max_place, size)
        marks.append(Mark(corners, "outline", "hair most like a generator's"))
    stretch = softest_stretch(hair)
    if stretch is not None:
        line = clip_points(crop.map_to_picture(stretch), size)
        marks.append(Mark(line, "line", "where the hair's outline is softest"))
    return tuple(marks)


def _sector_means(hair: HairMaps, depths: tuple[float, float]) -> FloatArray:
    """Mean detail between ``depths`` in every sector; NaN where too little hair is visible."""
    in_depth = hair.at_depth(depths)
    counts = np.bincount(_SECTOR[in_depth], minlength=SECTORS)
    sums = np.bincount(_SECTOR[in_depth], weights=hair.detail[in_depth], minlength=SECTORS)
    out: FloatArray = np.where(counts >= 8, sums / np.maximum(counts, 1), np.nan)
    return out


def _outline_depth(person_mask: FloatArray) -> FloatImage:
    """Distance from the person's outline, unit, positive inside the person."""
    resized_mask = cv2.resize(person_mask.astype(np.float32), (SIDE_PX, SIDE_PX))
    is_inside = (np.asarray(resized_mask) > 0.5).astype(np.uint8)
    to_outside, to_inside = (
        np.asarray(cv2.distanceTransform(m, cv2.DIST_L2, 3)) for m in (is_inside, 1 - is_inside)
    )
    return np.asarray((to_outside - to_inside) / SIDE_PX, dtype=np.float32)


def _gradient(gray: FloatImage) -> tuple[FloatImage, FloatImage]:
    """Grey levels a pixel, to the right and down."""
    x, y = (
        np.asarray(cv2.Sobel(gray, cv2.CV_32F, dx, 1 - dx, ksize=3, scale=0.125)) for dx in (1, 0)
    )
    return x.astype(np.float32), y.astype(np.float32)


CHECK = Check(
    name="hairline",
    version=1,
    unit=LOG_ODDS,
    reference="Karras, Laine, Aila 2019, arXiv 1812.04948, section 3.2",
    measure=measure,
    summarize=summarize,
)
