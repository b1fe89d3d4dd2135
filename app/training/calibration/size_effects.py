"""Effects of small size on measurements, and the face measurements that the fits use."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.analysis.face_result import Measurements
from app.arrays import FloatArray
from app.calibration.alignment_scale import build_pose_correction
from app.calibration.file import NoiseEntry
from app.checks.eye_alignment import CHECK as EYE_ALIGNMENT
from app.evidence import Reading
from app.face.portrait import FaceMeasurement
from app.training.calibration import alignment_model
from app.training.corpus import FFHQ_KINDS, Corpus
from app.training.evaluation.perturbations import picture_transform, recompress, resize
from app.training.measure import MeasuredPicture, Models, Prepare, measure_pictures

NOISE_SIDES_PX: Final = (32, 48, 72, 96, 160)
NOISE_PICTURE_COUNT: Final = 240


def face_measurements_of(measurements: Measurements) -> tuple[FaceMeasurement, ...]:
    """The face measurements of ``eye_alignment``; none if it could not measure."""
    reading = next(m for check, m in measurements if check.name == EYE_ALIGNMENT.name)
    return reading.face_measurements if isinstance(reading, Reading) else ()


def measurable_faces(measured: MeasuredPicture) -> list[tuple[FaceMeasurement, ...]]:
    """The measurements of every face that ``eye_alignment`` could measure."""
    return [s for t in measured.faces if (s := face_measurements_of(t))]


def select_samples(
    pictures: Iterable[MeasuredPicture], kinds: Sequence[str]
) -> list[alignment_model.FaceSample]:
    """The face nearest to the frame in each picture of ``kinds``, where it is within reach."""
    nearest_faces = (
        (m.row, alignment_model.nearest_face(measurable_faces(m)))
        for m in pictures
        if m.row.kind in kinds
    )
    return [
        alignment_model.FaceSample(row, face) for row, face in nearest_faces if face is not None
    ]


@dataclass(frozen=True, eq=False)
class SizeEffects:
    """Effects of small size on measurements; measured once, the same for every fold."""

    small_samples: tuple[alignment_model.FaceSample, ...]
    resolution: NoiseEntry
    jitter: NoiseEntry


def measure_size_effects(
    corpus: Corpus, pictures: Sequence[MeasuredPicture], models: Models
) -> SizeEffects:
    """From pictures whose crop square is known, measured again after downscaling."""
    ffhq = select_samples(pictures, FFHQ_KINDS)
    chosen = ffhq[:: max(1, len(ffhq) // NOISE_PICTURE_COUNT)]
    small_samples = [
        alignment_model.FaceSample(m.row, face)
        for side in NOISE_SIDES_PX
        for m in measure_pictures(
            corpus, [s.row for s in chosen], models, prepare=make_downscaler(side)
        )
        if (face := alignment_model.nearest_face(measurable_faces(m))) is not None
    ]
    correction = build_pose_correction(alignment_model.fit_correction(ffhq, small_samples))
    before = {
        s.row.path: alignment_model.mean_corrected_square(s.face_measurements, correction)
        for s in chosen
    }
    displacements = [
        alignment_model.mean_corrected_square(s.face_measurements, correction) - before[s.row.path]
        for s in small_samples
    ]
    repeat_differences = [
        (
            alignment_model.correct_square(face_measurement, correction)
            - alignment_model.mean_corrected_square(s.face_measurements, correction),
            s,
        )
        for s in (*small_samples, *chosen)
        for face_measurement in s.face_measurements
        if len(s.face_measurements) > 1
    ]
    # Bessel's correction: deviations are from the mean of n.
    scaled = [
        d * math.sqrt(len(s.face_measurements) / (len(s.face_measurements) - 1))
        for d, s in repeat_differences
    ]
    return SizeEffects(
        tuple(small_samples),
        alignment_model.fit_noise(np.array(displacements), _eye_distances_px(small_samples)),
        alignment_model.fit_noise(
            np.array(scaled), _eye_distances_px([s for _, s in repeat_differences])
        ),
    )


def _eye_distances_px(samples: Sequence[alignment_model.FaceSample]) -> FloatArray:
    return np.array([s.face_measurements[0].eye_distance_px for s in samples])


def make_downscaler(side_px: int) -> Prepare:
    """A transform to a longer side of at most ``side_px``, with JPEG, as a platform would do."""
    return picture_transform(lambda rgb: recompress(resize(rgb, side_px)))
