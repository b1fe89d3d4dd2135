"""What readings weigh: strict load, a scale for every check, fusion, bounds, verdicts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, assert_never

from pydantic import ValidationError

from app.calibration.alignment_scale import alignment_scale
from app.calibration.file import (
    AlignmentEntry,
    CalibrationFile,
    Entry,
    MeasuresEntry,
    StampEntry,
    ThresholdEntry,
)
from app.calibration.fusion import FRAME, KNEE, STAMP, Fusion, fusion
from app.calibration.logistic_scale import measures_scale
from app.calibration.scale import NOTHING, Scale, Weighed, stamp_scale
from app.evidence import Check, Evidence, Reading, Unmeasurable, Verdict

FILE: Final = "calibration.json"


class CalibrationError(ValueError):
    """The calibration file is missing, malformed, or made for other checks or networks."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """Everything that was learned from data. ``id`` names it in every answer.

    ``checks``: those that it was fitted for, in the order in which they are reported.
    """

    id: str
    checks: tuple[Check, ...]
    scales: Mapping[str, Scale]
    fusion: Fusion
    bounds: tuple[float, float]
    thresholds: tuple[ThresholdEntry, ...]
    file: CalibrationFile

    def weigh(self, check: Check, measured: Reading | Unmeasurable) -> tuple[Evidence, Weighed]:
        """What ``measured`` weighs; an unmeasurable check weighs nothing."""
        if isinstance(measured, Unmeasurable):
            summary = f"not measured: {measured.reason}"
            return Evidence(check, measured, 0.0, summary), NOTHING
        weighed = self.scales[check.name].weigh(measured)
        summary = check.summarize(weighed.llr, weighed.match)
        return Evidence(check, measured, weighed.llr, summary, weighed.match), weighed

    def fuse(self, weighed: Mapping[str, Weighed]) -> tuple[float, tuple[float, float]]:
        """Total log10 likelihood ratio and its 95 % interval, within what validation can carry."""
        return self.fusion(weighed, self.bounds)

    def verdict(self, llr: float) -> Verdict:
        """The verdict for a scored picture."""
        limits = {t.verdict: t.llr for t in self.thresholds}
        if llr >= limits["likely_generated"]:
            return Verdict.LIKELY_GENERATED
        if llr <= limits["unlikely_generated"]:
            return Verdict.UNLIKELY_GENERATED
        return Verdict.INCONCLUSIVE

    def describe(self) -> dict[str, Any]:
        """What ``GET /v1/model`` says: where the numbers come from and how good they are."""
        content = self.file.model_dump()
        return {
            "id": self.id,
            "fitted_on": content["fitted_on"],
            "networks": content["networks"],
            "thresholds": content["thresholds"],
            "llr_bounds": content["bounds"],
            "figures": content["figures"],
            "fusion": content["fusion"],
            "checks": {name: self._described(name) for name in self.file.checks},
        }

    def refuse_other_networks(self, sha256: Mapping[str, str]) -> None:
        """Raise ``CalibrationError`` unless fitted with exactly these networks (by file)."""
        if dict(self.file.networks) != dict(sha256):
            raise CalibrationError(
                f"the calibration was fitted with the networks {self.file.networks}, "
                f"found {dict(sha256)}: restore models/, or run `eyeline fit`"
            )

    def _described(self, name: str) -> dict[str, Any]:
        entry = self.file.checks[name]
        figures = {} if isinstance(entry, AlignmentEntry) else entry.figures
        always = 1.0 if name in (FRAME, STAMP) else 0.0
        return {
            "version": entry.version,
            "llr_bounds": entry.bounds,
            "weight": self.fusion.weights.get(name, always),
            **figures,
        }


def load(path: Path, checks: Sequence[Check]) -> Calibration:
    """The calibration in ``path`` for exactly ``checks``. Raises ``CalibrationError``."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CalibrationError(
            f"cannot read {path}: {error.strerror}; run `eyeline fit`"
        ) from error
    return parse(data, checks)


def parse(data: bytes, checks: Sequence[Check]) -> Calibration:
    """As ``load``, from the file's bytes."""
    try:
        file = CalibrationFile.model_validate_json(data)
    except ValidationError as error:
        raise CalibrationError(f"the calibration is malformed: {error}") from error
    wanted = {c.name: c.version for c in checks}
    held = {name: entry.version for name, entry in file.checks.items()}
    if wanted != held:
        raise CalibrationError(
            f"the calibration is for {held}, the checks are {wanted}: run `eyeline fit`"
        )
    kinds = {FRAME: "alignment", STAMP: "stamp"}
    if any(entry.kind != kinds.get(name, "measures") for name, entry in file.checks.items()):
        raise CalibrationError("an entry is of another check's kind: run `eyeline fit`")
    if file.bounds[1] - file.bounds[0] <= 2.0 * KNEE:
        raise CalibrationError("the bounds leave no room between them: run `eyeline fit`")
    if not set(file.fusion.weights) <= set(held):
        raise CalibrationError("the fusion weighs checks that there are not: run `eyeline fit`")
    if {t.verdict for t in file.thresholds} != {"likely_generated", "unlikely_generated"}:
        raise CalibrationError("the calibration lacks a verdict threshold: run `eyeline fit`")
    return Calibration(
        id=hashlib.sha256(data).hexdigest()[:12],
        checks=tuple(checks),
        scales={name: scale(entry) for name, entry in file.checks.items()},
        fusion=fusion(file.fusion),
        bounds=(file.bounds[0], file.bounds[1]),
        thresholds=tuple(file.thresholds),
        file=file,
    )


def scale(entry: Entry) -> Scale:
    """The scale that a file's entry describes."""
    match entry:
        case AlignmentEntry():
            return alignment_scale(entry)
        case MeasuresEntry():
            return measures_scale(entry)
        case StampEntry():
            return stamp_scale(entry)
        case _:
            assert_never(entry)
