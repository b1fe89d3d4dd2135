"""The networks' scores: of one region of a face from its pixels alone, and of the whole face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.arrays import FloatArray, RgbArray
from app.evidence import Mark, Reading, Reason, Unmeasurable
from app.face.alignment import Box
from app.face.crop import FaceCrop, ln_side
from app.face.portrait import PixelNetwork, Portrait, clip_points
from app.networks.regions import (
    PERSON_THRESHOLD,
    WHOLE_RECT,
    Region,
    face_input,
    intersection,
    network_input,
    region_rects,
)

LOG_ODDS: Final = "natural log odds"
"""The unit of a region's score: of a generator, before calibration."""
MIN_BACKGROUND_SHARE: Final = 0.25
"""Share of a background tile that must be background before it is scored."""


@dataclass(frozen=True, eq=False)
class RegionScore:
    """``log_odds``: natural log odds of a generator, before calibration, mean over the region.

    ``spread``: standard deviation of the log odds over the region's places, >= 0. ``max_place`` (4,
    2): corners of the place with the highest log odds, px in the picture; ``min_place``: of the
    lowest.
    """

    log_odds: float
    spread: float
    max_place: FloatArray
    min_place: FloatArray


def score_region(portrait: Portrait, region: Region) -> RegionScore | Unmeasurable:
    """Score ``region`` with the network; unmeasurable where too little of the region is visible."""
    crop, network = portrait.crop, portrait.network
    if crop is None:
        return Unmeasurable(Reason.TOO_SMALL)
    if network is None:
        return Unmeasurable(Reason.NOT_LOOKED_AT)
    is_background = region is Region.BACKGROUND
    score_maps: list[FloatArray] = []
    scored_rects: list[Box] = []
    for rect in region_rects(region, crop):
        heads = _score_map(portrait, network, rect, hide_person=is_background)
        if heads is not None:
            score_maps.append(heads[list(Region).index(region)])
            scored_rects.append(rect)
    if not score_maps:
        return Unmeasurable(Reason.NO_BACKGROUND if is_background else Reason.OUT_OF_PICTURE)
    return _build_score(crop, score_maps, scored_rects)


def score_face(portrait: Portrait) -> RegionScore | Unmeasurable:
    """Score the whole face at once; unmeasurable where too little of it is visible."""
    crop, network = portrait.small_crop, portrait.network
    if crop is None:
        return Unmeasurable(Reason.TOO_SMALL)
    if network is None:
        return Unmeasurable(Reason.NOT_LOOKED_AT)
    pixels = face_input(crop)
    if pixels is None:
        return Unmeasurable(Reason.OUT_OF_PICTURE)
    return _build_score(crop, [network.face_map(pixels)], [WHOLE_RECT])


def network_reading(
    portrait: Portrait, score: RegionScore | Unmeasurable, side_px: float
) -> Reading | Unmeasurable:
    """``score`` as the reading of a check that weighs nothing else; ``side_px``: the crop's."""
    if isinstance(score, Unmeasurable):
        return score
    place = clip_points(score.max_place, portrait.picture.size)
    return Reading(
        value=score.log_odds,
        marks=(Mark(place, "outline", "the place that looks most generated"),),
        measures={
            "witness": score.log_odds,
            "spread": score.spread,
            "ln_side": ln_side(side_px),
        },
    )


def _build_score(
    crop: FaceCrop, score_maps: Sequence[FloatArray], rects: Sequence[Box]
) -> RegionScore:
    """The score of what ``score_maps`` say of the visible parts of ``rects``."""
    scores = np.concatenate([h.ravel() for h in score_maps])
    scored = list(zip(score_maps, rects, strict=True))
    max_map, max_rect = max(scored, key=lambda pair: float(pair[0].max()))
    min_map, min_rect = min(scored, key=lambda pair: float(pair[0].min()))
    max_index = np.unravel_index(int(max_map.argmax()), max_map.shape)
    min_index = np.unravel_index(int(min_map.argmin()), min_map.shape)
    return RegionScore(
        log_odds=float(scores.mean()),
        spread=float(scores.std()),
        max_place=crop.map_to_picture(
            _place_corners(max_rect, crop.visible, max_map.shape, max_index)
        ),
        min_place=crop.map_to_picture(
            _place_corners(min_rect, crop.visible, min_map.shape, min_index)
        ),
    )


@dataclass(frozen=True, eq=False)
class RegionView:
    """What a check of a region around the person works on."""

    crop: FaceCrop
    score: RegionScore
    person_mask: FloatArray


def view_region(
    portrait: Portrait, region: Region, min_side_px: float
) -> RegionView | Unmeasurable:
    """``region`` of a crop of at least ``min_side_px``: its score, and where the person is."""
    crop = portrait.crop
    if crop is None or crop.side_px < min_side_px:
        return Unmeasurable(Reason.TOO_SMALL)
    score = score_region(portrait, region)
    if isinstance(score, Unmeasurable):
        return score
    person_mask = portrait.person_mask
    if person_mask is None:
        return Unmeasurable(Reason.NOT_LOOKED_AT)
    return RegionView(crop, score, person_mask)


def _score_map(
    portrait: Portrait, network: PixelNetwork, rect: Box, *, hide_person: bool
) -> FloatArray | None:
    """Log odds of every head over ``rect``, (heads, y, x); ``None`` where too little is visible.

    ``hide_person``: with the person painted over. The network runs once for each tile.
    """
    cache_key = (rect, hide_person)
    if cache_key not in portrait.score_maps:
        pixels = _network_input(portrait, rect, hide_person=hide_person)
        portrait.score_maps[cache_key] = None if pixels is None else network.score_map(pixels)
    return portrait.score_maps[cache_key]


def _network_input(portrait: Portrait, rect: Box, *, hide_person: bool) -> RgbArray | None:
    crop, person_mask = portrait.crop, portrait.person_mask if hide_person else None
    if crop is None:
        return None
    if (
        person_mask is not None
        and _background_share(person_mask, intersection(rect, crop.visible)) < MIN_BACKGROUND_SHARE
    ):
        return None
    return network_input(crop, rect, person_mask)


def _background_share(person_mask: FloatArray, rect: Box) -> float:
    """How much of ``rect`` (unit) is not the person, 0 to 1."""
    count = person_mask.shape[0]
    left, right = (round(x * count) for x in (rect.left, rect.right))
    top, bottom = (round(y * count) for y in (rect.top, rect.bottom))
    part = person_mask[top:bottom, left:right]
    return float((part <= PERSON_THRESHOLD).mean()) if part.size else 0.0


def _place_corners(
    rect: Box, visible: Box, shape: tuple[int, ...], index: tuple[np.intp, ...]
) -> FloatArray:
    """Corners of place ``index`` (row, column) of a heat map over the visible part of ``rect``."""
    left, top = max(rect.left, visible.left), max(rect.top, visible.top)
    right, bottom = min(rect.right, visible.right), min(rect.bottom, visible.bottom)
    rows, columns = shape
    x0, x1 = (left + (right - left) * (index[1] + k) / columns for k in (0, 1))
    y0, y1 = (top + (bottom - top) * (index[0] + k) / rows for k in (0, 1))
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
