"""Fits the scales of the checks that give named numbers: a weighted logistic regression each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression

from app.calibration.densities import FloatArray
from app.calibration.file import MeasuresEntry
from app.calibration.logistic_scale import SIZE, standardised
from app.evidence import Check, Reading
from app.training.calibration.alignment import FLAT
from app.training.calibration.sample_weights import importances, takes_part
from app.training.corpus import Row
from app.training.measure import Measured

_DIGITS: Final = 6
_CARRIED_BY: Final = 3.0
"""With n pictures and none beyond, the 95 % bound of a rate is 3 ÷ n."""


@dataclass(frozen=True)
class Sample:
    """What one check measured on one face."""

    row: Row
    measures: Mapping[str, float]


def samples_of(check: Check, seen: Sequence[Measured]) -> list[Sample]:
    """Every face of the kinds that take part on which ``check`` could measure."""
    return [
        Sample(m.row, found.measures)
        for m in seen
        if takes_part(m.row)
        for testimony in m.testimonies
        for one, found in testimony
        if one.name == check.name and isinstance(found, Reading)
    ]


def fit_measures(check: Check, samples: Sequence[Sample]) -> MeasuresEntry:
    """The scale of ``check``, fitted on ``samples``. Deterministic.

    Raises ``ValueError`` unless generated and real ones are among them.
    """
    rows = [s.row for s in samples]
    made = np.array([row.generated for row in rows])
    if not made.any() or made.all():
        raise ValueError(f"{check.name} was measured on one side only")
    names = list(samples[0].measures)
    values = np.array([[s.measures[name] for name in names] for s in samples])
    weights = importances(rows)
    centre = np.asarray(
        np.average(values, axis=0, weights=weights).round(_DIGITS), dtype=np.float64
    )
    spread = np.sqrt(np.average((values - centre) ** 2, axis=0, weights=weights))
    scale = np.asarray(np.maximum(spread, 1e-3).round(_DIGITS), dtype=np.float64)
    z = standardised(values, centre, scale)
    found = LogisticRegression(C=1.0, max_iter=2000).fit(
        _with_size(z, names), made, sample_weight=weights
    )
    slopes = np.round(found.coef_[0], _DIGITS)
    return MeasuresEntry(
        version=check.version,
        names=names,
        centre=centre.tolist(),
        scale=scale.tolist(),
        weights=slopes[: len(names)].tolist(),
        size_weights=slopes[len(names) :].tolist(),
        offset=round(float(found.intercept_[0]), _DIGITS),
        bounds=carried(*(len({r for r in rows if r.generated is side}) for side in (True, False))),
        uncertainty=FLAT,
        figures={},
    )


def carried(made: int, real: int) -> list[float]:
    """llr that so many pictures can vouch for: [lowest, highest].

    A picture seen at three sizes, or with two faces, is one picture.
    """
    low, high = (max(0.1, math.log10(n / _CARRIED_BY)) for n in (made, real))
    return [-round(low, 2), round(high, 2)]


def _with_size(z: FloatArray, names: Sequence[str]) -> FloatArray:
    """``z`` (n, k) and its products with the size's column: (n, 2 k)."""
    size = z[:, [list(names).index(SIZE)]]
    return np.concatenate([z, z * size], axis=1)
