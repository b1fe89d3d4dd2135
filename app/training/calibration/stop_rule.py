"""Chooses where an analysis may stop: where no check that is left changes a held-out verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from app.calibration.file import StopEntry
from app.calibration.fusion import StopRule
from app.evidence import Outcome
from app.training.calibration.sample_weights import has_share
from app.training.calibration.thresholds import UNLIKELY_LLR
from app.training.corpus import ORDINARY_KINDS
from app.training.evaluation.scoring import ScoredPicture
from app.training.measure import MeasuredPicture

FAR_EYE_LLR: Final = -1.5005
"""At or below it no frame is in reach: the lowest is -1.70; 96 % of 6,228 ordinary pictures and 1
of 4,133 generated ones read so low. Between two llrs as they are printed, as are the next."""
TEXTURE_LLRS: Final = (-0.0005, -0.2505, -0.5005, -0.7505, -1.0005)
"""Tried in this order: the first is where the network begins to favour a photograph."""

ScoreFn = Callable[[Sequence[MeasuredPicture], StopRule | None], Sequence[ScoredPicture]]
"""Held-out scores of pictures under a rule, in order."""


def choose_stop(pictures: Sequence[MeasuredPicture], score: ScoreFn) -> StopEntry | None:
    """The highest bound on ``texture`` that changes no verdict; ``None`` where nothing may stop.

    Whatever stops must be at or below ``UNLIKELY_LLR`` both with every check weighed and without.
    A face of uncertain orientation is left out: it has no llr below 0 either way.
    """
    full_scores = score(pictures, None)
    judged = [
        (m, s)
        for m, s in zip(pictures, full_scores, strict=True)
        if s.outcome == Outcome.SCORED and m.is_orientation_certain
    ]
    for texture_llr in TEXTURE_LLRS:
        rule = StopRule(FAR_EYE_LLR, texture_llr)
        stopped = [(m, s) for m, s in judged if rule.holds(measured_llrs(s))]
        full = [s.llr for _, s in stopped]
        short = [s.llr for s in score([m for m, _ in stopped], rule)]
        if max((*full, *short), default=0.0) <= UNLIKELY_LLR:
            ordinary_count = sum(s.row.kind in ORDINARY_KINDS for _, s in judged)
            stopped_rows = [s.row for _, s in stopped]
            ordinary_stopped = sum(row.kind in ORDINARY_KINDS for row in stopped_rows)
            return StopEntry(
                eye_llr=FAR_EYE_LLR,
                texture_llr=texture_llr,
                pictures=len(stopped),
                generated=sum(row.is_generated and has_share(row) for row in stopped_rows),
                ordinary_share=round(ordinary_stopped / max(1, ordinary_count), 4),
                highest_llr=round(max(*full, *short), 4),
                largest_change=round(max(abs(a - b) for a, b in zip(full, short, strict=True)), 4),
            )
    return None


def measured_llrs(scored: ScoredPicture) -> dict[str, float]:
    """The llr of every check that measured."""
    return {name: value[1] for name, value in scored.checks.items() if isinstance(value, tuple)}
