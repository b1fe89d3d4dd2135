"""The scale of checks with named measures: a logistic regression with size-dependent slopes.

ln LR = offset + Σ (wᵢ + vᵢ·z₀) zᵢ with zᵢ the standardised measures and z₀ that of ``ln_side``: a
measure may be worth less on a small picture. Fitted with both sides weighing the same, so that
the log odds are the log likelihood ratio.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.arrays import FloatArray
from app.calibration.file import LogisticEntry
from app.calibration.piecewise import PiecewiseLinear
from app.calibration.scale import LlrEstimate, clamp_llr
from app.evidence import Reading
from app.face.crop import REFERENCE_SIDE_PX

SIZE_MEASURE: Final = "ln_side"
"""The measure that says how large the face crop is: ln (side in px ÷ 200)."""
MAX_DEVIATIONS: Final = 5.0
"""Measures are clipped to this many standard deviations of the fit."""
_Z95: Final = 1.959964


@dataclass(frozen=True, eq=False)
class LogisticScale:
    """``names`` (k), and for each its ``centre``, ``scale``, ``weights`` and ``size_weights``."""

    names: tuple[str, ...]
    centre: FloatArray
    scale: FloatArray
    weights: FloatArray
    size_weights: FloatArray
    offset: float
    bounds: tuple[float, float]
    uncertainty: PiecewiseLinear

    def weigh(self, reading: Reading) -> LlrEstimate:
        """Raises ``ValueError`` if the reading's measures are not those that were fitted."""
        llr = self.llr(reading.measures)
        half_width = _Z95 * self.uncertainty(llr)
        return LlrEstimate(
            llr=clamp_llr(llr, self.bounds),
            interval=(
                clamp_llr(llr - half_width, self.bounds),
                clamp_llr(llr + half_width, self.bounds),
            ),
            side_px=_side_px(reading.measures[SIZE_MEASURE]),
        )

    def llr(self, measures: Mapping[str, float]) -> float:
        """log10 likelihood ratio without bounds."""
        if set(measures) != set(self.names):
            raise ValueError(f"got {sorted(measures)}, the scale is for {sorted(self.names)}")
        values = np.array([measures[name] for name in self.names])
        z = standardise(values, self.centre, self.scale)
        slopes = self.weights + self.size_weights * z[self.names.index(SIZE_MEASURE)]
        return float(self.offset + slopes @ z) / math.log(10.0)


def _side_px(ln_side: float) -> float:
    """The side that ``ln_side`` stands for, px; 1 to 30,000."""
    return REFERENCE_SIDE_PX * math.exp(min(5.0, max(-5.0, ln_side)))


def standardise(values: FloatArray, centre: FloatArray, scale: FloatArray) -> FloatArray:
    """``values`` (..., k) in standard deviations from ``centre``, within ± ``MAX_DEVIATIONS``."""
    out: FloatArray = np.clip((values - centre) / scale, -MAX_DEVIATIONS, MAX_DEVIATIONS)
    return out


def build_logistic_scale(entry: LogisticEntry) -> LogisticScale:
    """The scale that a file's entry describes."""
    return LogisticScale(
        names=tuple(entry.names),
        centre=np.array(entry.centre),
        scale=np.array(entry.scale),
        weights=np.array(entry.weights),
        size_weights=np.array(entry.size_weights),
        offset=entry.offset,
        bounds=(entry.bounds[0], entry.bounds[1]),
        uncertainty=PiecewiseLinear.through(entry.uncertainty),
    )
