"""Scores of measured pictures under a calibration, with what evaluation needs beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.analysis.analyze import hear, outcome_of, ranking
from app.calibration.calibration import Calibration
from app.calibration.densities import FloatArray
from app.evidence import Outcome, Reading, Verdict
from app.training.corpus import Row
from app.training.measure import Measured


@dataclass(frozen=True)
class Scored:
    """One picture judged. ``checks`` maps a check's name to (value, llr), or to a reason.

    ``square``: the face's alignment as ``Alignment.vector()``, if it was scored.
    """

    row: Row
    outcome: str
    verdict: str
    llr: float
    interval: tuple[float, float]
    checks: Mapping[str, tuple[float, float] | str]
    gan_eye_distance: float
    side_px: int = 0
    square: tuple[float, float, float, float] | None = None


def score(measured: Measured, calibration: Calibration) -> Scored:
    """``measured`` under ``calibration``: the same answer as the service's."""
    hearings = [hear(testimony, calibration) for testimony in measured.testimonies]
    order = ranking(hearings)
    best = hearings[order[0]] if order else None
    outcome = outcome_of(best) if best else measured.faceless
    if best is None or outcome != Outcome.SCORED:
        return Scored(
            measured.row,
            outcome,
            Verdict.NOT_APPLICABLE,
            0.0,
            (0.0, 0.0),
            {},
            measured.gan_eye_distance,
            measured.side_px,
        )
    return Scored(
        row=measured.row,
        outcome=outcome,
        verdict=calibration.verdict(best.llr),
        llr=best.llr,
        interval=best.interval,
        checks={
            e.check.name: (e.measured.value, e.llr)
            if isinstance(e.measured, Reading)
            else e.measured.reason.value
            for e in best.evidence
        },
        gan_eye_distance=measured.gan_eye_distance,
        side_px=measured.side_px,
        square=best.square.vector() if best.square else None,
    )


def scored_llrs(scores: Sequence[Scored]) -> FloatArray:
    """llr of those that were scored."""
    return np.array([s.llr for s in scores if s.outcome == Outcome.SCORED])
