"""Fits a multivariate t: a template with the tails that a few odd faces ask for."""

from __future__ import annotations

from typing import Final

import numpy as np

from app.calibration.densities import FloatArray, StudentT

_ROUNDS: Final = 60


def fit_t(
    points: FloatArray, weights: FloatArray, stretch: FloatArray, freedom: float
) -> tuple[FloatArray, FloatArray, float, float]:
    """Weighted EM for a multivariate t of given ``freedom`` over ``points`` (n, d).

    ``weights`` (n,) > 0; ``stretch`` (n,) > 0: how many times as wide (in variance) a point's own
    scale is. Mean (d,), scale (d, d), freedom, log likelihood. Liu, Rubin 1995 (Statistica Sinica
    5), section 2.
    """
    d = points.shape[1]
    mean = np.median(points, axis=0)
    scale = np.diag((1.4826 * np.median(np.abs(points - mean), axis=0)) ** 2)
    for _ in range(_ROUNDS):
        distance2 = _distance2(points - mean, scale) / stretch
        pull = weights * (freedom + d) / (freedom + distance2) / stretch
        mean = (pull[:, None] * points).sum(axis=0) / pull.sum()
        offsets = points - mean
        scale = (pull[:, None] * offsets).T @ offsets / weights.sum()
    # A point whose scale is wider is one drawn in to the same scale, at a density so much lower.
    drawn_in = mean + (points - mean) / np.sqrt(stretch)[:, None]
    logs = StudentT(freedom, mean, scale).log_density(drawn_in) - d / 2 * np.log(stretch)
    return mean, scale, freedom, float(weights @ logs)


def _distance2(offsets: FloatArray, scale: FloatArray) -> FloatArray:
    out: FloatArray = np.einsum("ni,ij,nj->n", offsets, np.linalg.inv(scale), offsets)
    return out
