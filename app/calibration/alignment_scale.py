"""The scale for ``eye_alignment``: crop squares → log10 likelihood ratio, with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.arrays import FloatArray
from app.calibration.alignment_model import (
    FLOOR_LLR,
    AlignmentModel,
    NoiseVariance,
    PoseCorrection,
    ShapeAtypicality,
    median_pose,
)
from app.calibration.densities import GaussianMixture, StudentT
from app.calibration.file import AlignmentEntry, CorrectionEntry, NoiseEntry
from app.calibration.piecewise import PiecewiseLinear
from app.calibration.scale import LlrEstimate, clamp_llr
from app.calibration.templates import AlignmentTemplate
from app.evidence import Reading
from app.face.alignment import Alignment
from app.face.portrait import FaceMeasurement

_Z95: Final = 1.959964
_FLOOR_MARGIN: Final = 0.01
"""This near the floor no template is in reach, and jitter has no effect."""
_JITTER_DEGREES_OF_FREEDOM: Final = 4.0
"""Weight of the typical jitter, as a number of the picture's own repeats."""


@dataclass(frozen=True, eq=False)
class AlignmentScale:
    """Weighs the measurements of ``eye_alignment``."""

    model: AlignmentModel
    bounds: tuple[float, float]
    uncertainty: PiecewiseLinear

    def weigh(self, reading: Reading) -> LlrEstimate:
        measurements = reading.face_measurements
        squares = self.model.correct_measurements(measurements)
        mean = squares.mean(axis=0)
        templates = self.model.widened_templates(measurements)
        pose = median_pose(measurements)
        llr = float(self.model.llr(mean[None], pose, templates)[0])
        jitter_variance_llr = 0.0
        if llr > FLOOR_LLR + _FLOOR_MARGIN:
            offsets = _sigma_offsets(np.sqrt(jitter_variance(self.model, measurements, squares)))
            shifted_llrs = self.model.llr(
                mean[None] + offsets[:, None, :], pose, templates
            ).reshape(4, 2)
            jitter_variance_llr = float(
                np.sum(((shifted_llrs[:, 0] - shifted_llrs[:, 1]) / (2.0 * _Z95)) ** 2)
            )
        half_width = _Z95 * math.sqrt(jitter_variance_llr + self.uncertainty(llr) ** 2)
        return LlrEstimate(
            llr=clamp_llr(llr, self.bounds),
            interval=(
                clamp_llr(llr - half_width, self.bounds),
                clamp_llr(llr + half_width, self.bounds),
            ),
            match=self.model.best_match(measurements[0].candidate_frames, mean, templates),
            alignment=Alignment.from_vector(mean[0].tolist()),
        )


def build_alignment_scale(entry: AlignmentEntry) -> AlignmentScale:
    """The scale that a file's entry describes."""
    correction = build_pose_correction(entry.correction)
    templates = tuple(
        AlignmentTemplate(
            name=t.name,
            share=t.share,
            distribution=StudentT(t.freedom, np.array(t.mean), np.array(t.scale)),
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
            correction,
            templates,
            ordinary,
            _build_noise(entry.resolution),
            _build_noise(entry.jitter),
        ),
        bounds=(entry.bounds[0], entry.bounds[1]),
        uncertainty=PiecewiseLinear.through(entry.uncertainty),
    )


def build_pose_correction(entry: CorrectionEntry) -> PoseCorrection:
    """The correction that a file's entry describes."""
    return PoseCorrection(
        odd=np.array(entry.odd),
        even=np.array(entry.even),
        offset=np.array(entry.offset),
        even_small=np.array(entry.even_small),
        offset_small=np.array(entry.offset_small),
        atypicality=ShapeAtypicality(
            odd_whitening=np.array(entry.odd_whitening),
            even_whitening=np.array(entry.even_whitening),
            even_centre=np.array(entry.even_centre),
            usual_distance=entry.usual_oddness,
        ),
    )


def jitter_variance(
    model: AlignmentModel, measurements: tuple[FaceMeasurement, ...], squares: FloatArray
) -> FloatArray:
    """Variance of the mean square (4,): the typical jitter, updated by this picture's repeats.

    ``squares`` (s, f, 4); repeats are compared in the picture's own frame.
    """
    expected = model.jitter.at(measurements[0].eye_distance_px)
    count = len(measurements)
    own_frame = squares[:, 0]
    scatter = ((own_frame - own_frame.mean(axis=0)) ** 2).sum(axis=0)
    pooled = (_JITTER_DEGREES_OF_FREEDOM * expected + scatter) / (
        _JITTER_DEGREES_OF_FREEDOM + count - 1
    )
    out: FloatArray = pooled / count
    return out


def _build_noise(entry: NoiseEntry) -> NoiseVariance:
    return NoiseVariance(np.array(entry.floor), np.array(entry.per_px))


def _sigma_offsets(deviations: FloatArray) -> FloatArray:
    """± 1.96 deviations along each axis: (8, 4)."""
    steps = np.diag(_Z95 * deviations)
    return np.stack([steps, -steps], axis=1).reshape(8, 4)
