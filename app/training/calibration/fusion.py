"""Fits the fusion: the weight of each pixel check's llr next to the others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize

from app.analysis.face_result import Measurements
from app.arrays import FloatArray
from app.calibration.calibration import build_scale
from app.calibration.file import CheckEntry, FusionEntry, LineEntry, LogisticEntry
from app.calibration.fusion import EYE_ALIGNMENT_NAME, REFERENCE_SIDE_PX, STAMP_NAME
from app.calibration.scale import Scale
from app.checks import CHECKS
from app.evidence import Reading
from app.training.calibration.alignment import NO_UNCERTAINTY
from app.training.calibration.logistic import (
    collect_samples,
    fit_logistic_scale,
    supported_bounds,
)
from app.training.calibration.sample_weights import ALIGNED_KINDS, compute_sample_weights
from app.training.corpus import ORDINARY_KINDS, ManifestRow
from app.training.measure import MeasuredPicture

FRAMED_SHARE: Final = 0.025
"""Share of ordinary avatars that sit in a generator's frame. Expert judgement: of 5,202 ordinary
pictures 5 did by chance; data sets, ID-style crops and apps that cut faces out come on top where a
list is drawn from one place."""
_RIDGE: Final = 1e-3
_LN10: Final = math.log(10.0)


SIDES_PX: Final = (48.0, 64.0, 100.0, 160.0, 256.0, 400.0)
"""Sides of the face crop at which a line has a slope and an offset; interpolated between."""
WEIGHTS_FROM_PX: Final = 90.0
"""The checks are weighed against each other on crops of at least this side. Smaller ones silence
most checks: there the few that are left would be given the weight of those that are missing."""
_STIFFNESS: Final = 0.01
"""Weight of the penalty on differences between neighbouring sizes."""


@dataclass(frozen=True)
class PixelLlrs:
    """llr of the pixel checks that measured one face, on a crop of ``side_px``."""

    row: ManifestRow
    llrs: Mapping[str, float]
    side_px: float = REFERENCE_SIDE_PX


def fit_fusion(names: Sequence[str], faces: Sequence[PixelLlrs]) -> FusionEntry:
    """Fit weights that are at least 0, so that no check's llr is reversed. Deterministic."""
    measured = [face for face in faces if face.llrs]
    llrs = np.array([[face.llrs.get(name, 0.0) for name in names] for face in measured])
    large = np.array([face.side_px >= WEIGHTS_FROM_PX for face in measured])
    large |= not large.any()  # a corpus of small faces has no others
    rows = [face.row for face, is_large in zip(measured, large, strict=True) if is_large]
    solution = _fit_logistic(
        np.hstack([_LN10 * llrs[large], np.ones((len(rows), 1))]),
        np.array([row.is_generated for row in rows], dtype=np.float64),
        compute_sample_weights(rows) / len(rows),
        [*np.full(len(names), 1.0 / len(names)), 0.0],
        np.diag([*np.full(len(names), _RIDGE), 0.0]),
        len(names),
    )
    weights, offset = np.round(solution[:-1], 4), round(float(solution[-1]) / _LN10, 4)
    total_llrs = llrs @ weights + offset
    framed = _fit_line(names, measured, total_llrs, ALIGNED_KINDS)
    return FusionEntry(
        framed_share=FRAMED_SHARE,
        weights=dict(zip(names, weights.tolist(), strict=True)),
        offset=offset,
        sides_px=list(SIDES_PX),
        ordinary=_fit_line(names, measured, total_llrs, ORDINARY_KINDS, framed.unmeasured),
        framed=framed,
    )


def _fit_line(
    names: Sequence[str],
    faces: Sequence[PixelLlrs],
    total_llrs: FloatArray,
    kinds: Sequence[str],
    unmeasured_llrs: Mapping[str, float] | None = None,
) -> LineEntry:
    """Calibrate ``total_llrs`` as an llr against real pictures of ``kinds`` only.

    One logistic regression over all sizes, with a slope and an offset for each of ``SIDES_PX``
    that the faces near it share, and an offset for each check that could not measure.
    ``unmeasured_llrs`` fixes these last. Against ordinary avatars they must be fixed: what a check
    cannot see is mostly what the picture's edge cut off, so that a missing check would say again
    that the face is not in the frame, and clear generated faces that were cut off-centre. Against
    framed photographs both sides are in the frame, and it says only how to read the rest.
    """
    mask = np.array([face.row.is_generated or face.row.kind in kinds for face in faces])
    selected = [face for face, is_selected in zip(faces, mask, strict=True) if is_selected]
    rows = [face.row for face in selected]
    counts = [len({row.path for row in rows if row.is_generated is side}) for side in (True, False)]
    size_count = len(SIDES_PX)
    slopes, offsets, missing = np.ones(size_count), np.zeros(size_count), np.zeros(len(names))
    if all(counts):
        shares = _size_shares(np.array([face.side_px for face in selected]))
        unmeasured = np.array([[name not in face.llrs for name in names] for face in selected])
        columns = [_LN10 * total_llrs[mask, None] * shares, shares]
        if unmeasured_llrs is None:
            columns.append(unmeasured)
            fixed = np.zeros(len(rows))
        else:
            missing = np.array([unmeasured_llrs[name] for name in names])
            fixed = _LN10 * (unmeasured @ missing)
        count = sum(part.shape[1] for part in columns)
        solution = _fit_logistic(
            np.hstack(columns),
            np.array([row.is_generated for row in rows], dtype=np.float64),
            compute_sample_weights(rows) / len(rows),
            [*slopes, *offsets, *missing][:count],
            _line_penalty(size_count, len(names))[:count, :count],
            size_count,
            fixed,
        )
        slopes = np.round(solution[:size_count], 4)
        offsets = np.round(solution[size_count : 2 * size_count] / _LN10, 4)
        if unmeasured_llrs is None:
            missing = np.round(solution[2 * size_count :] / _LN10, 4)
    return LineEntry(
        slopes=slopes.tolist(),
        offsets=offsets.tolist(),
        unmeasured=dict(zip(names, missing.tolist(), strict=True)),
        bounds=supported_bounds(*counts),
        uncertainty=NO_UNCERTAINTY,
        pictures=counts,
    )


