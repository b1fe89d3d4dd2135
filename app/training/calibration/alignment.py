"""Fits everything about ``eye_alignment``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from app.calibration.alignment_model import AlignmentModel, pose_of
from app.calibration.alignment_scale import alignment_scale, pose_correction
from app.calibration.densities import FloatArray
from app.calibration.file import AlignmentEntry
from app.checks.eye_alignment import CHECK as EYE_ALIGNMENT
from app.training.calibration import alignment_model
from app.training.calibration.size_effects import SizeEffects, faces_of, samples
from app.training.corpus import FFHQ_KINDS, ORDINARY_KINDS, STUDIO_KINDS
from app.training.measure import Measured

BOOTSTRAPS: Final = 12
FLAT: Final = [[-9.0, 0.0], [9.0, 0.0]]
"""No uncertainty: for fits that only serve another."""
_SEED: Final = 20261123
_BANDS: Final = (-2.5, -1.9, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 5.0)
_LEAST_IN_BAND: Final = 5


def alignment_entry(
    seen: Sequence[Measured],
    effects: SizeEffects,
    uncertain: list[list[float]],
) -> AlignmentEntry:
    """Everything about ``eye_alignment`` fitted on ``seen``."""
    ffhq, studio = samples(seen, FFHQ_KINDS), samples(seen, STUDIO_KINDS)
    collectors = {m.row.collector for m in seen}
    small = [s for s in effects.small if s.row.collector in collectors]
    fitted = alignment_model.fit_correction(ffhq, small)
    correct = pose_correction(fitted)
    ordinary = np.array(
        [
            alignment_model.place(face, correct)
            for m in seen
            if m.row.kind in ORDINARY_KINDS
            for face in faces_of(m)
        ]
    )
    templates = [
        alignment_model.fit_template("ffhq", 1.0 - alignment_model.STUDIO_SHARE, ffhq, correct)
    ]
    if studio:
        templates.append(
            alignment_model.fit_template(
                "studio", alignment_model.STUDIO_SHARE, studio, correct, templates[0]
            )
        )
    pictures = sum(m.row.kind in ORDINARY_KINDS for m in seen)
    carried = math.log10(pictures / 3.0)
    return AlignmentEntry(
        version=EYE_ALIGNMENT.version,
        correction=fitted,
        templates=templates,
        ordinary=alignment_model.fit_ordinary(ordinary),
        resolution=effects.resolution,
        jitter=effects.jitter,
        bounds=[-round(carried, 2), round(carried, 2)],
        uncertainty=uncertain,
    )


def uncertainty(seen: Sequence[Measured], effects: SizeEffects) -> list[list[float]]:
    """How far llr moves when the fit is repeated on collectors drawn with replacement.

    As (llr, standard deviation) in bands of llr, for interpolation.
    """
    rng = np.random.default_rng(_SEED)
    collectors = sorted({m.row.collector for m in seen})
    by = {c: [m for m in seen if m.row.collector == c] for c in collectors}
    kinds = (*FFHQ_KINDS, *STUDIO_KINDS, *ORDINARY_KINDS)
    probes = [m for m in seen if m.row.kind in kinds and faces_of(m)][::5]
    runs = []
    for _ in range(BOOTSTRAPS):
        drawn = [m for c in rng.choice(collectors, len(collectors)) for m in by[str(c)]]
        if not samples(drawn, FFHQ_KINDS):
            continue
        scale = alignment_scale(alignment_entry(drawn, effects, FLAT))
        runs.append([_raw_llr(scale.model, m) for m in probes])
    return spread_by_band(np.array(runs))


def spread_by_band(runs: FloatArray) -> list[list[float]]:
    """How far llr moves from run to run, (runs, pictures): (llr, standard deviation) by band."""
    centre, spread = np.median(runs, axis=0), np.std(runs, axis=0, ddof=1)
    rows = []
    for low, high in pairwise(_BANDS):
        inside = (centre >= low) & (centre < high)
        if inside.sum() >= _LEAST_IN_BAND:
            rows.append([round((low + high) / 2, 2), round(float(np.median(spread[inside])), 3)])
    if len(rows) < 2:  # too few pictures to tell bands apart
        usual = round(float(np.median(spread)), 3)
        return [[_BANDS[0], usual], [_BANDS[-1], usual]]
    return rows


def _raw_llr(model: AlignmentModel, measured: Measured) -> float:
    """llr without bounds of the face that answers."""
    return max(
        float(
            model.llr(model.measured(face).mean(axis=0)[None], pose_of(face), model.widened(face))[
                0
            ]
        )
        for face in faces_of(measured)
    )
