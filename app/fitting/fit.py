"""``eyeline fit CORPUS``: measures a corpus, fits the calibration, judges it across collectors."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from app.analysis import Testimony
from app.calibration import Calibration, alignment_scale, parse, pose_correction
from app.calibration_file import (
    AlignmentEntry,
    CalibrationFile,
    FittedOn,
    NoiseEntry,
    ThresholdEntry,
)
from app.checks import CHECKS
from app.checks.eye_alignment import CHECK as EYE_ALIGNMENT
from app.density import FloatArray
from app.evidence import Outcome, Reading
from app.fitting import geometry
from app.fitting.corpus import (
    FFHQ_KINDS,
    ORDINARY_KINDS,
    STUDIO_KINDS,
    Corpus,
    CorpusError,
    folds,
)
from app.fitting.evasions import prepared, recompressed, resized
from app.fitting.judge import Scored, score
from app.fitting.measure import Measured, Prepare, measure
from app.fitting.metrics import cllr, cllr_min, rate_above
from app.portrait import Sighting
from app.templates import AlignmentModel, pose_of

FOLDS: Final = 5
LEAST_PICTURES: Final = 24
BOOTSTRAPS: Final = 12
NOISE_SIDES_PX: Final = (32, 48, 72, 96, 160)
NOISE_PICTURES: Final = 240
TARGET_FALSE_POSITIVE_RATE: Final = 1e-3
UNLIKELY_LLR: Final = -1.0
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


def sightings_of(testimony: Testimony) -> tuple[Sighting, ...]:
    """The sightings that ``eye_alignment`` took; none if it could not measure."""
    reading = next(m for check, m in testimony if check.name == EYE_ALIGNMENT.name)
    return reading.sightings if isinstance(reading, Reading) else ()


def faces_of(measured: Measured) -> list[tuple[Sighting, ...]]:
    """The sightings of every face that could be measured."""
    return [s for t in measured.testimonies if (s := sightings_of(t))]


def samples(seen: Iterable[Measured], kinds: Sequence[str]) -> list[geometry.Sample]:
    """The face nearest to the frame in each picture of ``kinds``, where it is within reach."""
    found = ((m.row, geometry.nearest(faces_of(m))) for m in seen if m.row.kind in kinds)
    return [geometry.Sample(row, face) for row, face in found if face is not None]


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


@dataclass(frozen=True, eq=False)
class SizeEffects:
    """What small pictures do to measurements; measured once, the same for every fold."""

    small: tuple[geometry.Sample, ...]
    resolution: NoiseEntry
    jitter: NoiseEntry


def size_effects(corpus: Corpus, seen: Sequence[Measured], model: bytes) -> SizeEffects:
    """From pictures whose square is known, measured again after they were made small."""
    ffhq = samples(seen, FFHQ_KINDS)
    chosen = ffhq[:: max(1, len(ffhq) // NOISE_PICTURES)]
    small = [
        geometry.Sample(m.row, face)
        for side in NOISE_SIDES_PX
        for m in measure(corpus, [s.row for s in chosen], model, prepare=_shrinker(side))
        if (face := geometry.nearest(faces_of(m))) is not None
    ]
    correct = pose_correction(geometry.fit_correction(ffhq, small))
    before = {s.row.path: geometry.corrected_mean(s.sightings, correct) for s in chosen}
    strayed = [geometry.corrected_mean(s.sightings, correct) - before[s.row.path] for s in small]
    repeats = [
        (geometry.corrected(again, correct) - geometry.corrected_mean(s.sightings, correct), s)
        for s in (*small, *chosen)
        for again in s.sightings
        if len(s.sightings) > 1
    ]
    # Deviations from the mean of n fall short of the spread by n − 1 over n.
    scaled = [d * math.sqrt(len(s.sightings) / (len(s.sightings) - 1)) for d, s in repeats]
    return SizeEffects(
        tuple(small),
        geometry.fit_noise(np.array(strayed), _distances(small)),
        geometry.fit_noise(np.array(scaled), _distances([s for _, s in repeats])),
    )


def _distances(found: Sequence[geometry.Sample]) -> FloatArray:
    return np.array([s.sightings[0].eye_distance_px for s in found])


def _shrinker(side_px: int) -> Prepare:
    return prepared(lambda rgb: recompressed(resized(rgb, side_px)))


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
        _threshold("likely_generated", 2.0, _NONE, _NONE, ""),
        _threshold("unlikely_generated", -1.0, _NONE, _NONE, ""),
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


_NONE: Final = np.zeros(0)


def calibration_file(
    corpus: Corpus, seen: Sequence[Measured], entry: AlignmentEntry, held_out: Sequence[Scored]
) -> CalibrationFile:
    """The finished file: thresholds and figures from pictures of collectors not fitted on."""
    ordinary = [s for s in held_out if s.row.kind in ORDINARY_KINDS]
    generated = [s for s in held_out if s.row.kind in ("stylegan1", "stylegan2")]
    # Who is not scored is not flagged: such pictures count among the negatives.
    real, made = (np.array([s.llr for s in group]) for group in (ordinary, generated))
    scored_real, scored_made = (
        np.array([s.llr for s in group if s.outcome == Outcome.SCORED])
        for group in (ordinary, generated)
    )
    likely = threshold_for(real, TARGET_FALSE_POSITIVE_RATE)
    return CalibrationFile(
        format=1,
        fitted_on=FittedOn(
            manifest_sha256=corpus.manifest_sha256,
            pictures=dict(sorted(Counter(m.row.kind for m in seen).items())),
            collectors=len({m.row.collector for m in seen}),
        ),
        checks={EYE_ALIGNMENT.name: entry},
        offset=0.0,
        bounds=entry.bounds,
        thresholds=[
            _threshold(
                "likely_generated",
                likely,
                real,
                made,
                "llr at or above: ordinary avatars flagged, StyleGAN 1 and 2 found",
            ),
            _threshold(
                "unlikely_generated",
                UNLIKELY_LLR,
                real,
                made,
                "llr above: ordinary avatars not cleared, StyleGAN 1 and 2 not cleared",
            ),
        ],
        figures={
            "cllr": round(cllr(scored_made, scored_real), 4),
            "cllr_min": round(cllr_min(scored_made, scored_real), 4),
        },
    )


def written(file: CalibrationFile) -> bytes:
    """The file as it is kept: a row of numbers a line, so that a diff can be read."""
    text = json.dumps(file.model_dump(), indent=1)
    rows = re.compile(r"\[\s+([-+0-9.e,\s]+?)\s+\]")
    return (rows.sub(lambda m: f"[{' '.join(m[1].split())}]", text) + "\n").encode()


def threshold_for(real: FloatArray, false_positive_rate: float) -> float:
    """The lowest llr, in steps of 0.05, that at most this share of ``real`` reaches."""
    steps = np.round(np.arange(0.5, 6.0, 0.05), 2)
    kept = [t for t in steps if (real >= t).mean() <= false_positive_rate]
    return float(kept[0])


def _threshold(
    verdict: str, llr: float, real: FloatArray, made: FloatArray, meaning: str
) -> ThresholdEntry:
    alarms, found = rate_above(real, llr), rate_above(made, llr)
    return ThresholdEntry.model_validate(
        {
            "verdict": verdict,
            "llr": llr,
            "false_positive_rate": alarms.hits / max(1, alarms.trials),
            "false_positives": alarms.hits,
            "negatives": alarms.trials,
            "upper_95": alarms.upper_95,
            "true_positive_rate": found.hits / max(1, found.trials),
            "positives": found.trials,
            "meaning": meaning,
        }
    )
