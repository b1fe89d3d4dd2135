"""``eyeline fit CORPUS``: measures a corpus, fits the calibration, judges it across collectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from app.calibration import Calibration, alignment_scale, parse, pose_correction
from app.calibration_file import (
    AlignmentEntry,
    CalibrationFile,
    FittedOn,
)
from app.checks import CHECKS
from app.checks.eye_alignment import CHECK as EYE_ALIGNMENT
from app.fitting import geometry
from app.fitting.corpus import (
    FFHQ_KINDS,
    ORDINARY_KINDS,
    STUDIO_KINDS,
    Corpus,
    CorpusError,
    folds,
)
from app.fitting.judge import Scored, score
from app.fitting.measure import Measured, measure
from app.fitting.sizes import SizeEffects, faces_of, samples, size_effects
from app.fitting.verdicts import NONE, calibration_file, threshold, written
from app.templates import AlignmentModel, pose_of

FOLDS: Final = 5
LEAST_PICTURES: Final = 24
BOOTSTRAPS: Final = 12
_SEED: Final = 20261123


def fit(corpus: Corpus, model: bytes, measured: Sequence[Measured] | None = None) -> bytes:
    """The calibration file for ``corpus``, as bytes. Deterministic.

    Raises ``CorpusError`` if the corpus is too small to fit on.
    """
    refuse_small(corpus)
    seen = list(measure(corpus, corpus.rows, model)) if measured is None else list(measured)
    effects = size_effects(corpus, seen, model)
    held_out = cross_fit(seen, effects)
    entry = alignment_entry(seen, effects, uncertainty(seen, effects))
    file = calibration_file(corpus, seen, entry, held_out)
    return written(file)


def refuse_small(corpus: Corpus) -> None:
    """Raise ``CorpusError``, saying what is missing, where no fold could be fitted."""
    ordinary = sum(row.kind in ORDINARY_KINDS for row in corpus.rows)
    generated = sum(row.kind in FFHQ_KINDS for row in corpus.rows)
    collectors = len({row.collector for row in corpus.rows})
    if ordinary < LEAST_PICTURES or generated < LEAST_PICTURES or collectors < FOLDS:
        raise CorpusError(
            f"the corpus has {ordinary} ordinary pictures (kinds {', '.join(ORDINARY_KINDS)}), "
            f"{generated} generated ones (kinds {', '.join(FFHQ_KINDS)}) and {collectors} "
            f"collectors: a fit needs {LEAST_PICTURES}, {LEAST_PICTURES} and {FOLDS} at the least"
        )


def alignment_entry(
    seen: Sequence[Measured],
    effects: SizeEffects,
    uncertain: list[list[float]],
) -> AlignmentEntry:
    """Everything about ``eye_alignment`` fitted on ``seen``."""
    ffhq, studio = samples(seen, FFHQ_KINDS), samples(seen, STUDIO_KINDS)
    collectors = {m.row.collector for m in seen}
    small = [s for s in effects.small if s.row.collector in collectors]
    fitted = geometry.fit_correction(ffhq, small)
    correct = pose_correction(fitted)
    ordinary = np.array(
        [
            geometry.place(face, correct)
            for m in seen
            if m.row.kind in ORDINARY_KINDS
            for face in faces_of(m)
        ]
    )
    templates = [geometry.fit_template("ffhq", 1.0 - geometry.STUDIO_SHARE, ffhq, correct)]
    if studio:
        templates.append(
            geometry.fit_template("studio", geometry.STUDIO_SHARE, studio, correct, templates[0])
        )
    pictures = sum(m.row.kind in ORDINARY_KINDS for m in seen)
    carried = math.log10(pictures / 3.0)
    return AlignmentEntry(
        version=EYE_ALIGNMENT.version,
        correction=fitted,
        templates=templates,
        ordinary=geometry.fit_ordinary(ordinary),
        resolution=effects.resolution,
        jitter=effects.jitter,
        bounds=[-round(carried, 2), round(carried, 2)],
        uncertainty=uncertain,
        weight=1.0,
    )


def calibrations_by_fold(
    seen: Sequence[Measured], effects: SizeEffects
) -> tuple[list[Calibration], dict[str, int]]:
    """A calibration for each fold, fitted on all others, and the fold of every collector."""
    fold = folds([m.row for m in seen], FOLDS)
    fold_of = {m.row.collector: f for m, f in zip(seen, fold, strict=True)}
    entries = (
        alignment_entry([m for m in seen if fold_of[m.row.collector] != k], effects, _FLAT)
        for k in range(FOLDS)
    )
    return [provisional(entry) for entry in entries], fold_of


def cross_fit(seen: Sequence[Measured], effects: SizeEffects) -> list[Scored]:
    """Every picture judged by a calibration that saw nothing of its collector; in their order."""
    judges, fold_of = calibrations_by_fold(seen, effects)
    return [score(m, judges[fold_of[m.row.collector]]) for m in seen]


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
        scale = alignment_scale(alignment_entry(drawn, effects, _FLAT))
        runs.append([_raw_llr(scale.model, m) for m in probes])
    table = np.array(runs)
    centre, spread = np.median(table, axis=0), np.std(table, axis=0, ddof=1)
    edges = (-2.5, -1.9, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 5.0)
    rows = []
    for low, high in pairwise(edges):
        inside = (centre >= low) & (centre < high)
        if inside.sum() >= 5:
            rows.append([round((low + high) / 2, 2), round(float(np.median(spread[inside])), 3)])
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


_FLAT: Final = [[-9.0, 0.0], [9.0, 0.0]]


def provisional(entry: AlignmentEntry) -> Calibration:
    """A calibration of ``entry`` alone, with thresholds that only order verdicts."""
    fitted_on = FittedOn(manifest_sha256="", pictures={}, collectors=0)
    limits = [
        threshold("likely_generated", 2.0, NONE, NONE, ""),
        threshold("unlikely_generated", -1.0, NONE, NONE, ""),
    ]
    file = CalibrationFile(
        format=1,
        fitted_on=fitted_on,
        checks={EYE_ALIGNMENT.name: entry},
        offset=0.0,
        bounds=entry.bounds,
        thresholds=limits,
        figures={},
    )
    return parse(file.model_dump_json().encode(), CHECKS)
