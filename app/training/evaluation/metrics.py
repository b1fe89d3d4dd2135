"""Metrics of log10 likelihood ratios: ROC, Cllr, and confidence bounds of rates."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_auc_score

from app.arrays import FloatArray


@dataclass(frozen=True)
class Rate:
    """``hits`` of ``trials``, with the one-sided 95 % upper bound of the rate."""

    hits: int
    trials: int

    @property
    def rate(self) -> float:
        return self.hits / self.trials if self.trials else math.nan

    @property
    def upper_95(self) -> float:
        return clopper_pearson_upper(self.hits, self.trials)


def clopper_pearson_upper(hits: int, trials: int, confidence: float = 0.95) -> float:
    """Clopper-Pearson's one-sided upper bound of a rate (Biometrika 26, 1934)."""
    return float(beta.ppf(confidence, hits + 1, trials - hits)) if hits < trials else 1.0


def auc(generated: FloatArray, real: FloatArray) -> float:
    """Area under the ROC curve: P(generated > real) + half the ties."""
    if not len(generated) or not len(real):
        return math.nan
    return float(roc_auc_score(_labels(generated, real), np.concatenate([generated, real])))


def can_carry(real_pictures: int, false_positive_rate: float) -> bool:
    """Whether so many real pictures can show so low a rate: with none flagged, 95 % below 3 / n.

    The rule of three (Hanley, Lippman-Hand, JAMA 249, 1983).
    """
    return real_pictures * false_positive_rate >= 3.0


def recall_at(generated: FloatArray, real: FloatArray, false_positive_rate: float) -> float:
    """Share of ``generated`` above a threshold that at most this share of ``real`` exceeds."""
    if not len(generated) or not len(real):
        return math.nan
    allowed_false_positives = math.floor(false_positive_rate * len(real))
    threshold = (
        np.sort(real)[::-1][allowed_false_positives]
        if allowed_false_positives < len(real)
        else -math.inf
    )
    return float((generated > threshold).mean())


def cllr(generated: FloatArray, real: FloatArray) -> float:
    """Log-likelihood-ratio cost in bits (Brümmer, du Preez 2006): 0 perfect, 1 uninformative."""
    if not len(generated) or not len(real):
        return math.nan
    ln10 = math.log(10.0)
    miss_cost = np.logaddexp(0.0, -generated * ln10).mean()
    false_alarm_cost = np.logaddexp(0.0, real * ln10).mean()
    return float((miss_cost + false_alarm_cost) / (2.0 * math.log(2.0)))


def cllr_min(generated: FloatArray, real: FloatArray) -> float:
    """Cllr after the best monotone recalibration (PAV): the discrimination loss."""
    if not len(generated) or not len(real):
        return math.nan
    llr = pav_llr(generated, real)
    return cllr(llr[: len(generated)], llr[len(generated) :])


def pav_llr(generated: FloatArray, real: FloatArray) -> FloatArray:
    """llr after the best monotone recalibration (PAV), of ``generated`` and then of ``real``.

    Infinite where one of the two alone reaches. Neither may be empty.
    """
    # Ranks, not scores: between nearly equal scores, interpolation would divide by zero.
    ranks = np.unique(np.concatenate([generated, real]), return_inverse=True)[1]
    share = IsotonicRegression().fit_transform(ranks, _labels(generated, real))
    prior = math.log(len(generated) / len(real))
    with np.errstate(divide="ignore"):
        return np.asarray((np.log(share) - np.log1p(-share) - prior) / math.log(10.0))


def rate_above(llrs: FloatArray, threshold: float) -> Rate:
    """How many of ``llrs`` reach ``threshold``."""
    return Rate(int((llrs >= threshold).sum()), len(llrs))


def _labels(generated: FloatArray, real: FloatArray) -> FloatArray:
    return np.concatenate([np.ones(len(generated)), np.zeros(len(real))])
