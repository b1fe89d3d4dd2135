"""``eyeline fit`` and ``eyeline evaluate``; each function returns the text to print."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from app.analysis import canary
from app.analysis.analyze import analyze
from app.calibration.calibration import (
    CALIBRATION_FILE,
    Calibration,
    load_calibration,
    parse_calibration,
)
from app.checks import CHECKS
from app.cohort.parameters import COHORT_FILE as COHORT
from app.face.landmarks import FaceFinder, load_landmark_model
from app.image.picture import decode
from app.networks.onnx import load_networks
from app.training import corpus as corpora
from app.training.calibration.corpus_size import size_warnings
from app.training.calibration.fit import fit_and_score
from app.training.calibration.thresholds import serialize_model
from app.training.cohort.fit import fit_cohort, to_held_out_scores
from app.training.evaluation.evaluate import (
    EvaluationMode,
    default_mode,
    evaluate,
    write_all_scores,
)
from app.training.evaluation.report import build_evaluation_report
from app.training.evaluation.report_text import format_report
from app.training.held_out_networks import load_models
from app.training.network.hyperparameters import UNSEEN_COLLECTORS


def run_fit(root: Path, models_dir: Path, warn: Callable[[str], None] = lambda _: None) -> str:
    """Fit on ``root``; write the calibration, the cohort parameters and the canary's record.

    ``warn`` is told what the corpus has too little of.
    """
    corpus = corpora.read_corpus(root)
    for warning in size_warnings(corpus):
        warn(warning)
    networks = load_networks(models_dir)
    models = load_models(corpus, models_dir, use_shipped=False)
    data, held_out_scores = fit_and_score(corpus, models, networks.sha256)
    calibration = parse_calibration(data, CHECKS)
    cohort_numbers = fit_cohort(to_held_out_scores(held_out_scores), calibration.id)
    (models_dir / CALIBRATION_FILE).write_bytes(data)
    (models_dir / COHORT).write_bytes(serialize_model(cohort_numbers))
    record_canary(models_dir, calibration)
    thresholds = [t.model_dump() for t in calibration.thresholds]
    return json.dumps({"id": calibration.id, "thresholds": thresholds}, indent=2)


def record_canary(models_dir: Path, calibration: Calibration) -> None:
    """Score the canary picture under ``calibration`` and record the answer."""
    picture = decode((models_dir / canary.PICTURE_FILE).read_bytes())
    with FaceFinder(load_landmark_model(models_dir)) as finder:
        canary.write_record(
            models_dir, analyze(picture, finder, load_networks(models_dir), calibration)
        )


def run_evaluate(
    root: Path,
    models_dir: Path,
    *,
    mode: EvaluationMode | None,
    with_perturbations: bool,
    with_sizes: bool,
    sides_px: Sequence[int],
    unseen_only: bool,
    scores_path: Path | None,
    plots_dir: Path | None = None,
    as_json: bool,
) -> str:
    """Evaluate on ``root``; ``mode`` None takes that of ``default_mode``.

    ``unseen_only``: only the collectors that the shipped network was not trained on, scored by that
    network.
    """
    corpus = corpora.read_corpus(root)
    calibration = load_calibration(models_dir / CALIBRATION_FILE, CHECKS)
    mode = "shipped" if unseen_only else mode or default_mode(corpus, calibration)
    if unseen_only:
        corpus = replace(
            corpus, rows=tuple(r for r in corpus.rows if r.source in UNSEEN_COLLECTORS)
        )
    models = load_models(corpus, models_dir, use_shipped=mode == "shipped")
    evaluation = evaluate(
        corpus,
        models,
        calibration,
        mode,
        with_perturbations=with_perturbations,
        with_sizes=with_sizes,
        sides_px=sides_px,
    )
    if scores_path is not None:
        write_all_scores(evaluation, scores_path)
    if plots_dir is not None:
        from app.training.evaluation.plots import draw_plots  # matplotlib takes a second to load

        draw_plots(evaluation.scores, plots_dir)
    said = build_evaluation_report(evaluation, calibration.likely_llr)
    return json.dumps(said) if as_json else format_report(said)
