"""How unlikely the smallest of many p-values are, together: in log10, without a statistics library.

If m p-values are uniform, the k smallest of them have a product as small as w with a probability of
at most C(m, k) · P(Γ(k) ≥ −ln w): one of the C(m, k) sets of k did it, and −ln of the product of k
uniform numbers is Γ(k). Every k is tried, and paid for by a factor m.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from app.arrays import FloatArray

_LN10: Final = math.log(10.0)
_MAX_LOG10_P: Final = -0.3
"""A p-value above a half, log10, adds nothing."""


def combine_smallest(log_p: FloatArray) -> float:
    """log10 of the probability of p-values as small as ``log_p`` (m,), log10; at most 0."""
    count = len(log_p)
    ordered = np.sort(log_p)
    used = int(np.searchsorted(ordered, _MAX_LOG10_P))
    if used == 0:
        return 0.0
    k = np.arange(1.0, used + 1.0)
    neg_log_product = -np.cumsum(ordered[:used]) * _LN10
    log10_bounds = log10_binomials(count, used) + log10_gamma_tails(k, neg_log_product)
    return min(0.0, float(log10_bounds.min()) + math.log10(count))


def log10_binomials(count: int, max_k: int) -> FloatArray:
    """log10 of C(count, k) for k = 1 … ``max_k``: (up_to,)."""
    k = np.arange(1.0, max_k + 1.0)
    out: FloatArray = np.cumsum(np.log10(count - k + 1.0) - np.log10(k))
    return out


def log10_gamma_tails(k: FloatArray, x: FloatArray) -> FloatArray:
    """An upper bound of log10 P(Γ(k) ≥ x) for k = 1, 2, 3 … (all of them, in order).

    For x > k − 1 the tail is less than x^(k−1) e^(−x) ÷ Γ(k) ÷ (1 − (k − 1) ÷ x): its terms, from
    the last downwards, fall faster than a geometric series.
    """
    log_factorial = np.append(0.0, np.cumsum(np.log(k[:-1])))  # ln Γ(k)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (k - 1.0) / x
        bound = ((k - 1.0) * np.log(x) - x - log_factorial - np.log1p(-ratio)) / _LN10
    out: FloatArray = np.where(x > k, np.minimum(bound, 0.0), 0.0)
    return out
