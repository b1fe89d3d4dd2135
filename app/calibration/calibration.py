"""The calibration: strict loading, a scale for every check, fusion, bounds, verdicts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, assert_never

from pydantic import ValidationError

from app.calibration.alignment_scale import build_alignment_scale
from app.calibration.file import (
    AlignmentEntry,
    CalibrationFile,
    CheckEntry,
    LogisticEntry,
    StampEntry,
    ThresholdEntry,
)
from app.calibration.fusion import (
    EYE_ALIGNMENT_NAME,
    KNEE,
    STAMP_NAME,
    Fusion,
    StopRule,
    build_fusion,
)
from app.calibration.logistic_scale import build_logistic_scale
from app.calibration.scale import NO_EVIDENCE, LlrEstimate, Scale, build_stamp_scale
from app.evidence import (
    Check,
    Evidence,
    LikelihoodRatios,
    Reading,
    Reason,
    Unmeasurable,
    Verdict,
)

CALIBRATION_FILE: Final = "calibration.json"
NOT_NEEDED_SUMMARY: Final = "not looked at: nothing it could say would change the answer"


class CalibrationError(ValueError):
    """The calibration file is missing, malformed, or made for other checks or networks."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """All parameters fitted on data. ``id`` names the calibration in every answer.

    ``checks``: those that it was fitted for, in the order in which they are reported.
    """

    id: str
    checks: tuple[Check, ...]
    scales: Mapping[str, Scale]
    fusion: Fusion
    bounds: tuple[float, float]
    thresholds: tuple[ThresholdEntry, ...]
    file: CalibrationFile

    def weigh(
        self, check: Check, measurement: Reading | Unmeasurable
    ) -> tuple[Evidence, LlrEstimate]:
        """The evidence of ``measurement``; llr 0 for an unmeasurable check."""
        if isinstance(measurement, Unmeasurable):
            is_needed = measurement.reason is not Reason.NOT_NEEDED
            summary = f"not measured: {measurement.reason}" if is_needed else NOT_NEEDED_SUMMARY
            return Evidence(check, measurement, 0.0, summary), NO_EVIDENCE
        estimate = self.scales[check.name].weigh(measurement)
        summary = check.summarize(estimate.llr, estimate.match)
        return Evidence(check, measurement, estimate.llr, summary, estimate.match), estimate

    def fuse(self, estimates: Mapping[str, LlrEstimate]) -> LikelihoodRatios:
        """The likelihood ratios of one face, within the validated bounds."""
        return self.fusion(estimates, self.bounds)

    def is_decided(self, estimates: Mapping[str, LlrEstimate]) -> bool:
        """Whether further checks cannot change what ``fuse`` says of one face."""
        return self.fusion.is_decided({name: e.llr for name, e in estimates.items()})

    @property
    def likely_llr(self) -> float:
        """Lowest llr with the verdict ``likely_stylegan``."""
        return next(t.llr for t in self.thresholds if t.verdict == "likely_stylegan")

    def with_framed_share(self, share: float | None) -> Calibration:
        """A copy with the operator's share of framed photographs; ``None`` keeps the fitted one."""
        if share is None:
            return self
        return replace(self, fusion=self.fusion.with_framed_share(share))

    def with_stop(self, stop: StopRule | None) -> Calibration:
        """A copy whose fusion has this rule, ``None`` for one that always weighs every check."""
        return replace(self, fusion=replace(self.fusion, stop=stop))

    def is_too_small(self, eye_distance_px: float) -> bool:
        """Whether no verdict was validated for a face with eyes this far apart."""
        return eye_distance_px < self.file.smallest.eye_distance_px

    def verdict(self, llr: float, eye_distance_px: float) -> Verdict:
        """The verdict for a scored picture; inconclusive where the face is too small for one."""
        if self.is_too_small(eye_distance_px):
            return Verdict.INCONCLUSIVE
        limits = {t.verdict: t.llr for t in self.thresholds}
        if llr >= limits["likely_stylegan"]:
            return Verdict.LIKELY_STYLEGAN
        if llr <= limits["unlikely_stylegan"]:
            return Verdict.UNLIKELY_STYLEGAN
        return Verdict.INCONCLUSIVE

    def describe(self) -> dict[str, Any]:
        """The content of ``GET /v1/model``: the origin and quality of the parameters."""
        content = self.file.model_dump()
        return {
            "id": self.id,
            "fitted_on": content["fitted_on"],
            "networks": content["networks"],
            "thresholds": content["thresholds"],
            "smallest": content["smallest"],
            "llr_bounds": content["bounds"],
            "figures": content["figures"] | {"error_rates": content["error_rates"]},
            "fusion": content["fusion"],
            "checks": {name: self._describe_check(name) for name in self.file.checks},
        }

    def require_networks(self, sha256: Mapping[str, str]) -> None:
        """Raise ``CalibrationError`` unless fitted with exactly these networks (by file)."""
        if dict(self.file.networks) != dict(sha256):
            raise CalibrationError(
                f"the calibration was fitted with the networks {self.file.networks}, "
                f"found {dict(sha256)}: restore models/, or run `eyeline fit`"
            )

    def _describe_check(self, name: str) -> dict[str, Any]:
        entry = self.file.checks[name]
        figures = {} if isinstance(entry, AlignmentEntry) else entry.figures
        default_weight = 1.0 if name in (EYE_ALIGNMENT_NAME, STAMP_NAME) else 0.0
        return {
            "version": entry.version,
            "llr_bounds": entry.bounds,
            "weight": self.fusion.weights.get(name, default_weight),
            **figures,
        }


