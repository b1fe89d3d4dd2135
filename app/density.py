"""Densities that the calibration weighs with: a Gaussian mixture and a multivariate Student t.

Plain numpy, so that the service needs no statistics library; fitting lives in ``fitting``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def log_sum(logs: FloatArray, weights: FloatArray, axis: int = -1) -> FloatArray:
    """ln Σ wᵢ exp(logsᵢ) along ``axis``, without overflow."""
    top = logs.max(axis=axis, keepdims=True)
    total = np.sum(weights * np.exp(logs - top), axis=axis)
    out: FloatArray = np.log(total) + np.squeeze(top, axis=axis)
    return out


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """Σ wᵢ N(mᵢ, Sᵢ). ``weights`` (k,), ``means`` (k, d), ``covariances`` (k, d, d)."""

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray

    def marginal(self, first: int) -> GaussianMixture:
        """The mixture over the coordinates from ``first`` on."""
        return GaussianMixture(
            self.weights, self.means[:, first:], self.covariances[:, first:, first:]
        )

    def log_density(self, points: FloatArray) -> FloatArray:
        """Natural log of the density at ``points`` (n, d): (n,)."""
        parts = []
        for mean, covariance in zip(self.means, self.covariances, strict=True):
            distance2, log_det = _mahalanobis2(points - mean, covariance)
            parts.append(-0.5 * (distance2 + log_det + mean.size * math.log(2.0 * math.pi)))
        return log_sum(np.stack(parts, axis=-1), self.weights)


@dataclass(frozen=True, eq=False)
class StudentT:
    """Multivariate t: ``freedom`` > 0, ``mean`` (d,), ``scale`` (d, d) (not its covariance)."""

    freedom: float
    mean: FloatArray
    scale: FloatArray

    def widened(self, stretch: float, noise: FloatArray) -> StudentT:
        """The same with its variances times ``stretch``, plus measurement variances ``noise`` (d,).

        Adding noise is exact for a Gaussian, and close enough for a t whose spread is several
        times the noise.
        """
        return StudentT(self.freedom, self.mean, stretch * self.scale + np.diag(noise))

    def log_density(self, points: FloatArray) -> FloatArray:
        """Natural log of the density at ``points`` (n, d): (n,)."""
        d = self.mean.size
        distance2, log_det = _mahalanobis2(points - self.mean, self.scale)
        constant = (
            math.lgamma((self.freedom + d) / 2)
            - math.lgamma(self.freedom / 2)
            - d / 2 * math.log(self.freedom * math.pi)
        )
        tail = (self.freedom + d) / 2 * np.log1p(distance2 / self.freedom)
        out: FloatArray = constant - 0.5 * log_det - tail
        return out

    def distance(self, points: FloatArray) -> FloatArray:
        """Mahalanobis distance of ``points`` (n, d) from the mean, standard deviations: (n,).

        The scale stands for the covariance of the bulk, so that distances mean the same however
        heavy the tails are.
        """
        out: FloatArray = np.sqrt(_mahalanobis2(points - self.mean, self.scale)[0])
        return out


def _mahalanobis2(offsets: FloatArray, covariance: FloatArray) -> tuple[FloatArray, float]:
    lower = np.linalg.cholesky(covariance)
    whitened = np.linalg.solve(lower, offsets.T)
    return np.sum(whitened**2, axis=0), 2.0 * float(np.sum(np.log(np.diag(lower))))
