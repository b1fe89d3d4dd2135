"""Do more eyes lie on a generator's template than this kind of list has by chance?

A picture that lies *near* a frame may do so for its house style: portraits that are level, centred
and of one size. What no house style does is to put them *into* the frame, within the third of a per
cent that a generator keeps to. So the test looks at the near ones only, asks of each how small the
room around the template is that it fell into, and multiplies by how dense ordinary pictures may be
there: as dense as was validated across collectors, or as the list's own near pictures foretell
(those that missed the frame), whichever is more. That gives each picture a p-value that holds for
ordinary lists and for house styles alike; ``tails`` puts them together. A platform may have zoomed
all avatars alike, so every zoom is tried, and paid for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.calibration.densities import FloatArray
from app.cohort.p_values import smallest_together
from app.cohort.parameters import ConcentrationEntry
from app.cohort.template_density import any_zoom, densities, house_densities

# What each question may spend of the error: all untouched, each as it may be, all zoomed alike.
_UNTOUCHED: Final = 0.5
_ANY: Final = 0.3
_ALIKE: Final = 0.2


@dataclass(frozen=True)
class Concentration:
    """``log10_p``: of the list under the strongest question. ``zoom``: which one zoom that was.

    1.0 for none, ``None`` if every picture was taken as it may be. ``near``: pictures looked at.
    """

    log10_p: float
    near: int
    zoom: float | None


def concentration(squares: FloatArray, numbers: ConcentrationEntry) -> Concentration:
    """The test on different pictures' ``squares`` (n, 4), all of them near a frame."""
    if not len(squares):
        return Concentration(0.0, 0, None)
    by_zoom = densities(squares, numbers)
    allowed = _allowed(squares, by_zoom, numbers)
    untouched = _p_values(by_zoom[:, 0], allowed[0], numbers.volumes.one, numbers)
    zoomed = _p_values(any_zoom(by_zoom), float(allowed[1:].max()), numbers.volumes.zoomed, numbers)
    share = numbers.zoomed_share
    either = np.minimum(
        0.0, np.minimum(untouched - math.log10(1.0 - share), zoomed - math.log10(share))
    )
    found: list[tuple[float, float | None]] = [
        (smallest_together(untouched) - math.log10(_UNTOUCHED), 1.0),
        (smallest_together(either) - math.log10(_ANY), None),
    ]
    each = math.log10(_ALIKE / numbers.zooms)
    for column, zoom in enumerate(numbers.ln_zooms[1:], start=1):
        # A zoomed frame is the same frame in a stretched place: as dense as it was per its room.
        stretch = 2.0 * zoom / math.log(10.0)
        p = _p_values(
            by_zoom[:, column] + stretch, allowed[column] + stretch, numbers.volumes.one, numbers
        )
        found.append((smallest_together(p) - each, math.exp(zoom)))
    best, zoom_of_all = min(found, key=lambda f: f[0])
    return Concentration(min(0.0, best), len(squares), zoom_of_all if best < 0.0 else None)


def _allowed(squares: FloatArray, by_zoom: FloatArray, numbers: ConcentrationEntry) -> FloatArray:
    """log10 density that ordinary pictures may have in each zoomed frame, given that they are near.

    Those in the very frame have no say: they are what is asked about.
    """
    share = numbers.zoomed_share
    found = np.logaddexp(
        by_zoom[:, 0] * math.log(10.0) + math.log(1.0 - share),
        any_zoom(by_zoom) * math.log(10.0) + math.log(share),
    ) / math.log(10.0)
    missed = squares[found < numbers.core]
    own = house_densities(missed, numbers) - math.log10(len(squares))
    floor = np.full(len(own), numbers.floor_density_zoomed)
    floor[0] = numbers.floor_density
    out: FloatArray = np.maximum(floor, own + math.log10(numbers.allowance))
    return out


def _p_values(
    density: FloatArray, allowed: float, volumes: list[float], numbers: ConcentrationEntry
) -> FloatArray:
    """log10 of how likely an ordinary near picture falls where it is ``density`` dense or more."""
    room = np.interp(density, numbers.volumes.density, volumes)
    out: FloatArray = np.minimum(0.0, room + allowed)
    return out
