"""How close squares lie to a generator's frame, untouched or under any one zoom."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.arrays import BoolArray, FloatArray
from app.calibration.densities import log_sum_exp
from app.cohort.parameters import ConcentrationEntry

_LN10: Final = math.log(10.0)
_CHUNK_ROWS: Final = 4096

Squares = NDArray[np.floating[Any]]
"""As few digits as the caller has."""


def is_near_frame(squares: Squares, parameters: ConcentrationEntry) -> BoolArray:
    """Which of ``squares`` (n, 4) lie near a frame, zoomed or not: (n,). NaN does not."""
    x, y, roll = parameters.near
    low, high = parameters.near_ln_side
    out: BoolArray = np.abs(squares[:, 0] - 0.5) < x
    out &= np.abs(squares[:, 1] - 0.5) < y
    out &= np.abs(squares[:, 3]) < roll
    out &= (squares[:, 2] > low) & (squares[:, 2] < high)
    return out


def template_densities(squares: FloatArray, parameters: ConcentrationEntry) -> FloatArray:
    """log10 density of generated pictures at ``squares`` (n, 4) under every zoom: (n, 1 + zooms).

    Zoomed about the centre by z, a frame's x and y stretch by z and so does what is around them.
    """
    distributions = [(math.log(f.share), f.distribution) for f in parameters.frames]
    out = np.empty((len(squares), len(parameters.ln_zooms)))
    for start in range(0, len(squares), _CHUNK_ROWS):
        part = slice(start, start + _CHUNK_ROWS)
        for column, zoom in enumerate(parameters.ln_zooms):
            unzoomed = squares[part].copy()
            unzoomed[:, :2] = 0.5 + (unzoomed[:, :2] - 0.5) / math.exp(zoom)
            unzoomed[:, 2] -= zoom
            log_densities = np.stack(
                [share + s.log_density(unzoomed) for share, s in distributions], axis=-1
            )
            out[part, column] = (
                log_sum_exp(log_densities, np.ones(len(distributions))) - 2.0 * zoom
            ) / _LN10
    return out


def any_zoom_density(by_zoom: FloatArray) -> FloatArray:
    """log10 density under all zooms together, from the densities of each (n, 1 + zooms): (n,)."""
    zoomed = by_zoom[:, 1:] * _LN10
    count = zoomed.shape[1]
    out: FloatArray = log_sum_exp(zoomed, np.full(count, 1.0 / count)) / _LN10
    return out


def house_style_densities(squares: FloatArray, parameters: ConcentrationEntry) -> FloatArray:
    """log10 density of each zoomed frame's middle as ``squares`` (n, 4) foretell it: (1 + zooms,).

    Each square stands for a house style that its neighbours follow, as narrow as any is.
    """
    spread = np.array(parameters.house)
    peak = -2.0 * math.log10(2.0 * math.pi) - float(np.log10(spread).sum())
    mean_frame = np.average(
        [f.mean for f in parameters.frames], axis=0, weights=[f.share for f in parameters.frames]
    )
    log10_densities = []
    for zoom in parameters.ln_zooms:
        centre = mean_frame.copy()
        centre[:2] = 0.5 + (centre[:2] - 0.5) * math.exp(zoom)
        centre[2] += zoom
        squared_distances = ((squares - centre) / spread) ** 2
        mass = float(np.exp(-0.5 * squared_distances.sum(axis=1)).sum())
        log10_densities.append(peak + math.log10(mass + 1e-30))
    return np.array(log10_densities)
