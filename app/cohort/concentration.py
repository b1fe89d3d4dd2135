"""Do more eyes lie on a generator's template than this kind of list has by chance?

A picture that lies *near* a frame may do so for its house style: portraits that are level, centred
and of one size. What no house style does is to put them *into* the frame, within the third of a per
cent that a generator keeps to. So the test looks at the near ones only, asks of each how small the
room around the template is that it fell into, and multiplies by how dense ordinary pictures may be
there: as dense as was validated across collectors, or as the list's own near pictures foretell
(those that missed the frame), whichever is more. That gives each picture a p-value that holds for
ordinary lists and for house styles alike; ``p_values`` combines them. A platform may have zoomed
all avatars alike, so every zoom is tried, and paid for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.arrays import FloatArray
from app.cohort.p_values import combine_smallest
from app.cohort.parameters import ConcentrationEntry
from app.cohort.template_density import any_zoom_density, house_style_densities, template_densities

# What each question may spend of the error: all untouched, each as it may be, all zoomed alike.
_UNTOUCHED_ALPHA: Final = 0.5
_MIXED_ZOOM_ALPHA: Final = 0.3
_COMMON_ZOOM_ALPHA: Final = 0.2


@dataclass(frozen=True)
class ConcentrationResult:
    """``log10_p``: of the list under the strongest question. ``zoom``: which one zoom that was.

    1.0 for none, ``None`` if every picture was taken as it may be. ``near_count``: pictures looked
    at.
    """

    log10_p: float
    near_count: int
    zoom: float | None


def measure_concentration(
    squares: FloatArray, parameters: ConcentrationEntry
) -> ConcentrationResult:
    """The test on different pictures' ``squares`` (n, 4), all of them near a frame."""
    if not len(squares):
        return ConcentrationResult(0.0, 0, None)
    by_zoom = template_densities(squares, parameters)
    background = _background_density(squares, by_zoom, parameters)
    untouched = _log10_p_values(by_zoom[:, 0], background[0], parameters.volumes.one, parameters)
    zoomed = _log10_p_values(
        any_zoom_density(by_zoom),
        float(background[1:].max()),
        parameters.volumes.zoomed,
        parameters,
    )
    share = parameters.zoomed_share
    either = np.minimum(
        0.0, np.minimum(untouched - math.log10(1.0 - share), zoomed - math.log10(share))
    )
    candidates: list[tuple[float, float | None]] = [
        (combine_smallest(untouched) - math.log10(_UNTOUCHED_ALPHA), 1.0),
        (combine_smallest(either) - math.log10(_MIXED_ZOOM_ALPHA), None),
    ]
    alpha_per_zoom = math.log10(_COMMON_ZOOM_ALPHA / parameters.zooms)
    for column, zoom in enumerate(parameters.ln_zooms[1:], start=1):
        # A zoomed frame is the same frame in a stretched place: as dense as it was per its room.
        stretch = 2.0 * zoom / math.log(10.0)
        p = _log10_p_values(
            by_zoom[:, column] + stretch,
            background[column] + stretch,
            parameters.volumes.one,
            parameters,
        )
        candidates.append((combine_smallest(p) - alpha_per_zoom, math.exp(zoom)))
    best, common_zoom = min(candidates, key=lambda f: f[0])
    return ConcentrationResult(min(0.0, best), len(squares), common_zoom if best < 0.0 else None)


def _background_density(
    squares: FloatArray, by_zoom: FloatArray, parameters: ConcentrationEntry
) -> FloatArray:
    """log10 density that ordinary pictures may have in each zoomed frame, given that they are near.

    Those in the very frame have no say: they are what is asked about.
    """
    share = parameters.zoomed_share
    in_frame = np.logaddexp(
        by_zoom[:, 0] * math.log(10.0) + math.log(1.0 - share),
        any_zoom_density(by_zoom) * math.log(10.0) + math.log(share),
    ) / math.log(10.0)
    missed = squares[in_frame < parameters.core]
    list_density = house_style_densities(missed, parameters) - math.log10(len(squares))
    floor = np.full(len(list_density), parameters.floor_density_zoomed)
    floor[0] = parameters.floor_density
    out: FloatArray = np.maximum(floor, list_density + math.log10(parameters.allowance))
    return out


def _log10_p_values(
    density: FloatArray, background: float, volumes: list[float], parameters: ConcentrationEntry
) -> FloatArray:
    """log10 of how likely an ordinary near picture falls where it is ``density`` dense or more."""
    volume = np.interp(density, parameters.volumes.density, volumes)
    out: FloatArray = np.minimum(0.0, volume + background)
    return out
