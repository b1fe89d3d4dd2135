"""How often chance does as much: upper bounds of tails, in log10, without a statistics library."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from app.arrays import FloatArray

_LN10: Final = math.log(10.0)
_TINY: Final = 1e-300


def log10_binomial_tail(hits: FloatArray, trials: FloatArray, rate: FloatArray) -> FloatArray:
    """An upper bound of log10 P(X ≥ ``hits``) for binomial X (Chernoff 1952; Hoeffding 1963).

    exp(−n · KL(k ÷ n ‖ p)) where k exceeds n · p, and 1 elsewhere. Arrays broadcast.
    """
    share = np.clip(hits / np.maximum(trials, 1.0), 0.0, 1.0)
    rate = np.clip(rate, _TINY, 1.0 - 1e-15)
    divergence = share * np.log(np.maximum(share, _TINY) / rate) + (1.0 - share) * np.log(
        np.maximum(1.0 - share, _TINY) / (1.0 - rate)
    )
    bound = -trials * divergence / _LN10
    out: FloatArray = np.where(share > rate, np.minimum(bound, 0.0), 0.0)
    return out


def log10_more_in_span(
    hits: FloatArray, others: FloatArray, span: FloatArray, period: FloatArray
) -> FloatArray:
    """log10 of a bound of P(``hits`` events or more in a span) of a rate known by others only.

    ``others`` events were seen in ``period``, at the same rate, which is not known otherwise: the
    count in ``span`` is then negative binomial (r = others + 1), and a negative binomial tail is a
    binomial one: P(X ≥ k) = P(Bin(k + r − 1, span ÷ (span + period)) ≥ k).
    """
    return log10_binomial_tail(hits, hits + others, span / (span + period))
