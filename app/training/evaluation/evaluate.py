"""``eyeline evaluate CORPUS``: scores from calibrations that were not fitted on the same collector.

A corpus that the shipped calibration was fitted on is scored by five calibrations, each fitted
without the collectors that it scores; any other corpus by the shipped one, as in the service.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from app.calibration.calibration import Calibration
from app.checks import CHECKS
from app.training.calibration import measurements
from app.training.calibration.fit import fit_folds, score_held_out
from app.training.calibration.measurements import measure_corpus, measure_downscaled
from app.training.calibration.network_offsets import OffsetCorrection
from app.training.corpus import Corpus, ManifestRow
from app.training.evaluation.perturbations import PERTURBATIONS, Perturbation, picture_transform
from app.training.evaluation.scoring import ScoredPicture
from app.training.measure import MeasuredPicture, Models, measure_pictures

EvaluationMode = Literal["shipped", "held_out"]
PERTURBED_PICTURE_COUNT: Final = 600
SQUARE_COLUMNS: Final = ("square_x", "square_y", "square_ln_side", "square_roll")
MIN_LARGE_SIDE_PX: Final = 380
"""Pictures at least this large count as 400 px."""
LARGE_GROUP: Final = "400"
"""The group of ``Evaluation.scores_by_size`` that is not downscaled."""


@dataclass(frozen=True)
class Evaluation:
    """All scores, in the manifest's order; ``mode`` is the kind of calibration used."""

    scores: tuple[ScoredPicture, ...]
    mode: EvaluationMode
    pictures_per_second: float
    perturbed_scores: dict[str, tuple[ScoredPicture, ...]]
    scores_by_size: dict[str, tuple[ScoredPicture, ...]]
    """By side in px: large pictures as they are (``400``), and downscaled ones."""


def default_mode(corpus: Corpus, calibration: Calibration) -> EvaluationMode:
    """``held_out`` for the corpus that ``calibration`` was fitted on."""
    fitted_sha256 = calibration.file.fitted_on.manifest_sha256
    return "held_out" if corpus.manifest_sha256 == fitted_sha256 else "shipped"


def evaluate(
    corpus: Corpus,
    models: Models,
    calibration: Calibration,
    mode: EvaluationMode,
    *,
    with_perturbations: bool = False,
    with_sizes: bool = False,
    sides_px: Sequence[int] = (),
) -> Evaluation:
    """Evaluate ``corpus`` in ``mode``.

    ``with_perturbations``: also perturbed generated pictures. ``with_sizes``: also everything
    downscaled. ``sides_px``: further sides to downscale to.
    """
    start = time.perf_counter()
    if mode == "shipped":
        native = list(measure_pictures(corpus, corpus.rows, models))
        sides = measurements.DOWNSCALED_SIDES_PX if with_sizes else ()
        downscaled = measure_downscaled(corpus, models, sides)
        fold_calibrations, correct_offsets = [calibration], OffsetCorrection({})
        fold_of = dict.fromkeys((r.collector for r in corpus.rows), 0)
    else:
        measured_corpus = measure_corpus(corpus, models)
        native, downscaled, correct_offsets = (
            list(measured_corpus.native),
            dict(measured_corpus.downscaled),
            measured_corpus.offset_correction,
        )
        refitted, fold_of = fit_folds(measured_corpus)
        fold_calibrations = [_with_verdicts_of(calibration, c) for c in refitted]
    downscaled |= {
        side: [correct_offsets(m) for m in pictures]
        for side, pictures in measure_downscaled(
            corpus, models, [side for side in sides_px if side not in downscaled]
        ).items()
    }
    measured_count = len(native) + sum(map(len, downscaled.values()))
    speed = measured_count / (time.perf_counter() - start)

    def score_all(pictures: Iterable[MeasuredPicture]) -> tuple[ScoredPicture, ...]:
        return score_held_out(pictures, fold_calibrations, fold_of)

    def score_perturbed(perturb: Perturbation) -> tuple[ScoredPicture, ...]:
        perturbed = measure_pictures(
            corpus, select_perturbation_rows(corpus), models, picture_transform(perturb)
        )
        return score_all(correct_offsets(m) for m in perturbed)

    scores = score_all(native)
    return Evaluation(
        scores,
        mode,
        speed,
        perturbed_scores={n: score_perturbed(perturb) for n, perturb in PERTURBATIONS.items()}
        if with_perturbations
        else {},
        scores_by_size=_group_by_size(
            scores, {side: score_all(pictures) for side, pictures in downscaled.items()}
        ),
    )


