"""A frame's spread, and how much room it takes up at each density: by seeded random points."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from app.calibration.densities import FloatArray, StudentT, log_sum
from app.cohort.parameters import FrameEntry, VolumeEntry

_SEED: Final = 20261125
_POINTS: Final = 120_000
_WIDER: Final = 1.5
_FREEDOM: Final = 2.0
_DENSITIES: Final = np.round(np.arange(1.0, 9.01, 0.1), 2)
_LEAST_ROOM: Final = 1e-9
"""Less is never said: squares are not known any better."""
_ROUNDS: Final = 80
_LN10: Final = math.log(10.0)

Density = Callable[[FloatArray, Sequence[FrameEntry]], FloatArray]


def fit_spread(squares: FloatArray, freedom: float) -> tuple[FloatArray, FloatArray]:
    """Mean (4,) and scale (4, 4) of a multivariate t with ``freedom`` over ``squares`` (EM)."""
    mean = np.median(squares, axis=0)
    away = np.median(np.abs(squares - mean), axis=0)
    scale = np.diag((1.4826 * away) ** 2 + 1e-10)
    for _ in range(_ROUNDS):
        off = squares - mean
        distance2 = np.einsum("ni,ij,nj->n", off, np.linalg.inv(scale), off)
        weights = (freedom + squares.shape[1]) / (freedom + distance2)
        mean = weights @ squares / weights.sum()
        off = squares - mean
        scale = (weights[:, None] * off).T @ off / len(squares)
        scale = (scale + scale.T) / 2.0 + 1e-12 * np.eye(len(mean))
    return mean, scale


def volumes(frames: Sequence[FrameEntry], zooms: int, max_zoom: float) -> VolumeEntry:
    """log10 of the room where the frames' density is at least so much, untouched and zoomed."""
    rng = np.random.default_rng(_SEED)
    drawn = _drawn(frames, rng)
    ln_zooms = (np.arange(zooms) + 0.5) / zooms * math.log(max_zoom)
    zoom = rng.choice(ln_zooms, len(drawn))
    moved = drawn.copy()
    moved[:, :2] = 0.5 + (moved[:, :2] - 0.5) * np.exp(zoom)[:, None]
    moved[:, 2] += zoom
    one = _room(_density(drawn, frames), _proposal(drawn, frames))
    zoomed = _room(
        _over(moved, frames, ln_zooms, _density), _over(moved, frames, ln_zooms, _proposal)
    )
    return VolumeEntry(density=_DENSITIES.tolist(), one=one, zoomed=zoomed)


def _room(density: FloatArray, proposal: FloatArray) -> list[float]:
    """log10 of the volume of {density ≥ d} for every d, by importance: Σ 1 ÷ proposal."""
    weights = np.exp(-proposal) / len(density)
    order = np.argsort(-density)
    reached = np.cumsum(weights[order])
    counts = np.searchsorted(-(density[order] / _LN10), -_DENSITIES, side="right")
    room = np.where(counts > 0, reached[np.maximum(counts, 1) - 1], 0.0)
    return [round(math.log10(max(float(r), _LEAST_ROOM)), 4) for r in room]


def _drawn(frames: Sequence[FrameEntry], rng: np.random.Generator) -> FloatArray:
    """Points (n, 4) from wider frames."""
    which = rng.choice(len(frames), _POINTS)
    points = np.empty((_POINTS, 4))
    for number, frame in enumerate(frames):
        own = which == number
        normal = rng.normal(size=(int(own.sum()), 4))
        stretch = _WIDER / np.sqrt(rng.chisquare(_FREEDOM, len(normal)) / _FREEDOM)
        root = np.linalg.cholesky(np.array(frame.scale))
        points[own] = np.array(frame.mean) + stretch[:, None] * (normal @ root.T)
    return points


def _density(points: FloatArray, frames: Sequence[FrameEntry]) -> FloatArray:
    ways = [f.spread.log_density(points) + math.log(f.share) for f in frames]
    return log_sum(np.stack(ways, axis=-1), np.ones(len(frames)))


def _proposal(points: FloatArray, frames: Sequence[FrameEntry]) -> FloatArray:
    """ln density of ``_drawn``."""
    ways = [
        StudentT(_FREEDOM, np.array(f.mean), _WIDER**2 * np.array(f.scale)).log_density(points)
        for f in frames
    ]
    return log_sum(np.stack(ways, axis=-1), np.full(len(frames), 1.0 / len(frames)))


def _over(
    points: FloatArray, frames: Sequence[FrameEntry], ln_zooms: FloatArray, of: Density
) -> FloatArray:
    """ln density of ``points`` under ``of`` with every zoom equally likely."""
    found = []
    for zoom in ln_zooms:
        before = points.copy()
        before[:, :2] = 0.5 + (before[:, :2] - 0.5) / math.exp(zoom)
        before[:, 2] -= zoom
        found.append(of(before, frames) - 2.0 * zoom)
    even = np.full(len(ln_zooms), 1.0 / len(ln_zooms))
    return log_sum(np.stack(found, axis=-1), even)
