"""``eyeline evaluate CORPUS``: every picture judged, by a calibration that never saw its collector.

A corpus that the shipped calibration was fitted on is judged by five calibrations, each fitted
without the collectors that it judges; any other corpus by the shipped one, as the service would.
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
from app.training.calibration.fit import calibrations_by_fold, judged
from app.training.calibration.measurements import see, smaller_of
from app.training.calibration.network_offsets import Evening
from app.training.corpus import Corpus, Row
from app.training.evaluation.perturbations import EVASIONS, Change, prepared
from app.training.evaluation.scoring import Scored
from app.training.measure import Measured, Models, measure

Mode = Literal["shipped", "held_out"]
EVASION_PICTURES: Final = 600
SQUARE: Final = ("square_x", "square_y", "square_ln_side", "square_roll")
LARGE_PX: Final = 380
"""Pictures at least this large count as 400 px."""


@dataclass(frozen=True)
class Judged:
    """All scores, in the manifest's order; ``mode`` says by which calibration."""

    scores: tuple[Scored, ...]
    mode: Mode
    pictures_per_second: float
    evasions: dict[str, tuple[Scored, ...]]
    sizes: dict[str, tuple[Scored, ...]]
    """By side: pictures that are as large as avatars get, and pictures made small on the way in."""


def mode_for(corpus: Corpus, calibration: Calibration) -> Mode:
    """``held_out`` for the corpus that ``calibration`` was fitted on."""
    fitted = calibration.file.fitted_on.manifest_sha256
    return "held_out" if corpus.manifest_sha256 == fitted else "shipped"


def evaluate(
    corpus: Corpus,
    models: Models,
    calibration: Calibration,
    mode: Mode,
    *,
    evasions: bool = False,
    sizes: bool = False,
) -> Judged:
    """``corpus`` judged in ``mode``.

    ``evasions``: also changed generated pictures. ``sizes``: also everything made small.
    """
    start = time.perf_counter()
    if mode == "shipped":
        native = list(measure(corpus, corpus.rows, models))
        smaller = smaller_of(corpus, models) if sizes else {}
        judges, even = [calibration], Evening({})
        fold_of = dict.fromkeys((r.collector for r in corpus.rows), 0)
    else:
        seen = see(corpus, models)
        native, smaller, even = list(seen.native), dict(seen.smaller), seen.even
        refitted, fold_of = calibrations_by_fold(seen)
        # Other fits, the same words: a verdict means what the service means by it.
        judges = [replace(judge, thresholds=calibration.thresholds) for judge in refitted]
    looked = len(native) + sum(map(len, smaller.values()))
    speed = looked / (time.perf_counter() - start)

    def said_of(part: Iterable[Measured]) -> tuple[Scored, ...]:
        return judged(part, judges, fold_of)

    def evaded(change: Change) -> tuple[Scored, ...]:
        changed = measure(corpus, evasion_rows(corpus), models, prepared(change))
        return said_of(even(m) for m in changed)

    scores = said_of(native)
    return Judged(
        scores,
        mode,
        speed,
        evasions={n: evaded(change) for n, change in EVASIONS.items()} if evasions else {},
        sizes=_sizes(scores, {side: said_of(part) for side, part in smaller.items()}),
    )


def _sizes(
    native: Sequence[Scored], smaller: Mapping[int, tuple[Scored, ...]]
) -> dict[str, tuple[Scored, ...]]:
    if not smaller:
        return {}
    large = tuple(s for s in native if s.side_px >= LARGE_PX)
    return {"400": large, **{str(side): part for side, part in smaller.items()}}


def evasion_rows(corpus: Corpus) -> list[Row]:
    """Generated pictures of every kind, evenly taken, some 600 in all."""
    rows = sorted((r for r in corpus.rows if r.generated), key=lambda r: (r.kind, r.source, r.path))
    return rows[:: max(1, len(rows) // EVASION_PICTURES)]


def write_scores(scores: Sequence[Scored], out: Path) -> None:
    """A line a picture: its row, outcome, verdict and llr, then each check's value and llr.

    Empty where a check could not measure. Behind them where the face lies (``square_…``).
    """
    names = [check.name for check in CHECKS]
    columns = [f"{name}_{part}" for name in names for part in ("value", "llr")]
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        said = ("path", "label", "kind", "source", "outcome", "verdict", "llr")
        writer.writerow([*said, *columns, *SQUARE])
        for s in scores:
            cells = [cell for name in names for cell in _cells(s.checks.get(name))]
            row = s.row
            writer.writerow(
                [
                    row.path, row.label, row.kind, row.source, s.outcome, s.verdict,
                    f"{s.llr:.6g}", *cells, *_placed(s),
                ]
            )  # fmt: skip


def _cells(found: tuple[float, float] | str | None) -> tuple[str, str]:
    return (f"{found[0]:.6g}", f"{found[1]:.6g}") if isinstance(found, tuple) else ("", "")


def _placed(scored: Scored) -> tuple[str, ...]:
    square = scored.square
    return tuple(f"{c:.7g}" for c in square) if square else ("",) * len(SQUARE)
