"""What ``eyeline fit`` and ``eyeline evaluate`` do; they return what to print."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from app.analysis import canary
from app.analysis.analyze import analyze
from app.calibration.calibration import FILE, Calibration, load, parse
from app.checks import CHECKS
from app.cohort import FILE as COHORT
from app.face.landmarks import FaceFinder, load_model
from app.image.picture import decode
from app.networks.onnx import load_networks
from app.training import corpus as corpora
from app.training.calibration.fit import fit_and_judge
from app.training.calibration.thresholds import written
from app.training.cohort.fit import fit_cohort, held_out
from app.training.evaluation.evaluate import Mode, evaluate, mode_for, write_scores
from app.training.evaluation.report import page, report
from app.training.held_out_networks import models_for
from app.training.network.hyperparameters import KEPT_OUT


def run_fit(root: Path, models_dir: Path) -> str:
    """Fit on ``root``; write both files of numbers and what the canary scores now."""
    corpus = corpora.read(root)
    networks = load_networks(models_dir)
    models = models_for(corpus, models_dir, shipped=False)
    data, judged = fit_and_judge(corpus, models, networks.sha256)
    calibration = parse(data, CHECKS)
    likely = next(t.llr for t in calibration.thresholds if t.verdict == "likely_generated")
    lists = fit_cohort(held_out(judged), likely, calibration.id)
    (models_dir / FILE).write_bytes(data)
    (models_dir / COHORT).write_bytes(written(lists))
    record_canary(models_dir, calibration)
    thresholds = [t.model_dump() for t in calibration.thresholds]
    return json.dumps({"id": calibration.id, "thresholds": thresholds}, indent=2)


def record_canary(models_dir: Path, calibration: Calibration) -> None:
    """Score the canary picture under ``calibration`` and record the answer."""
    picture = decode((models_dir / canary.PICTURE).read_bytes())
    with FaceFinder(load_model(models_dir)) as finder:
        canary.record(models_dir, analyze(picture, finder, load_networks(models_dir), calibration))


def run_evaluate(
    root: Path,
    models_dir: Path,
    *,
    mode: Mode | None,
    evasions: bool,
    sizes: bool,
    kept_out: bool,
    scores: Path | None,
    as_json: bool,
) -> str:
    """Judge ``root``; ``mode`` None takes ``held_out`` for the corpus that was fitted on.

    ``kept_out``: only the collectors that the network which ships never saw, by that network.
    """
    corpus = corpora.read(root)
    calibration = load(models_dir / FILE, CHECKS)
    mode = "shipped" if kept_out else mode or mode_for(corpus, calibration)
    if kept_out:
        corpus = replace(corpus, rows=tuple(r for r in corpus.rows if r.source in KEPT_OUT))
    models = models_for(corpus, models_dir, shipped=mode == "shipped")
    judged = evaluate(corpus, models, calibration, mode, evasions=evasions, sizes=sizes)
    if scores is not None:
        write_scores(judged.scores, scores)
    likely = next(t.llr for t in calibration.thresholds if t.verdict == "likely_generated")
    said = report(judged, likely)
    return json.dumps(said) if as_json else page(said)
