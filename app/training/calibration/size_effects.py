"""What small pictures do to measurements, and the sightings that everything here is fitted on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.analysis.analyze import Testimony
from app.calibration.alignment_scale import pose_correction
from app.calibration.densities import FloatArray
from app.calibration.file import NoiseEntry
from app.checks.eye_alignment import CHECK as EYE_ALIGNMENT
from app.evidence import Reading
from app.face.portrait import Sighting
from app.training.calibration import alignment_model
from app.training.corpus import FFHQ_KINDS, Corpus
from app.training.evaluation.perturbations import prepared, recompressed, resized
from app.training.measure import Measured, Models, Prepare, measure

NOISE_SIDES_PX: Final = (32, 48, 72, 96, 160)
NOISE_PICTURES: Final = 240


def sightings_of(testimony: Testimony) -> tuple[Sighting, ...]:
    """The sightings that ``eye_alignment`` took; none if it could not measure."""
    reading = next(m for check, m in testimony if check.name == EYE_ALIGNMENT.name)
    return reading.sightings if isinstance(reading, Reading) else ()


def faces_of(measured: Measured) -> list[tuple[Sighting, ...]]:
    """The sightings of every face that could be measured."""
    return [s for t in measured.testimonies if (s := sightings_of(t))]


def samples(seen: Iterable[Measured], kinds: Sequence[str]) -> list[alignment_model.Sample]:
    """The face nearest to the frame in each picture of ``kinds``, where it is within reach."""
    found = ((m.row, alignment_model.nearest(faces_of(m))) for m in seen if m.row.kind in kinds)
    return [alignment_model.Sample(row, face) for row, face in found if face is not None]


@dataclass(frozen=True, eq=False)
class SizeEffects:
    """What small pictures do to measurements; measured once, the same for every fold."""

    small: tuple[alignment_model.Sample, ...]
    resolution: NoiseEntry
    jitter: NoiseEntry


def size_effects(corpus: Corpus, seen: Sequence[Measured], models: Models) -> SizeEffects:
    """From pictures whose square is known, measured again after they were made small."""
    ffhq = samples(seen, FFHQ_KINDS)
    chosen = ffhq[:: max(1, len(ffhq) // NOISE_PICTURES)]
    small = [
        alignment_model.Sample(m.row, face)
        for side in NOISE_SIDES_PX
        for m in measure(corpus, [s.row for s in chosen], models, prepare=shrinker(side))
        if (face := alignment_model.nearest(faces_of(m))) is not None
    ]
    correct = pose_correction(alignment_model.fit_correction(ffhq, small))
    before = {s.row.path: alignment_model.corrected_mean(s.sightings, correct) for s in chosen}
    strayed = [
        alignment_model.corrected_mean(s.sightings, correct) - before[s.row.path] for s in small
    ]
    repeats = [
        (
            alignment_model.corrected(again, correct)
            - alignment_model.corrected_mean(s.sightings, correct),
            s,
        )
        for s in (*small, *chosen)
        for again in s.sightings
        if len(s.sightings) > 1
    ]
    # Deviations from the mean of n fall short of the spread by n − 1 over n.
    scaled = [d * math.sqrt(len(s.sightings) / (len(s.sightings) - 1)) for d, s in repeats]
    return SizeEffects(
        tuple(small),
        alignment_model.fit_noise(np.array(strayed), _distances(small)),
        alignment_model.fit_noise(np.array(scaled), _distances([s for _, s in repeats])),
    )


def _distances(found: Sequence[alignment_model.Sample]) -> FloatArray:
    return np.array([s.sightings[0].eye_distance_px for s in found])


def shrinker(side_px: int) -> Prepare:
    """Makes the longer side at most ``side_px``, as a platform would."""
    return prepared(lambda rgb: recompressed(resized(rgb, side_px)))