def _size_shares(sides_px: FloatArray) -> FloatArray:
    """Interpolation weights of ``SIDES_PX`` at ``sides_px`` (n,): (n, k)."""
    ln_sides = np.log(SIDES_PX)
    columns = [np.interp(np.log(sides_px), ln_sides, unit) for unit in np.eye(len(SIDES_PX))]
    return np.stack(columns, axis=1)


def _line_penalty(size_count: int, check_count: int) -> FloatArray:
    """Quadratic penalty on differences between neighbouring sizes and on offsets."""
    steps = np.diff(np.eye(size_count), axis=0)
    band = _STIFFNESS * steps.T @ steps
    out: FloatArray = np.zeros((2 * size_count + check_count, 2 * size_count + check_count))
    out[:size_count, :size_count] = band + _RIDGE * np.eye(size_count) / size_count
    out[size_count : 2 * size_count, size_count : 2 * size_count] = band
    out[2 * size_count :, 2 * size_count :] = _RIDGE * np.eye(check_count)
    return out


def _fit_logistic(
    x: FloatArray,
    labels: FloatArray,
    weights: FloatArray,
    start: Sequence[float],
    penalty: FloatArray,
    positive_count: int,
    fixed: FloatArray | float = 0.0,
) -> FloatArray:
    """Coefficients (k,) of weighted logistic regression; the first ``positive_count`` are >= 0.

    ``fixed`` (n,): added to every sample's log odds as it is.
    """

    def loss(w: FloatArray) -> tuple[float, FloatArray]:
        margin = x @ w + fixed
        cost = np.logaddexp(0.0, margin) - labels * margin
        residuals = weights * (1.0 / (1.0 + np.exp(-margin)) - labels)
        return float(weights @ cost + w @ penalty @ w), x.T @ residuals + 2.0 * penalty @ w

    bounds = [(0.0, None)] * positive_count + [(None, None)] * (len(start) - positive_count)
    out: FloatArray = minimize(loss, np.array(start), jac=True, method="L-BFGS-B", bounds=bounds).x
    return out


def fit_pixel_checks(
    pictures: Sequence[MeasuredPicture],
) -> tuple[dict[str, LogisticEntry], FusionEntry]:
    """Fit the scale of every pixel check, and their fusion."""
    names = pixel_check_names()
    entries = {
        c.name: fit_logistic_scale(c, collect_samples(c, pictures))
        for c in CHECKS
        if c.name in names
    }
    return entries, fit_fusion(names, compute_pixel_llrs(pictures, build_scales(entries), names))


def pixel_check_names() -> list[str]:
    """Names of the checks on the face's pixels, in order."""
    return [c.name for c in CHECKS if c.name not in (EYE_ALIGNMENT_NAME, STAMP_NAME)]


def build_scales(entries: Mapping[str, CheckEntry]) -> dict[str, Scale]:
    """A scale for every entry."""
    return {name: build_scale(entry) for name, entry in entries.items()}


def compute_pixel_llrs(
    pictures: Sequence[MeasuredPicture], scales: Mapping[str, Scale], names: Sequence[str]
) -> list[PixelLlrs]:
    """llr of the checks ``names`` on every face of ``pictures``."""
    return [
        weigh_checks(m.row, measurements, scales, names)
        for m in pictures
        for measurements in m.faces
    ]


def weigh_checks(
    row: ManifestRow,
    measurements: Measurements,
    scales: Mapping[str, Scale],
    names: Sequence[str],
) -> PixelLlrs:
    """llr of the checks ``names`` that measured one face."""
    estimates = {
        check.name: scales[check.name].weigh(reading)
        for check, reading in measurements
        if check.name in names and isinstance(reading, Reading)
    }
    return PixelLlrs(
        row,
        {name: estimate.llr for name, estimate in estimates.items()},
        max((e.side_px for e in estimates.values() if e.side_px), default=REFERENCE_SIDE_PX),
    )
