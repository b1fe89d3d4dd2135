"""Densities of the calibration: a Gaussian mixture and a multivariate Student t.

Plain numpy, so that the service needs no statistics library; fitting is in ``app.training``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from app.arrays import FloatArray


def log_sum_exp(logs: FloatArray, weights: FloatArray, axis: int = -1) -> FloatArray:
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

    @cached_property
    def _whitening(self) -> FloatArray:
        return whitening_matrix(self.covariances)

    @cached_property
    def _log_peaks(self) -> FloatArray:
        """ln of the weighted density at each mean, (k,)."""
        dimensions = self.means.shape[1]
        log_dets = -2.0 * np.log(np.diagonal(self._whitening, axis1=1, axis2=2)).sum(axis=1)
        peaks = np.log(self.weights) - 0.5 * (log_dets + dimensions * math.log(2.0 * math.pi))
        return np.asarray(peaks, dtype=np.float64)

    def marginal(self, first: int) -> GaussianMixture:
        """The mixture over the coordinates from ``first`` on."""
        return GaussianMixture(
            self.weights, self.means[:, first:], self.covariances[:, first:, first:]
        )

    def log_density(self, points: FloatArray) -> FloatArray:
        """Natural log of the density at ``points`` (n, d): (n,)."""
        offsets = points[:, None, :] - self.means
        whitened = np.einsum("kij,nkj->nki", self._whitening, offsets)
        logs = self._log_peaks - 0.5 * np.einsum("nki,nki->nk", whitened, whitened)
        out: FloatArray = np.logaddexp.reduce(logs, axis=-1)
        return out


@dataclass(frozen=True, eq=False)
class StudentT:
    """Multivariate t: ``freedom`` > 0, ``mean`` (d,), ``scale`` (d, d) (not its covariance)."""

    freedom: float
    mean: FloatArray
    scale: FloatArray

    @cached_property
    def _whitening(self) -> FloatArray:
        return whitening_matrix(self.scale)

    @cached_property
    def log_constant(self) -> float:
        """ln of the density at the mean of a t with this ``freedom`` and the identity as scale."""
        d = self.mean.size
        return (
            math.lgamma((self.freedom + d) / 2)
            - math.lgamma(self.freedom / 2)
            - d / 2 * math.log(self.freedom * math.pi)
        )

    @cached_property
    def _log_peak(self) -> float:
        return self.log_constant + float(np.log(np.diag(self._whitening)).sum())

    def log_density(self, points: FloatArray) -> FloatArray:
        """Natural log of the density at ``points`` (n, d): (n,)."""
        power = (self.freedom + self.mean.size) / 2
        whitened = (points - self.mean) @ self._whitening.T
        distances2 = np.einsum("ni,ni->n", whitened, whitened)
        out: FloatArray = self._log_peak - power * np.log1p(distances2 / self.freedom)
        return out


def whitening_matrix(covariances: FloatArray) -> FloatArray:
    """Lower triangles W with W S Wᵀ = 1, of one (d, d) or many (k, d, d) covariances."""
    out: FloatArray = np.linalg.inv(np.linalg.cholesky(covariances))
    return out
