"""Fits the scale of each check that gives named measures, by weighted logistic regression."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression

from app.arrays import FloatArray
from app.calibration.file import LogisticEntry
from app.calibration.logistic_scale import SIZE_MEASURE, standardise
from app.evidence import Check, Reading
from app.training.calibration.alignment import NO_UNCERTAINTY
from app.training.calibration.sample_weights import compute_sample_weights, has_share
from app.training.corpus import ManifestRow
from app.training.measure import MeasuredPicture

_DIGITS: Final = 6
_RULE_OF_THREE: Final = 3.0
"""With n pictures and no hit, the 95 % upper bound of a rate is 3 ÷ n."""


@dataclass(frozen=True)
class MeasureSample:
    """One check's measures on one face."""

    row: ManifestRow
    measures: Mapping[str, float]


def collect_samples(check: Check, pictures: Sequence[MeasuredPicture]) -> list[MeasureSample]:
    """A sample for every face that ``check`` could measure, of the kinds that have a share."""
    return [
        MeasureSample(m.row, reading.measures)
        for m in pictures
        if has_share(m.row)
        for measurements in m.faces
        for measured_check, reading in measurements
        if measured_check.name == check.name and isinstance(reading, Reading)
    ]


def fit_logistic_scale(check: Check, samples: Sequence[MeasureSample]) -> LogisticEntry:
    """The scale of ``check``, fitted on ``samples``. Deterministic.

    Raises ``ValueError`` unless both generated and real samples are present.
    """
    rows = [s.row for s in samples]
    labels = np.array([row.is_generated for row in rows])
    if not labels.any() or labels.all():
        raise ValueError(f"{check.name} was measured on one side only")
    names = list(samples[0].measures)
    values = np.array([[s.measures[name] for name in names] for s in samples])
    weights = compute_sample_weights(rows)
    centre = np.asarray(
        np.average(values, axis=0, weights=weights).round(_DIGITS), dtype=np.float64
    )
    spread = np.sqrt(np.average((values - centre) ** 2, axis=0, weights=weights))
    scale = np.asarray(np.maximum(spread, 1e-3).round(_DIGITS), dtype=np.float64)
    z = standardise(values, centre, scale)
    model = LogisticRegression(C=1.0, max_iter=2000).fit(
        _append_size_products(z, names), labels, sample_weight=weights
    )
    slopes = np.round(model.coef_[0], _DIGITS)
    return LogisticEntry(
        version=check.version,
        names=names,
        centre=centre.tolist(),
        scale=scale.tolist(),
        weights=slopes[: len(names)].tolist(),
        size_weights=slopes[len(names) :].tolist(),
        offset=round(float(model.intercept_[0]), _DIGITS),
        bounds=supported_bounds(
            *(len({r for r in rows if r.is_generated is side}) for side in (True, False))
        ),
        uncertainty=NO_UNCERTAINTY,
        figures={},
    )


def supported_bounds(generated_count: int, real_count: int) -> list[float]:
    """Bounds of the llr that this many pictures can support: [lowest, highest].

    A picture measured at three sizes, or with two faces, counts once.
    """
    low, high = (
        max(0.1, math.log10(max(n, 1) / _RULE_OF_THREE)) for n in (generated_count, real_count)
    )
    return [-round(low, 2), round(high, 2)]


def _append_size_products(z: FloatArray, names: Sequence[str]) -> FloatArray:
    """``z`` (n, k) with its products by the size column: (n, 2 k)."""
    size = z[:, [list(names).index(SIZE_MEASURE)]]
    return np.concatenate([z, z * size], axis=1)
