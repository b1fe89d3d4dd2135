"""One face, measured and weighed: as far as its answer needs it, or by every check."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.calibration.calibration import Calibration
from app.calibration.fusion import FIRST_CHECKS, SECOND_CHECKS, STAMP_NAME
from app.calibration.scale import LlrEstimate
from app.checks import CHECKS
from app.evidence import (
    NO_RATIOS,
    Check,
    Depth,
    Evidence,
    LikelihoodRatios,
    Reading,
    Reason,
    Unmeasurable,
)
from app.face.alignment import Alignment
from app.face.portrait import Portrait

Measurements = tuple[tuple[Check, Reading | Unmeasurable], ...]
"""What every check measured on one face."""

WeighedCheck = tuple[Evidence, LlrEstimate]

_NOT_NEEDED: Final = Unmeasurable(Reason.NOT_NEEDED)


@dataclass(frozen=True, eq=False)
class FaceResult:
    """What the measurements of one face weigh."""

    evidence: tuple[Evidence, ...]
    against: LikelihoodRatios
    alignment: Alignment | None

    @property
    def llr(self) -> float:
        """llr against the mixture of ordinary and framed real pictures."""
        return self.against.total.llr

    @property
    def is_measured(self) -> bool:
        """Whether any check measured the face; a stamp that is not there says nothing of it."""
        return any(
            isinstance(e.measurement, Reading) and (e.check.name != STAMP_NAME or e.llr > 0.0)
            for e in self.evidence
        )

    def without_support_against(self) -> FaceResult:
        """The same with no llr below 0: landmarks of a face that does not stand mean nothing."""
        return replace(self, against=self.against.without_support_against())


def measure_all(portrait: Portrait, checks: Sequence[Check] = CHECKS) -> Measurements:
    """Every check's measurement of one portrait."""
    return tuple((check, check.measure(portrait)) for check in checks)


def weigh_face(
    measurements: Measurements, calibration: Calibration, *, is_orientation_certain: bool = True
) -> FaceResult:
    """What one face's measurements weigh, check by check and together."""
    weighed = [calibration.weigh(check, measurement) for check, measurement in measurements]
    return _fuse(weighed, calibration, is_orientation_certain=is_orientation_certain)


def examine_face(portrait: Portrait, calibration: Calibration, depth: Depth) -> FaceResult:
    """Measure and weigh one face; the ratios are the same at every ``depth``.

    The checks that decide whether the others are needed look first.
    """
    weighed: dict[str, WeighedCheck] = {}
    for names in (FIRST_CHECKS, SECOND_CHECKS, calibration.scales):
        is_enough = depth is Depth.NEEDED and calibration.is_decided(_estimates(weighed.values()))
        for check in calibration.checks:
            if check.name in names and check.name not in weighed:
                measurement = _NOT_NEEDED if is_enough else check.measure(portrait)
                weighed[check.name] = calibration.weigh(check, measurement)
    return _fuse(
        [weighed[check.name] for check in calibration.checks],
        calibration,
        is_orientation_certain=portrait.is_orientation_certain,
    )


def order_faces(results: Sequence[FaceResult]) -> list[int]:
    """Indices of ``results``, the one that answers for the picture first.

    The strongest evidence answers, and a face that could not be measured never hides one that
    could.
    """
    return sorted(
        range(len(results)),
        key=lambda i: (results[i].is_measured, results[i].llr),
        reverse=True,
    )


def _estimates(weighed: Iterable[WeighedCheck]) -> dict[str, LlrEstimate]:
    """The estimates of the checks that measured, by name."""
    return {
        evidence.check.name: estimate
        for evidence, estimate in weighed
        if isinstance(evidence.measurement, Reading)
    }


def _fuse(
    weighed: Sequence[WeighedCheck], calibration: Calibration, *, is_orientation_certain: bool
) -> FaceResult:
    estimates = _estimates(weighed)
    against = calibration.fuse(estimates) if estimates else NO_RATIOS
    alignment = next((w.alignment for w in estimates.values() if w.alignment), None)
    result = FaceResult(tuple(e for e, _ in weighed), against, alignment)
    return result if is_orientation_certain else result.without_support_against()
