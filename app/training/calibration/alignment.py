"""Fits the calibration of ``eye_alignment``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from app.arrays import FloatArray
from app.calibration.alignment_model import AlignmentModel, median_pose
from app.calibration.alignment_scale import build_alignment_scale, build_pose_correction
from app.calibration.file import AlignmentEntry
from app.checks.eye_alignment import CHECK as EYE_ALIGNMENT
from app.training.calibration import alignment_model
from app.training.calibration.size_effects import SizeEffects, measurable_faces, select_samples
from app.training.corpus import FFHQ_KINDS, ORDINARY_KINDS, STUDIO_KINDS
from app.training.measure import MeasuredPicture

BOOTSTRAP_COUNT: Final = 12
NO_UNCERTAINTY: Final = [[-9.0, 0.0], [9.0, 0.0]]
"""Zero standard deviation at every llr, for intermediate fits."""
_SEED: Final = 20261123
_BAND_EDGES: Final = (-2.5, -1.9, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 5.0)
_MIN_PER_BAND: Final = 5


def fit_alignment(
    seen: Sequence[MeasuredPicture],
    effects: SizeEffects,
    uncertainty_table: list[list[float]],
) -> AlignmentEntry:
    """Pose correction, templates and densities of ``eye_alignment``, fitted on ``seen``."""
    ffhq, studio = select_samples(seen, FFHQ_KINDS), select_samples(seen, STUDIO_KINDS)
    collectors = {m.row.collector for m in seen}
    small_samples = [s for s in effects.small_samples if s.row.collector in collectors]
    correction_entry = alignment_model.fit_correction(ffhq, small_samples)
    correction = build_pose_correction(correction_entry)
    ordinary = np.array(
        [
            alignment_model.density_features(face, correction)
            for m in seen
            if m.row.kind in ORDINARY_KINDS
            for face in measurable_faces(m)
        ]
    )
    templates = [
        alignment_model.fit_template("ffhq", 1.0 - alignment_model.STUDIO_SHARE, ffhq, correction)
    ]
    if studio:
        templates.append(
            alignment_model.fit_template(
                "studio", alignment_model.STUDIO_SHARE, studio, correction, templates[0]
            )
        )
    ordinary_count = sum(m.row.kind in ORDINARY_KINDS for m in seen)
    bound = math.log10(ordinary_count / 3.0)
    return AlignmentEntry(
        version=EYE_ALIGNMENT.version,
        correction=correction_entry,
        templates=templates,
        ordinary=alignment_model.fit_ordinary(ordinary),
        resolution=effects.resolution,
        jitter=effects.jitter,
        bounds=[-round(bound, 2), round(bound, 2)],
        uncertainty=uncertainty_table,
    )


def bootstrap_uncertainty(
    pictures: Sequence[MeasuredPicture], effects: SizeEffects
) -> list[list[float]]:
    """Spread of llr over refits on collectors drawn with replacement.

    Returns (llr, standard deviation of llr) by band of llr, for interpolation.
    """
    rng = np.random.default_rng(_SEED)
    collectors = sorted({m.row.collector for m in pictures})
    by_collector = {c: [m for m in pictures if m.row.collector == c] for c in collectors}
    kinds = (*FFHQ_KINDS, *STUDIO_KINDS, *ORDINARY_KINDS)
    probes = [m for m in pictures if m.row.kind in kinds and measurable_faces(m)][::5]
    runs = []
    for _ in range(BOOTSTRAP_COUNT):
        resampled = [
            m for c in rng.choice(collectors, len(collectors)) for m in by_collector[str(c)]
        ]
        if not select_samples(resampled, FFHQ_KINDS):
            continue
        scale = build_alignment_scale(fit_alignment(resampled, effects, NO_UNCERTAINTY))
        runs.append([_unbounded_llr(scale.model, m) for m in probes])
    return spread_by_band(np.array(runs))


def spread_by_band(runs: FloatArray) -> list[list[float]]:
    """(llr, standard deviation) by band of llr, from ``runs`` (runs, pictures) of llr."""
    centre, spread = np.median(runs, axis=0), np.std(runs, axis=0, ddof=1)
    rows = []
    for low, high in pairwise(_BAND_EDGES):
        in_band = (centre >= low) & (centre < high)
        if in_band.sum() >= _MIN_PER_BAND:
            rows.append([round((low + high) / 2, 2), round(float(np.median(spread[in_band])), 3)])
    if len(rows) < 2:  # too few pictures to tell bands apart
        usual = round(float(np.median(spread)), 3)
        return [[_BAND_EDGES[0], usual], [_BAND_EDGES[-1], usual]]
    return rows


def _unbounded_llr(model: AlignmentModel, measured: MeasuredPicture) -> float:
    """llr without bounds of the picture's strongest face."""
    return max(
        float(
            model.llr(
                model.correct_measurements(face).mean(axis=0)[None],
                median_pose(face),
                model.widened_templates(face),
            )[0]
        )
        for face in measurable_faces(measured)
    )
