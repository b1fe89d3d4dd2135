"""``eyeline fit CORPUS``: measures a corpus, fits the calibration and cross-validates it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from app.calibration.calibration import Calibration, parse_calibration
from app.calibration.file import CalibrationFile, CheckEntry, FittedOn, FusionEntry
from app.calibration.fusion import EYE_ALIGNMENT_NAME, STAMP_NAME, build_stop_rule
from app.checks import CHECKS
from app.training.calibration.alignment import NO_UNCERTAINTY, bootstrap_uncertainty, fit_alignment
from app.training.calibration.bootstrap import with_uncertainty
from app.training.calibration.fusion import fit_pixel_checks
from app.training.calibration.measurements import MeasuredCorpus, measure_corpus
from app.training.calibration.stamp import fit_stamp
from app.training.calibration.stop_rule import choose_stop
from app.training.calibration.thresholds import (
    NO_LLRS,
    NO_SMALLEST,
    build_calibration_file,
    build_threshold,
    serialize_model,
    total_bounds,
)
from app.training.corpus import FFHQ_KINDS, ORDINARY_KINDS, Corpus, CorpusError, assign_folds
from app.training.evaluation.check_figures import with_figures
from app.training.evaluation.scoring import ScoredPicture, score_picture
from app.training.measure import MeasuredPicture, Models

FOLD_COUNT: Final = 5
MIN_FIT_PICTURES: Final = 24

Entries = dict[str, CheckEntry]


def fit(
    corpus: Corpus,
    models: Models,
    networks: Mapping[str, str],
    measured_corpus: MeasuredCorpus | None = None,
) -> bytes:
    """The calibration file for ``corpus``, as bytes. Deterministic.

    ``networks``: sha256 of the shipped networks, by file. Raises ``CorpusError`` if the corpus is
    too small to fit on.
    """
    return fit_and_score(corpus, models, networks, measured_corpus)[0]


def fit_and_score(
    corpus: Corpus,
    models: Models,
    networks: Mapping[str, str],
    measured_corpus: MeasuredCorpus | None = None,
) -> tuple[bytes, tuple[ScoredPicture, ...]]:
    """As ``fit``, with the held-out score of every picture."""
    require_enough_pictures(corpus)
    measured_corpus = measure_corpus(corpus, models) if measured_corpus is None else measured_corpus
    fold_calibrations, fold_of = fit_folds(measured_corpus)
    checks, fusion_entry = fit_entries(
        measured_corpus, bootstrap_uncertainty(measured_corpus.native, measured_corpus.size_effects)
    )
    checks, fusion_entry = with_uncertainty(measured_corpus, checks, fusion_entry)
    checks = with_figures(
        measured_corpus, checks, [calibration.scales for calibration in fold_calibrations], fold_of
    )
    every_size = [m for part in measured_corpus.parts for m in part]
    stop = choose_stop(
        every_size,
        lambda pictures, rule: score_held_out(
            pictures, [c.with_stop(rule) for c in fold_calibrations], fold_of
        ),
    )
    fusion_entry = fusion_entry.model_copy(update={"stop": stop})
    fold_calibrations = [c.with_stop(build_stop_rule(stop)) for c in fold_calibrations]
    held_out_scores = score_held_out(measured_corpus.native, fold_calibrations, fold_of)
    small_scores = [
        scored
        for pictures in measured_corpus.small_ordinary.values()
        for scored in score_held_out(pictures, fold_calibrations, fold_of)
    ]
    file = build_calibration_file(
        corpus,
        measured_corpus.native,
        networks,
        checks,
        fusion_entry,
        held_out_scores,
        small_scores,
    )
    return serialize_model(file), held_out_scores


def require_enough_pictures(corpus: Corpus) -> None:
    """Raise ``CorpusError`` with what is missing if the corpus is too small to fit every fold."""
    ordinary = sum(row.kind in ORDINARY_KINDS for row in corpus.rows)
    generated = sum(row.kind in FFHQ_KINDS for row in corpus.rows)
    collectors = len({row.collector for row in corpus.rows})
    if ordinary < MIN_FIT_PICTURES or generated < MIN_FIT_PICTURES or collectors < FOLD_COUNT:
        raise CorpusError(
            f"the corpus has {ordinary} ordinary pictures (kinds {', '.join(ORDINARY_KINDS)}), "
            f"{generated} generated ones (kinds {', '.join(FFHQ_KINDS)}) and {collectors} "
            f"collectors: a fit needs {MIN_FIT_PICTURES}, {MIN_FIT_PICTURES} and {FOLD_COUNT} at "
            f"the least"
        )


def fit_entries(
    measured_corpus: MeasuredCorpus, uncertainty_table: list[list[float]]
) -> tuple[Entries, FusionEntry]:
    """Fit all checks and the fusion; ``uncertainty_table`` is that of ``eye_alignment``."""
    pixel_entries, fusion_entry = fit_pixel_checks(measured_corpus.pixel_pictures)
    checks: Entries = {}
    for check in CHECKS:
        if check.name == EYE_ALIGNMENT_NAME:
            checks[check.name] = fit_alignment(
                measured_corpus.native, measured_corpus.size_effects, uncertainty_table
            )
        elif check.name == STAMP_NAME:
            checks[check.name] = fit_stamp(check, measured_corpus.native)
        else:
            checks[check.name] = pixel_entries[check.name]
    return checks, fusion_entry


def fit_folds(measured_corpus: MeasuredCorpus) -> tuple[list[Calibration], dict[str, int]]:
    """A calibration for each fold, fitted on all others, and the fold of every collector."""
    fold_by_picture = assign_folds([m.row for m in measured_corpus.native], FOLD_COUNT)
    fold_of = {
        m.row.collector: f for m, f in zip(measured_corpus.native, fold_by_picture, strict=True)
    }

    def fit_without(held_out_fold: int) -> Calibration:
        others = measured_corpus.filter(lambda row: fold_of[row.collector] != held_out_fold)
        return provisional_calibration(measured_corpus, *fit_entries(others, NO_UNCERTAINTY))

    return [fit_without(held_out_fold) for held_out_fold in range(FOLD_COUNT)], fold_of


def score_held_out(
    pictures: Iterable[MeasuredPicture],
    fold_calibrations: Sequence[Calibration],
    fold_of: Mapping[str, int],
) -> tuple[ScoredPicture, ...]:
    """Score every picture under the calibration of its collector's fold, in order."""
    return tuple(score_picture(m, fold_calibrations[fold_of[m.row.collector]]) for m in pictures)


def provisional_calibration(
    measured_corpus: MeasuredCorpus, checks: Entries, fusion_entry: FusionEntry
) -> Calibration:
    """A calibration with the whole corpus's bounds and provisional thresholds."""
    file = CalibrationFile(
        format=3,
        fitted_on=FittedOn(manifest_sha256="", pictures={}, collectors=0),
        networks={},
        checks=checks,
        fusion=fusion_entry,
        bounds=total_bounds(measured_corpus.native),
        thresholds=[
            build_threshold("likely_stylegan", 2.0, NO_LLRS, NO_LLRS, ""),
            build_threshold("unlikely_stylegan", -1.0, NO_LLRS, NO_LLRS, ""),
        ],
        smallest=NO_SMALLEST,
        figures={},
        error_rates=[],
    )
    return parse_calibration(file.model_dump_json().encode(), CHECKS)