def _with_verdicts_of(shipped: Calibration, refitted: Calibration) -> Calibration:
    """``refitted`` with the service's thresholds, its smallest size, and where it stops."""
    file = refitted.file.model_copy(update={"smallest": shipped.file.smallest})
    judging = replace(refitted, thresholds=shipped.thresholds, file=file)
    return judging.with_stop(shipped.fusion.stop)


def _group_by_size(
    native: Sequence[ScoredPicture], downscaled: Mapping[int, tuple[ScoredPicture, ...]]
) -> dict[str, tuple[ScoredPicture, ...]]:
    if not downscaled:
        return {}
    large = tuple(s for s in native if s.side_px >= MIN_LARGE_SIDE_PX)
    return {
        LARGE_GROUP: large,
        **{str(side): side_scores for side, side_scores in downscaled.items()},
    }


def select_perturbation_rows(corpus: Corpus) -> list[ManifestRow]:
    """About 600 generated pictures, evenly spaced over kinds and sources."""
    rows = sorted(
        (r for r in corpus.rows if r.is_generated), key=lambda r: (r.kind, r.source, r.path)
    )
    return rows[:: max(1, len(rows) // PERTURBED_PICTURE_COUNT)]


def write_all_scores(evaluation: Evaluation, out: Path) -> None:
    """Write the scores to ``out``, those of downscaled pictures beside it, as ``out.96.csv``."""
    write_scores(evaluation.scores, out)
    for side, scores in evaluation.scores_by_size.items():
        if side != LARGE_GROUP:
            write_scores(scores, out.with_suffix(f".{side}{out.suffix}"))


def write_scores(scores: Sequence[ScoredPicture], out: Path) -> None:
    """Write a CSV, one line per picture: row, outcome, verdict, llrs, warnings, then every check.

    A check's value and llr are empty where it could not measure. The last columns are the crop
    square (``SQUARE_COLUMNS``).
    """
    names = [check.name for check in CHECKS]
    columns = [f"{name}_{part}" for name in names for part in ("value", "llr")]
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        row_columns = (
            "path",
            "label",
            "kind",
            "source",
            "outcome",
            "verdict",
            "llr",
            "llr_ordinary",
            "llr_framed",
            "warnings",
        )
        writer.writerow([*row_columns, *columns, *SQUARE_COLUMNS])
        for s in scores:
            cells = [cell for name in names for cell in _format_check(s.checks.get(name))]
            row = s.row
            writer.writerow(
                [
                    row.path, row.label, row.kind, row.source, s.outcome, s.verdict,
                    f"{s.llr:.6g}", f"{s.against.ordinary.llr:.6g}", f"{s.against.framed.llr:.6g}",
                    " ".join(s.warnings), *cells, *_format_square(s),
                ]
            )  # fmt: skip


def _format_check(value: tuple[float, float] | str | None) -> tuple[str, str]:
    return (f"{value[0]:.6g}", f"{value[1]:.6g}") if isinstance(value, tuple) else ("", "")


def _format_square(scored: ScoredPicture) -> tuple[str, ...]:
    square = scored.square
    return tuple(f"{c:.7g}" for c in square) if square else ("",) * len(SQUARE_COLUMNS)
