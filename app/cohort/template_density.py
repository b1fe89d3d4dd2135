"""How close squares lie to a generator's frame, untouched or under any one zoom."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.calibration.densities import FloatArray, log_sum
from app.cohort.parameters import ConcentrationEntry

_LN10: Final = math.log(10.0)
_AT_ONCE: Final = 4096

Squares = NDArray[np.floating[Any]]
"""As few digits as the caller has."""


def near(squares: Squares, numbers: ConcentrationEntry) -> NDArray[np.bool_]:
    """Which of ``squares`` (n, 4) lie near a frame, zoomed or not: (n,). NaN does not."""
    x, y, roll = numbers.near
    low, high = numbers.near_ln_side
    out: NDArray[np.bool_] = np.abs(squares[:, 0] - 0.5) < x
    out &= np.abs(squares[:, 1] - 0.5) < y
    out &= np.abs(squares[:, 3]) < roll
    out &= (squares[:, 2] > low) & (squares[:, 2] < high)
    return out


def densities(squares: FloatArray, numbers: ConcentrationEntry) -> FloatArray:
    """log10 density of generated pictures at ``squares`` (n, 4) under every zoom: (n, 1 + zooms).

    Zoomed about the centre by z, a frame's x and y stretch by z and so does what is around them.
    """
    spreads = [(math.log(f.share), f.spread) for f in numbers.frames]
    out = np.empty((len(squares), len(numbers.ln_zooms)))
    for start in range(0, len(squares), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        for column, zoom in enumerate(numbers.ln_zooms):
            before = squares[part].copy()
            before[:, :2] = 0.5 + (before[:, :2] - 0.5) / math.exp(zoom)
            before[:, 2] -= zoom
            ways = np.stack([share + s.log_density(before) for share, s in spreads], axis=-1)
            out[part, column] = (log_sum(ways, np.ones(len(spreads))) - 2.0 * zoom) / _LN10
    return out


def any_zoom(by_zoom: FloatArray) -> FloatArray:
    """log10 density under zooms taken together, from ``densities`` (n, 1 + zooms): (n,)."""
    zoomed = by_zoom[:, 1:] * _LN10
    count = zoomed.shape[1]
    out: FloatArray = log_sum(zoomed, np.full(count, 1.0 / count)) / _LN10
    return out


def house_densities(squares: FloatArray, numbers: ConcentrationEntry) -> FloatArray:
    """log10 density of each zoomed frame's middle as ``squares`` (n, 4) foretell it: (1 + zooms,).

    Each square stands for a house style that its neighbours follow, as narrow as any is.
    """
    spread = np.array(numbers.house)
    peak = -2.0 * math.log10(2.0 * math.pi) - float(np.log10(spread).sum())
    middle = np.average(
        [f.mean for f in numbers.frames], axis=0, weights=[f.share for f in numbers.frames]
    )
    found = []
    for zoom in numbers.ln_zooms:
        at = middle.copy()
        at[:2] = 0.5 + (at[:2] - 0.5) * math.exp(zoom)
        at[2] += zoom
        away = ((squares - at) / spread) ** 2
        mass = float(np.exp(-0.5 * away.sum(axis=1)).sum())
        found.append(peak + math.log10(mass + 1e-30))
    return np.array(found)
