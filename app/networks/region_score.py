"""What the network says of one region of a face, given that region's pixels alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.evidence import Reason, Unmeasurable
from app.face.alignment import Box
from app.face.face import FloatArray
from app.face.portrait import Network, Portrait
from app.networks.regions import PERSON, Region, overlap, rects, tile

MIN_BACKGROUND: Final = 0.25
"""Share of a background tile that must be background before it is looked at."""


@dataclass(frozen=True, eq=False)
class Witness:
    """``log_odds``: natural log odds of a generator, before calibration, mean over the region.

    ``spread``: standard deviation of the log odds over the region's places, >= 0. ``hottest``
    (4, 2): corners of the place that looks most generated, px in the picture, ``coldest`` likewise.
    """

    log_odds: float
    spread: float
    hottest: FloatArray
    coldest: FloatArray


def look(portrait: Portrait, region: Region) -> Witness | Unmeasurable:
    """Let the network look at ``region``; unmeasurable where there is nothing of it to see."""
    crop, network = portrait.crop, portrait.network
    if crop is None:
        return Unmeasurable(Reason.TOO_SMALL)
    if network is None:
        return Unmeasurable(Reason.NOT_LOOKED_AT)
    background = region is Region.BACKGROUND
    heats: list[FloatArray] = []
    read: list[Box] = []
    for rect in rects(region, crop):
        heat = _heat(portrait, network, rect, behind=background)
        if heat is not None:
            heats.append(heat[list(Region).index(region)])
            read.append(rect)
    if not heats:
        return Unmeasurable(Reason.NO_BACKGROUND if background else Reason.OUT_OF_PICTURE)
    everything = np.concatenate([h.ravel() for h in heats])
    seen = list(zip(heats, read, strict=True))
    hottest, hot_rect = max(seen, key=lambda pair: float(pair[0].max()))
    coldest, cold_rect = min(seen, key=lambda pair: float(pair[0].min()))
    hot = np.unravel_index(int(hottest.argmax()), hottest.shape)
    cold = np.unravel_index(int(coldest.argmin()), coldest.shape)
    return Witness(
        log_odds=float(everything.mean()),
        spread=float(everything.std()),
        hottest=crop.to_picture(_corners(hot_rect, crop.visible, hottest.shape, hot)),
        coldest=crop.to_picture(_corners(cold_rect, crop.visible, coldest.shape, cold)),
    )


def _heat(portrait: Portrait, network: Network, rect: Box, *, behind: bool) -> FloatArray | None:
    """What every head says of ``rect``, (heads, y, x); ``None`` where there is nothing to see.

    ``behind``: with the person painted over. The network is asked once for each tile.
    """
    asked = (rect, behind)
    if asked not in portrait.heats:
        pixels = _pixels(portrait, rect, behind=behind)
        portrait.heats[asked] = None if pixels is None else network.heat(pixels)
    return portrait.heats[asked]


def _pixels(portrait: Portrait, rect: Box, *, behind: bool) -> NDArray[np.uint8] | None:
    crop, person = portrait.crop, portrait.person if behind else None
    if crop is None:
        return None
    if (
        person is not None
        and _background_share(person, overlap(rect, crop.visible)) < MIN_BACKGROUND
    ):
        return None
    return tile(crop, rect, person)


def _background_share(person: FloatArray, rect: Box) -> float:
    """How much of ``rect`` (unit) is not the person, 0 to 1."""
    count = person.shape[0]
    left, right = (round(x * count) for x in (rect.left, rect.right))
    top, bottom = (round(y * count) for y in (rect.top, rect.bottom))
    part = person[top:bottom, left:right]
    return float((part <= PERSON).mean()) if part.size else 0.0


def _corners(
    rect: Box, visible: Box, shape: tuple[int, ...], at: tuple[np.intp, ...]
) -> FloatArray:
    """Corners of place ``at`` (row, column) of a heat map over the visible part of ``rect``."""
    left, top = max(rect.left, visible.left), max(rect.top, visible.top)
    right, bottom = min(rect.right, visible.right), min(rect.bottom, visible.bottom)
    rows, columns = shape
    x0, x1 = (left + (right - left) * (at[1] + k) / columns for k in (0, 1))
    y0, y1 = (top + (bottom - top) * (at[0] + k) / rows for k in (0, 1))
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
