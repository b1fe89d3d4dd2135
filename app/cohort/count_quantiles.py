"""95 % intervals of counts of independent events, and of shares that were counted."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from app.arrays import FloatArray, Int64Array

_TAIL: Final = 0.025
_Z: Final = 1.959964
_MAX_EXACT: Final = 400
"""Beyond so many things the normal distribution is as good."""


def count_interval(probabilities: FloatArray, counts: Int64Array) -> tuple[int, int]:
    """Between which numbers the count of events lies with a probability of 95 % or more.

    ``counts`` (k,): how many things have each of ``probabilities`` (k,), 0 to 1.
    """
    total = int(counts.sum())
    if total > _MAX_EXACT:
        mean = float(probabilities @ counts)
        deviation = math.sqrt(float((probabilities * (1.0 - probabilities)) @ counts))
        low, high = mean - _Z * deviation - 0.5, mean + _Z * deviation + 0.5
        return max(0, math.floor(low)), min(total, math.ceil(high))
    distribution = np.ones(1)
    for probability in np.repeat(probabilities, counts).tolist():
        distribution = np.convolve(distribution, [1.0 - probability, probability])
    cumulative = np.cumsum(distribution)
    low = int(np.searchsorted(cumulative, _TAIL, side="right"))
    return min(low, total), int(np.searchsorted(cumulative, 1.0 - _TAIL - 1e-12))


def share_interval(hits: int, trials: int) -> tuple[float, float]:
    """Wilson's interval of the rate behind ``hits`` of ``trials`` (JASA 22, 1927); 0 to 1."""
    if not trials:
        return 0.0, 1.0
    share, spread = hits / trials, _Z**2 / trials
    centre = (share + spread / 2.0) / (1.0 + spread)
    half = math.sqrt(share * (1.0 - share) * spread + spread**2 / 4.0) / (1.0 + spread)
    # At either end the formula meets the end exactly, but for rounding.
    return 0.0 if hits == 0 else centre - half, 1.0 if hits == trials else centre + half