def load_calibration(path: Path, checks: Sequence[Check]) -> Calibration:
    """The calibration in ``path`` for exactly ``checks``. Raises ``CalibrationError``."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CalibrationError(
            f"cannot read {path}: {error.strerror}; run `eyeline fit`"
        ) from error
    return parse_calibration(data, checks)


def parse_calibration(data: bytes, checks: Sequence[Check]) -> Calibration:
    """As ``load_calibration``, from the file's bytes."""
    try:
        file = CalibrationFile.model_validate_json(data)
    except ValidationError as error:
        raise CalibrationError(f"the calibration is malformed: {error}") from error
    expected_versions = {c.name: c.version for c in checks}
    fitted_versions = {name: entry.version for name, entry in file.checks.items()}
    if expected_versions != fitted_versions:
        raise CalibrationError(
            f"the calibration is for {fitted_versions}, the checks are {expected_versions}: run "
            f"`eyeline fit`"
        )
    kinds = {EYE_ALIGNMENT_NAME: "alignment", STAMP_NAME: "stamp"}
    if any(entry.kind != kinds.get(name, "measures") for name, entry in file.checks.items()):
        raise CalibrationError("an entry has the wrong kind for its check: run `eyeline fit`")
    if file.bounds[1] - file.bounds[0] <= 2.0 * KNEE:
        raise CalibrationError("the bounds are too close together: run `eyeline fit`")
    if not set(file.fusion.weights) <= set(fitted_versions):
        raise CalibrationError("the fusion has weights for unknown checks: run `eyeline fit`")
    if {t.verdict for t in file.thresholds} != {"likely_stylegan", "unlikely_stylegan"}:
        raise CalibrationError("the calibration lacks a verdict threshold: run `eyeline fit`")
    return Calibration(
        id=hashlib.sha256(data).hexdigest()[:12],
        checks=tuple(checks),
        scales={name: build_scale(entry) for name, entry in file.checks.items()},
        fusion=build_fusion(file.fusion),
        bounds=(file.bounds[0], file.bounds[1]),
        thresholds=tuple(file.thresholds),
        file=file,
    )


def build_scale(entry: CheckEntry) -> Scale:
    """The scale that a file's entry describes."""
    match entry:
        case AlignmentEntry():
            return build_alignment_scale(entry)
        case LogisticEntry():
            return build_logistic_scale(entry)
        case StampEntry():
            return build_stamp_scale(entry)
        case _:
            assert_never(entry)
