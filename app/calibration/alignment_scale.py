"""The scale for ``eye_alignment``: crop squares → log10 likelihood ratio, with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.calibration.alignment_model import (
    FLOOR_LLR,
    AlignmentModel,
    Noise,
    Oddness,
    PoseCorrection,
    Template,
    pose_of,
)
from app.calibration.densities import FloatArray, GaussianMixture, StudentT
from app.calibration.file import AlignmentEntry, CorrectionEntry, NoiseEntry
from app.calibration.scale import Weighed, bounded
from app.evidence import Reading
from app.face.alignment import Alignment
from app.face.portrait import Sighting

_Z95: Final = 1.959964
_STILL: Final = 0.01
"""So near the floor no template is in reach, and jitter moves nothing."""
_JITTER_FREEDOM: Final = 4.0
"""How many repeats the usual jitter is worth beside a picture's own repeats."""


@dataclass(frozen=True, eq=False)
class AlignmentScale:
    """Weighs the sightings of ``eye_alignment``."""

    model: AlignmentModel
    bounds: tuple[float, float]
    uncertainty: FloatArray

    def weigh(self, reading: Reading) -> Weighed:
        sightings = reading.sightings
        squares = self.model.measured(sightings)
        mean = squares.mean(axis=0)
        offsets = _sigma_points(np.sqrt(jitter_variance(self.model, sightings, squares)))
        templates = self.model.widened(sightings)
        pose = pose_of(sightings)
        llr = float(self.model.llr(mean[None], pose, templates)[0])
        jitter2 = 0.0
        if llr > FLOOR_LLR + _STILL:
            arms = self.model.llr(mean[None] + offsets[:, None, :], pose, templates).reshape(4, 2)
            jitter2 = float(np.sum(((arms[:, 0] - arms[:, 1]) / (2.0 * _Z95)) ** 2))
        fit = float(np.interp(llr, self.uncertainty[:, 0], self.uncertainty[:, 1]))
        reach = _Z95 * math.sqrt(jitter2 + fit**2)
        return Weighed(
            llr=bounded(llr, self.bounds),
            interval=(bounded(llr - reach, self.bounds), bounded(llr + reach, self.bounds)),
            match=self.model.match(sightings[0].framings, mean, templates),
            square=Alignment.from_vector(mean[0].tolist()),
        )


def alignment_scale(entry: AlignmentEntry) -> AlignmentScale:
    """The scale that a file's entry describes."""
    correction = pose_correction(entry.correction)
    templates = tuple(
        Template(
            name=t.name,
            share=t.share,
            spread=StudentT(t.freedom, np.array(t.mean), np.array(t.scale)),
            eyes=((t.eyes[0][0], t.eyes[0][1]), (t.eyes[1][0], t.eyes[1][1])),
        )
        for t in entry.templates
    )
    ordinary = GaussianMixture(
        np.array(entry.ordinary.weights),
        np.array(entry.ordinary.means),
        np.array(entry.ordinary.covariances),
    )
    return AlignmentScale(
        model=AlignmentModel(
            correction, templates, ordinary, _noise(entry.resolution), _noise(entry.jitter)
        ),
        bounds=(entry.bounds[0], entry.bounds[1]),
        uncertainty=np.array(entry.uncertainty),
    )


def pose_correction(entry: CorrectionEntry) -> PoseCorrection:
    """The correction that a file's entry describes."""
    return PoseCorrection(
        odd=np.array(entry.odd),
        even=np.array(entry.even),
        offset=np.array(entry.offset),
        even_small=np.array(entry.even_small),
        offset_small=np.array(entry.offset_small),
        oddness=Oddness(
            odd=np.array(entry.odd_whitening),
            even=np.array(entry.even_whitening),
            centre=np.array(entry.even_centre),
            usual=entry.usual_oddness,
        ),
    )


def jitter_variance(
    model: AlignmentModel, sightings: tuple[Sighting, ...], squares: FloatArray
) -> FloatArray:
    """Variance of the mean square (4,): what repeats usually differ by, sharpened by these ones.

    ``squares`` (s, f, 4); repeats are compared in the picture's own frame.
    """
    expected = model.jitter.at(sightings[0].eye_distance_px)
    count = len(sightings)
    own = squares[:, 0]
    scatter = ((own - own.mean(axis=0)) ** 2).sum(axis=0)
    pooled = (_JITTER_FREEDOM * expected + scatter) / (_JITTER_FREEDOM + count - 1)
    out: FloatArray = pooled / count
    return out


def _noise(entry: NoiseEntry) -> Noise:
    return Noise(np.array(entry.floor), np.array(entry.per_px))


def _sigma_points(deviations: FloatArray) -> FloatArray:
    """± 1.96 deviations along each axis: (8, 4)."""
    steps = np.diag(_Z95 * deviations)
    return np.stack([steps, -steps], axis=1).reshape(8, 4)
