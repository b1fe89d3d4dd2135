"""Fits a multivariate t distribution, whose heavy tails allow for a few atypical faces."""

from __future__ import annotations

from typing import Final

import numpy as np

from app.arrays import FloatArray
from app.calibration.densities import StudentT

_EM_ITERATIONS: Final = 80
_MIN_VARIANCE: Final = 1e-12
"""Added along every axis, so that collinear points have an invertible scale."""


def fit_t(
    points: FloatArray, weights: FloatArray, variance_factors: FloatArray, freedom: float
) -> tuple[FloatArray, FloatArray, float, float]:
    """Weighted EM for a multivariate t of given ``freedom`` over ``points`` (n, d).

    ``weights`` (n,) > 0; ``variance_factors`` (n,) > 0: the factor by which a point's own variance
    is larger. Returns mean (d,), scale (d, d), freedom, log likelihood. Liu, Rubin 1995 (Statistica
    Sinica 5), section 2.
    """
    d = points.shape[1]
    mean = np.median(points, axis=0)
    scale = np.diag((1.4826 * np.median(np.abs(points - mean), axis=0)) ** 2 + _MIN_VARIANCE)
    for _ in range(_EM_ITERATIONS):
        distance2 = _squared_distances(points - mean, scale) / variance_factors
        em_weights = weights * (freedom + d) / (freedom + distance2) / variance_factors
        mean = (em_weights[:, None] * points).sum(axis=0) / em_weights.sum()
        offsets = points - mean
        scale = (em_weights[:, None] * offsets).T @ offsets / weights.sum()
        scale = (scale + scale.T) / 2.0 + _MIN_VARIANCE * np.eye(d)
    # Density of a point with a wider scale: rescale the point, then divide by the Jacobian.
    rescaled = mean + (points - mean) / np.sqrt(variance_factors)[:, None]
    log_densities = StudentT(freedom, mean, scale).log_density(rescaled) - d / 2 * np.log(
        variance_factors
    )
    return mean, scale, freedom, float(weights @ log_densities)


def _squared_distances(offsets: FloatArray, scale: FloatArray) -> FloatArray:
    out: FloatArray = np.einsum("ni,ij,nj->n", offsets, np.linalg.inv(scale), offsets)
    return out
