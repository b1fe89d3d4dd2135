"""The frames of generator families: how likely a crop square is in each, zoomed or not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from app.arrays import FloatArray
from app.calibration.densities import StudentT, whitening_matrix

MAX_ZOOM: Final = 1.3
"""Centred zooms considered. Beyond it the eyes leave a stock frame's reach (SCIENCE: 1 to 1.3)."""
LN_ZOOMS: Final = np.append(0.0, (np.arange(24) + 0.5) / 24 * math.log(MAX_ZOOM))
"""No zoom, then 24 that stand for one uniform in ln zoom from 1 to ``MAX_ZOOM``."""
# A square before each zoom is itself times the first plus the second, (1 + z, 4).
_UNZOOM_FACTOR: Final = np.exp(np.outer(-LN_ZOOMS, [1.0, 1.0, 0.0, 0.0]))
_UNZOOM_SHIFT: Final = 0.5 * (1.0 - _UNZOOM_FACTOR) - np.outer(LN_ZOOMS, [0.0, 0.0, 1.0, 0.0])
ZOOMED_SHARE: Final = 0.15
"""Share of generated avatars that were zoomed: expert judgement (``alignment_model``)."""
# Added to ln density for each zoom: its share, and the Jacobian of scaling both centre coordinates.
_LN_ZOOM_WEIGHTS: Final = np.append(
    math.log(1.0 - ZOOMED_SHARE), math.log(ZOOMED_SHARE / 24) - 2.0 * LN_ZOOMS[1:]
)

EyePair = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, eq=False)
class AlignmentTemplate:
    """One family's frame. ``distribution``: of (centre x, centre y, ln side, roll in radians)."""

    name: str
    share: float
    distribution: StudentT
    eyes: EyePair


@dataclass(frozen=True, eq=False)
class WidenedTemplates:
    """``templates`` as one face and picture have them.

    Their variances times ``factor``, plus measurement variances ``noise`` (4,). Adding noise is
    exact for a Gaussian, and close enough for a t whose spread is several times the noise.
    """

    templates: tuple[AlignmentTemplate, ...]
    factor: float
    noise: FloatArray

    @cached_property
    def _whitening(self) -> FloatArray:
        """Of every template, (t, 4, 4)."""
        scales = np.array([t.distribution.scale for t in self.templates])
        return whitening_matrix(self.factor * scales + np.diag(self.noise))

    @cached_property
    def _ln_peaks(self) -> FloatArray:
        """ln (share × density) at the mean of every template, (t,)."""
        constants = [t.distribution.log_constant + math.log(t.share) for t in self.templates]
        out: FloatArray = np.log(np.diagonal(self._whitening, axis1=1, axis2=2)).sum(axis=1)
        return out + constants

    def ln_densities(self, squares: FloatArray) -> FloatArray:
        """ln (share × density) of ``squares`` (n, 4) under each template and zoom: (n, t, 1 + z).

        The zooms are those of ``LN_ZOOMS``.
        """
        distributions = [t.distribution for t in self.templates]
        means = np.array([d.mean for d in distributions])
        freedom = np.array([d.freedom for d in distributions])[:, None]
        offsets = unzoom(squares)[:, None] - means[:, None]
        whitened = offsets @ self._whitening.swapaxes(1, 2)
        distances2 = np.einsum("ntzi,ntzi->ntz", whitened, whitened)
        power = (freedom + means.shape[1]) / 2.0
        densities = self._ln_peaks[:, None] - power * np.log1p(distances2 / freedom)
        out: FloatArray = densities + _LN_ZOOM_WEIGHTS
        return out

    def distance(self, number: int, square: FloatArray) -> float:
        """Mahalanobis distance of ``square`` (4,) from template ``number``, standard deviations.

        The scale stands for the covariance of the bulk, so that distances mean the same however
        heavy the tails are.
        """
        offset = square - self.templates[number].distribution.mean
        return float(np.linalg.norm(self._whitening[number] @ offset))


def unzoom(squares: FloatArray) -> FloatArray:
    """``squares`` (n, 4) before a centred zoom by each of ``LN_ZOOMS``: (n, 1 + z, 4)."""
    out: FloatArray = squares[:, None] * _UNZOOM_FACTOR + _UNZOOM_SHIFT
    return out
