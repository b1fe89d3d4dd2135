"""Fits the fusion: how much of each pixel check's llr is left beside the others'."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize

from app.analysis.analyze import Testimony
from app.calibration.calibration import scale
from app.calibration.densities import FloatArray
from app.calibration.file import Entry, FusionEntry, MeasuresEntry
from app.calibration.fusion import FRAME, STAMP
from app.calibration.scale import Scale
from app.checks import CHECKS
from app.evidence import Reading
from app.training.calibration.alignment import FLAT
from app.training.calibration.logistic import fit_measures, samples_of
from app.training.calibration.sample_weights import ALIGNED_KINDS, importances
from app.training.corpus import ORDINARY_KINDS, Row
from app.training.measure import Measured

ALIGNED_SHARE: Final = 0.025
"""Ordinary avatars that sit in a generator's frame for reasons of their own. Judgement: of 5,202
ordinary pictures 5 did by chance; data sets, ID-style crops and apps that cut faces out come on top
where a list is drawn from one place."""
_RIDGE: Final = 1e-3
_LN10: Final = math.log(10.0)


@dataclass(frozen=True)
class PixelWeights:
    """What the pixel checks weighed on one face; those that measured."""

    row: Row
    llrs: Mapping[str, float]


def fit_fusion(names: Sequence[str], seen: Sequence[PixelWeights]) -> FusionEntry:
    """Weights no less than 0, so that no check can speak against itself. Deterministic."""
    rows = [s.row for s in seen if s.llrs]
    llrs = np.array([[s.llrs.get(name, 0.0) for name in names] for s in seen if s.llrs])
    made = np.array([row.generated for row in rows], dtype=np.float64)
    solution = _logistic(_LN10 * llrs, made, importances(rows) / len(rows))
    weights, offset = np.round(solution[:-1], 4), round(float(solution[-1]) / _LN10, 4)
    together = llrs @ weights + offset
    return FusionEntry(
        aligned_share=ALIGNED_SHARE,
        weights=dict(zip(names, weights.tolist(), strict=True)),
        offset=offset,
        ordinary=_line(rows, together, ORDINARY_KINDS),
        framed=_line(rows, together, ALIGNED_KINDS),
        uncertainty=FLAT,
    )


def _line(rows: Sequence[Row], together: FloatArray, kinds: Sequence[str]) -> list[float]:
    """Slope and offset that make ``together`` an llr against real pictures of ``kinds`` alone."""
    part = np.array([row.generated or row.kind in kinds for row in rows])
    mine = [row for row, taken in zip(rows, part, strict=True) if taken]
    if len({row.generated for row in mine}) < 2:
        return [1.0, 0.0]
    made = np.array([row.generated for row in mine], dtype=np.float64)
    slope, offset = _logistic(_LN10 * together[part, None], made, importances(mine) / len(mine))
    return [round(float(slope), 4), round(float(offset) / _LN10, 4)]


def _logistic(x: FloatArray, made: FloatArray, weights: FloatArray) -> FloatArray:
    """Weights (k,), each >= 0, and the offset, of the weighted logistic regression: (k + 1,)."""

    def loss(w: FloatArray) -> tuple[float, FloatArray]:
        margin = x @ w[:-1] + w[-1]
        cost = np.logaddexp(0.0, margin) - made * margin
        pull = weights * (1.0 / (1.0 + np.exp(-margin)) - made)
        slope = np.append(x.T @ pull, pull.sum()) + 2.0 * _RIDGE * np.append(w[:-1], 0.0)
        return float(weights @ cost + _RIDGE * w[:-1] @ w[:-1]), slope

    count = x.shape[1]
    start = np.append(np.full(count, 1.0 / count), 0.0)
    bounds = [(0.0, None)] * count + [(None, None)]
    out: FloatArray = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return out


def fit_pixels(seen: Sequence[Measured]) -> tuple[dict[str, MeasuresEntry], FusionEntry]:
    """The scale of every pixel check, and how they are weighed together."""
    names = pixel_checks()
    found = {c.name: fit_measures(c, samples_of(c, seen)) for c in CHECKS if c.name in names}
    return found, fit_fusion(names, pixel_weights(seen, scales(found), names))


def pixel_checks() -> list[str]:
    """The checks that look at the face's pixels, in their order."""
    return [c.name for c in CHECKS if c.name not in (FRAME, STAMP)]


def scales(found: Mapping[str, Entry]) -> dict[str, Scale]:
    """A scale for every entry."""
    return {name: scale(entry) for name, entry in found.items()}


def pixel_weights(
    seen: Sequence[Measured], weighing: Mapping[str, Scale], names: Sequence[str]
) -> list[PixelWeights]:
    """What the checks ``names`` weigh on every face of ``seen``."""
    return [
        PixelWeights(m.row, weights_of(testimony, weighing, names))
        for m in seen
        for testimony in m.testimonies
    ]


def weights_of(
    testimony: Testimony, weighing: Mapping[str, Scale], names: Sequence[str]
) -> dict[str, float]:
    """llr of the checks ``names`` that measured."""
    return {
        check.name: weighing[check.name].weigh(measured).llr
        for check, measured in testimony
        if check.name in names and isinstance(measured, Reading)
    }
