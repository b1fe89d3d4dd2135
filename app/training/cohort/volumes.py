"""Volumes of the frames' superlevel sets, by seeded Monte Carlo integration."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from app.arrays import FloatArray
from app.calibration.densities import StudentT, log_sum_exp
from app.cohort.parameters import FrameEntry, VolumeEntry

_SEED: Final = 20261125
_SAMPLE_COUNT: Final = 120_000
_PROPOSAL_WIDENING: Final = 1.5
_PROPOSAL_FREEDOM: Final = 2.0
_DENSITIES: Final = np.round(np.arange(1.0, 9.01, 0.1), 2)
_MIN_VOLUME: Final = 1e-9
"""Lower limit: crop squares are not measured more precisely."""
_LN10: Final = math.log(10.0)

LogDensity = Callable[[FloatArray, Sequence[FrameEntry]], FloatArray]


def estimate_volumes(frames: Sequence[FrameEntry], zooms: int, max_zoom: float) -> VolumeEntry:
    """log10 volumes in which the frames' density reaches each level, untouched and zoomed."""
    rng = np.random.default_rng(_SEED)
    points = _sample_proposal(frames, rng)
    ln_zooms = (np.arange(zooms) + 0.5) / zooms * math.log(max_zoom)
    zoom = rng.choice(ln_zooms, len(points))
    zoomed_points = points.copy()
    zoomed_points[:, :2] = 0.5 + (zoomed_points[:, :2] - 0.5) * np.exp(zoom)[:, None]
    zoomed_points[:, 2] += zoom
    untouched = _superlevel_volumes(
        _frame_log_density(points, frames), _proposal_log_density(points, frames)
    )
    zoomed = _superlevel_volumes(
        _average_over_zooms(zoomed_points, frames, ln_zooms, _frame_log_density),
        _average_over_zooms(zoomed_points, frames, ln_zooms, _proposal_log_density),
    )
    return VolumeEntry(density=_DENSITIES.tolist(), one=untouched, zoomed=zoomed)


def _superlevel_volumes(density: FloatArray, proposal: FloatArray) -> list[float]:
    """log10 of the volume of {density ≥ d} for every d, by importance sampling: Σ 1 ÷ proposal."""
    weights = np.exp(-proposal) / len(density)
    order = np.argsort(-density)
    cumulative = np.cumsum(weights[order])
    counts = np.searchsorted(-(density[order] / _LN10), -_DENSITIES, side="right")
    volume = np.where(counts > 0, cumulative[np.maximum(counts, 1) - 1], 0.0)
    return [round(math.log10(max(float(r), _MIN_VOLUME)), 4) for r in volume]


def _sample_proposal(frames: Sequence[FrameEntry], rng: np.random.Generator) -> FloatArray:
    """Points (n, 4) from the widened proposal distribution."""
    frame_of = rng.choice(len(frames), _SAMPLE_COUNT)
    points = np.empty((_SAMPLE_COUNT, 4))
    for number, frame in enumerate(frames):
        is_own = frame_of == number
        normal = rng.normal(size=(int(is_own.sum()), 4))
        stretch = _PROPOSAL_WIDENING / np.sqrt(
            rng.chisquare(_PROPOSAL_FREEDOM, len(normal)) / _PROPOSAL_FREEDOM
        )
        root = np.linalg.cholesky(np.array(frame.scale))
        points[is_own] = np.array(frame.mean) + stretch[:, None] * (normal @ root.T)
    return points


def _frame_log_density(points: FloatArray, frames: Sequence[FrameEntry]) -> FloatArray:
    log_densities = [f.distribution.log_density(points) + math.log(f.share) for f in frames]
    return log_sum_exp(np.stack(log_densities, axis=-1), np.ones(len(frames)))


def _proposal_log_density(points: FloatArray, frames: Sequence[FrameEntry]) -> FloatArray:
    """ln density of ``_sample_proposal``."""
    log_densities = [
        StudentT(
            _PROPOSAL_FREEDOM, np.array(f.mean), _PROPOSAL_WIDENING**2 * np.array(f.scale)
        ).log_density(points)
        for f in frames
    ]
    return log_sum_exp(np.stack(log_densities, axis=-1), np.full(len(frames), 1.0 / len(frames)))


def _average_over_zooms(
    points: FloatArray, frames: Sequence[FrameEntry], ln_zooms: FloatArray, log_density: LogDensity
) -> FloatArray:
    """ln density of ``points`` under ``log_density`` with every zoom equally likely."""
    log_densities = []
    for zoom in ln_zooms:
        unzoomed = points.copy()
        unzoomed[:, :2] = 0.5 + (unzoomed[:, :2] - 0.5) / math.exp(zoom)
        unzoomed[:, 2] -= zoom
        log_densities.append(log_density(unzoomed, frames) - 2.0 * zoom)
    uniform = np.full(len(ln_zooms), 1.0 / len(ln_zooms))
    return log_sum_exp(np.stack(log_densities, axis=-1), uniform)
