"""Fits the fusion: how much of each pixel check's llr is left beside the others'."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize

from app.analysis.analyze import Measurements
from app.arrays import FloatArray
from app.calibration.calibration import build_scale
from app.calibration.file import CheckEntry, FusionEntry, LogisticEntry
from app.calibration.fusion import EYE_ALIGNMENT_NAME, STAMP_NAME
from app.calibration.scale import Scale
from app.checks import CHECKS
from app.evidence import Reading
from app.training.calibration.alignment import NO_UNCERTAINTY
from app.training.calibration.logistic import collect_samples, fit_logistic_scale
from app.training.calibration.sample_weights import ALIGNED_KINDS, compute_sample_weights
from app.training.corpus import ORDINARY_KINDS, ManifestRow
from app.training.measure import MeasuredPicture

FRAMED_SHARE: Final = 0.025
"""Ordinary avatars that sit in a generator's frame for reasons of their own. Judgement: of 5,202
ordinary pictures 5 did by chance; data sets, ID-style crops and apps that cut faces out come on top
where a list is drawn from one place."""
_RIDGE: Final = 1e-3
_LN10: Final = math.log(10.0)


@dataclass(frozen=True)
class PixelLlrs:
    """What the pixel checks weighed on one face; those that measured."""

    row: ManifestRow
    llrs: Mapping[str, float]


def fit_fusion(names: Sequence[str], faces: Sequence[PixelLlrs]) -> FusionEntry:
    """Weights no less than 0, so that no check can speak against itself. Deterministic."""
    rows = [s.row for s in faces if s.llrs]
    llrs = np.array([[s.llrs.get(name, 0.0) for name in names] for s in faces if s.llrs])
    labels = np.array([row.is_generated for row in rows], dtype=np.float64)
    solution = _fit_logistic(_LN10 * llrs, labels, compute_sample_weights(rows) / len(rows))
    weights, offset = np.round(solution[:-1], 4), round(float(solution[-1]) / _LN10, 4)
    total_llrs = llrs @ weights + offset
    return FusionEntry(
        framed_share=FRAMED_SHARE,
        weights=dict(zip(names, weights.tolist(), strict=True)),
        offset=offset,
        ordinary=_fit_line(rows, total_llrs, ORDINARY_KINDS),
        framed=_fit_line(rows, total_llrs, ALIGNED_KINDS),
        uncertainty=NO_UNCERTAINTY,
    )


def _fit_line(
    rows: Sequence[ManifestRow], total_llrs: FloatArray, kinds: Sequence[str]
) -> list[float]:
    """Slope and offset that make ``total_llrs`` an llr against real pictures of ``kinds`` alone."""
    mask = np.array([row.is_generated or row.kind in kinds for row in rows])
    selected_rows = [row for row, is_selected in zip(rows, mask, strict=True) if is_selected]
    if len({row.is_generated for row in selected_rows}) < 2:
        return [1.0, 0.0]
    labels = np.array([row.is_generated for row in selected_rows], dtype=np.float64)
    slope, offset = _fit_logistic(
        _LN10 * total_llrs[mask, None],
        labels,
        compute_sample_weights(selected_rows) / len(selected_rows),
    )
    return [round(float(slope), 4), round(float(offset) / _LN10, 4)]


def _fit_logistic(x: FloatArray, labels: FloatArray, weights: FloatArray) -> FloatArray:
    """Weights (k,), each >= 0, and the offset, of the weighted logistic regression: (k + 1,)."""

    def loss(w: FloatArray) -> tuple[float, FloatArray]:
        margin = x @ w[:-1] + w[-1]
        cost = np.logaddexp(0.0, margin) - labels * margin
        residuals = weights * (1.0 / (1.0 + np.exp(-margin)) - labels)
        slope = np.append(x.T @ residuals, residuals.sum()) + 2.0 * _RIDGE * np.append(w[:-1], 0.0)
        return float(weights @ cost + _RIDGE * w[:-1] @ w[:-1]), slope

    count = x.shape[1]
    start = np.append(np.full(count, 1.0 / count), 0.0)
    bounds = [(0.0, None)] * count + [(None, None)]
    out: FloatArray = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return out


def fit_pixel_checks(
    pictures: Sequence[MeasuredPicture],
) -> tuple[dict[str, LogisticEntry], FusionEntry]:
    """The scale of every pixel check, and how they are weighed together."""
    names = pixel_check_names()
    entries = {
        c.name: fit_logistic_scale(c, collect_samples(c, pictures))
        for c in CHECKS
        if c.name in names
    }
    return entries, fit_fusion(names, compute_pixel_llrs(pictures, build_scales(entries), names))


def pixel_check_names() -> list[str]:
    """The checks that look at the face's pixels, in their order."""
    return [c.name for c in CHECKS if c.name not in (EYE_ALIGNMENT_NAME, STAMP_NAME)]


def build_scales(entries: Mapping[str, CheckEntry]) -> dict[str, Scale]:
    """A scale for every entry."""
    return {name: build_scale(entry) for name, entry in entries.items()}


def compute_pixel_llrs(
    pictures: Sequence[MeasuredPicture], scales: Mapping[str, Scale], names: Sequence[str]
) -> list[PixelLlrs]:
    """What the checks ``names`` weigh on every face of ``seen``."""
    return [
        PixelLlrs(m.row, weigh_checks(measurements, scales, names))
        for m in pictures
        for measurements in m.faces
    ]


def weigh_checks(
    measurements: Measurements, scales: Mapping[str, Scale], names: Sequence[str]
) -> dict[str, float]:
    """llr of the checks ``names`` that measured."""
    return {
        check.name: scales[check.name].weigh(reading).llr
        for check, reading in measurements
        if check.name in names and isinstance(reading, Reading)
    }
