"""``eyeline fit CORPUS``: measures a corpus, fits the calibration, judges it across collectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from app.calibration.calibration import Calibration, parse
from app.calibration.file import CalibrationFile, Entry, FittedOn, FusionEntry
from app.calibration.fusion import FRAME, STAMP
from app.checks import CHECKS
from app.training.calibration.alignment import FLAT, alignment_entry, uncertainty
from app.training.calibration.bootstrap import with_uncertainty
from app.training.calibration.fusion import fit_pixels
from app.training.calibration.measurements import Seen, see
from app.training.calibration.stamp import stamp_entry
from app.training.calibration.thresholds import (
    NONE,
    calibration_file,
    threshold,
    total_bounds,
    written,
)
from app.training.corpus import FFHQ_KINDS, ORDINARY_KINDS, Corpus, CorpusError, folds
from app.training.evaluation.check_figures import with_figures
from app.training.evaluation.scoring import Scored, score
from app.training.measure import Measured, Models

FOLDS: Final = 5
LEAST_PICTURES: Final = 24

Entries = dict[str, Entry]


def fit(
    corpus: Corpus, models: Models, networks: Mapping[str, str], seen: Seen | None = None
) -> bytes:
    """The calibration file for ``corpus``, as bytes. Deterministic.

    ``networks``: sha256 of those that will ship with it. Raises ``CorpusError`` if the corpus is
    too small to fit on.
    """
    return fit_and_judge(corpus, models, networks, seen)[0]


def fit_and_judge(
    corpus: Corpus, models: Models, networks: Mapping[str, str], seen: Seen | None = None
) -> tuple[bytes, tuple[Scored, ...]]:
    """As ``fit``, and every picture judged by numbers that did not see its collector."""
    refuse_small(corpus)
    seen = see(corpus, models) if seen is None else seen
    judges, fold_of = calibrations_by_fold(seen)
    checks, fused = entries(seen, uncertainty(seen.native, seen.effects))
    checks, fused = with_uncertainty(seen, checks, fused)
    checks = with_figures(seen, checks, [judge.scales for judge in judges], fold_of)
    held_out = judged(seen.native, judges, fold_of)
    file = calibration_file(corpus, seen.native, networks, checks, fused, held_out)
    return written(file), held_out


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


def entries(seen: Seen, uncertain: list[list[float]]) -> tuple[Entries, FusionEntry]:
    """Everything fitted on ``seen``; ``uncertain`` is the eyes' own table."""
    pixels, fused = fit_pixels(seen.pixels)
    found: Entries = {}
    for check in CHECKS:
        if check.name == FRAME:
            found[check.name] = alignment_entry(seen.native, seen.effects, uncertain)
        elif check.name == STAMP:
            found[check.name] = stamp_entry(check, seen.native)
        else:
            found[check.name] = pixels[check.name]
    return found, fused


def calibrations_by_fold(seen: Seen) -> tuple[list[Calibration], dict[str, int]]:
    """A calibration for each fold, fitted on all others, and the fold of every collector."""
    fold = folds([m.row for m in seen.native], FOLDS)
    fold_of = {m.row.collector: f for m, f in zip(seen.native, fold, strict=True)}

    def without(held: int) -> Calibration:
        others = seen.kept(lambda row: fold_of[row.collector] != held)
        return provisional(seen, *entries(others, FLAT))

    return [without(held) for held in range(FOLDS)], fold_of


def judged(
    part: Iterable[Measured], judges: Sequence[Calibration], fold_of: Mapping[str, int]
) -> tuple[Scored, ...]:
    """Every picture under the calibration of its collector's fold; in their order."""
    return tuple(score(m, judges[fold_of[m.row.collector]]) for m in part)


def provisional(seen: Seen, checks: Entries, fused: FusionEntry) -> Calibration:
    """A calibration with the bounds of all of ``seen``, and thresholds that only order verdicts."""
    file = CalibrationFile(
        format=2,
        fitted_on=FittedOn(manifest_sha256="", pictures={}, collectors=0),
        networks={},
        checks=checks,
        fusion=fused,
        bounds=total_bounds(seen.native),
        thresholds=[
            threshold("likely_generated", 2.0, NONE, NONE, ""),
            threshold("unlikely_generated", -1.0, NONE, NONE, ""),
        ],
        figures={},
    )
    return parse(file.model_dump_json().encode(), CHECKS)
