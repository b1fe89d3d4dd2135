"""Scores of measured pictures under a calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.analysis.analyze import measurement_warnings, outcome_with_face, picture_warnings
from app.analysis.face_result import Measurements, order_faces, weigh_face
from app.arrays import FloatArray
from app.calibration.calibration import Calibration
from app.calibration.fusion import EYE_ALIGNMENT_NAME
from app.evidence import NO_RATIOS, LikelihoodRatios, Outcome, Reading, Verdict
from app.training.corpus import ManifestRow
from app.training.measure import MeasuredPicture


@dataclass(frozen=True)
class ScoredPicture:
    """One scored picture. ``checks`` maps a check's name to (value, llr), or to a reason.

    ``square``: the face's alignment as ``Alignment.vector()``, if it was scored.
    ``eye_distance_px``, ``skin_ita_deg``: of the strongest face; see ``app.training.skin_tone``.
    ``warnings``: as in the service's answer.
    """

    row: ManifestRow
    outcome: str
    verdict: str
    against: LikelihoodRatios
    checks: Mapping[str, tuple[float, float] | str]
    gan_eye_distance: float
    side_px: int = 0
    square: tuple[float, float, float, float] | None = None
    warnings: tuple[str, ...] = ()
    eye_distance_px: float = 0.0
    skin_ita_deg: float | None = None

    @property
    def llr(self) -> float:
        """llr against the mixture of ordinary and framed real pictures."""
        return self.against.total.llr

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of ``llr``."""
        return self.against.total.interval


def score_picture(measured: MeasuredPicture, calibration: Calibration) -> ScoredPicture:
    """Score ``measured`` under ``calibration``, exactly as the service does."""
    face_results = [
        weigh_face(m, calibration, is_orientation_certain=measured.is_orientation_certain)
        for m in measured.faces
    ]
    order = order_faces(face_results)
    best = face_results[order[0]] if order else None
    outcome = outcome_with_face(best) if best else measured.no_face_outcome
    if best is None or outcome != Outcome.SCORED:
        return ScoredPicture(
            measured.row,
            outcome,
            Verdict.NOT_APPLICABLE,
            NO_RATIOS,
            {},
            measured.gan_eye_distance,
            measured.side_px,
        )
    eye_distance_px = answering_eye_distance_px(measured.faces[order[0]])
    face_warnings = measured.face_warnings[order[0]] if measured.face_warnings else ()
    return ScoredPicture(
        row=measured.row,
        outcome=outcome,
        verdict=calibration.verdict(best.llr, eye_distance_px),
        against=best.against,
        checks={
            e.check.name: (e.measurement.value, e.llr)
            if isinstance(e.measurement, Reading)
            else e.measurement.reason.value
            for e in best.evidence
        },
        gan_eye_distance=measured.gan_eye_distance,
        side_px=measured.side_px,
        square=best.alignment.vector() if best.alignment else None,
        warnings=(
            *picture_warnings(len(measured.faces), face_warnings, measured.animated),
            *measurement_warnings(best.against, eye_distance_px, calibration),
        ),
        eye_distance_px=eye_distance_px,
        skin_ita_deg=measured.skin_ita_deg[order[0]] if measured.skin_ita_deg else None,
    )


def answering_eye_distance_px(measurements: Measurements) -> float:
    """Distance between the irises, px; 0 where the face could not be measured."""
    for check, reading in measurements:
        if check.name == EYE_ALIGNMENT_NAME and isinstance(reading, Reading):
            return reading.face_measurements[0].eye_distance_px
    return 0.0


def scored_llrs(scores: Sequence[ScoredPicture]) -> FloatArray:
    """llr of the scored pictures."""
    return np.array([s.llr for s in scores if s.outcome == Outcome.SCORED])
