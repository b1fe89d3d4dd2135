"""What readings weigh: strict load, reading → log10 likelihood ratio, fusion, bounds, verdicts."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import ValidationError

from app.alignment import Alignment
from app.calibration_file import (
    AlignmentEntry,
    CalibrationFile,
    CorrectionEntry,
    NoiseEntry,
    ThresholdEntry,
)
from app.density import FloatArray, GaussianMixture, StudentT
from app.evidence import Check, Evidence, Match, Reading, Unmeasurable, Verdict
from app.portrait import Sighting
from app.templates import (
    FLOOR_LLR,
    AlignmentModel,
    Noise,
    Oddness,
    PoseCorrection,
    Template,
    pose_of,
)

FILE: Final = "calibration.json"
_Z95: Final = 1.959964
_STILL: Final = 0.01
"""So near the floor no template is in reach, and jitter moves nothing."""
_JITTER_FREEDOM: Final = 4.0
"""How many repeats the usual jitter is worth beside a picture's own repeats."""


class CalibrationError(ValueError):
    """The calibration file is missing, malformed, or made for other checks."""


@dataclass(frozen=True, eq=False)
class Weighed:
    """One reading on the scale: llr within its bounds, 95 % interval, and what it matched."""

    llr: float
    interval: tuple[float, float]
    match: Match | None
    square: Alignment | None = None
    """The crop square as it was weighed: corrected for pose, mean of all measurements."""


@dataclass(frozen=True, eq=False)
class AlignmentScale:
    """Weighs the sightings of ``eye_alignment``."""

    model: AlignmentModel
    bounds: tuple[float, float]
    uncertainty: FloatArray
    weight: float

    def weigh(self, sightings: tuple[Sighting, ...]) -> Weighed:
        squares = self.model.measured(sightings)
        mean = squares.mean(axis=0)
        offsets = _sigma_points(np.sqrt(jitter_variance(self.model, sightings, squares)))
        templates = self.model.widened(sightings)
        pose = pose_of(sightings)
        llr = float(self.model.llr(mean[None], pose, templates)[0])
        jitter2 = 0.0
        if llr > FLOOR_LLR + _STILL:
            arms = self.model.llr(mean[None] + offsets[:, None, :], pose, templates).reshape(4, 2)
            jitter2 = float(np.sum(((arms[:, 0] - arms[:, 1]) / (2.0 * _Z95)) ** 2))
        fit = float(np.interp(llr, self.uncertainty[:, 0], self.uncertainty[:, 1]))
        reach = _Z95 * math.sqrt(jitter2 + fit**2)
        low, high = self.bounds
        return Weighed(
            llr=min(high, max(low, llr)),
            interval=(min(high, max(low, llr - reach)), min(high, max(low, llr + reach))),
            match=self.model.match(sightings[0].framings, mean, templates),
            square=Alignment.from_vector(mean[0].tolist()),
        )


@dataclass(frozen=True, eq=False)
class Calibration:
    """Everything that was learned from data. ``id`` names it in every answer."""

    id: str
    scales: Mapping[str, AlignmentScale]
    offset: float
    bounds: tuple[float, float]
    thresholds: tuple[ThresholdEntry, ...]
    file: CalibrationFile

    def weigh(self, check: Check, measured: Reading | Unmeasurable) -> tuple[Evidence, Weighed]:
        """What ``measured`` weighs; an unmeasurable check weighs nothing."""
        if isinstance(measured, Unmeasurable):
            nothing = Weighed(0.0, (0.0, 0.0), None)
            return Evidence(check, measured, 0.0, f"not measured: {measured.reason}"), nothing
        weighed = self.scales[check.name].weigh(measured.sightings)
        summary = check.summarize(weighed.llr, weighed.match)
        return Evidence(check, measured, weighed.llr, summary, weighed.match), weighed

    def fuse(self, weighed: Mapping[str, Weighed]) -> tuple[float, tuple[float, float]]:
        """Total log10 likelihood ratio and its 95 % interval, within what validation can carry.

        A weighted sum: with one check its weight is 1 and the offset 0. Intervals add as
        independent ones do.
        """
        total = self.offset + sum(self.scales[n].weight * w.llr for n, w in weighed.items())
        arms = [
            math.sqrt(
                sum(
                    (self.scales[n].weight * (w.interval[i] - w.llr)) ** 2
                    for n, w in weighed.items()
                )
            )
            for i in (0, 1)
        ]
        low, high = self.bounds
        llr, below, above = (
            min(high, max(low, value)) for value in (total, total - arms[0], total + arms[1])
        )
        return llr, (below, above)

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
            "thresholds": content["thresholds"],
            "llr_bounds": content["bounds"],
            "figures": content["figures"],
            "checks": {
                name: {"version": entry.version, "llr_bounds": entry.bounds, "weight": entry.weight}
                for name, entry in self.file.checks.items()
            },
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
    if {t.verdict for t in file.thresholds} != {"likely_generated", "unlikely_generated"}:
        raise CalibrationError("the calibration lacks a verdict threshold: run `eyeline fit`")
    return Calibration(
        id=hashlib.sha256(data).hexdigest()[:12],
        scales={name: alignment_scale(entry) for name, entry in file.checks.items()},
        offset=file.offset,
        bounds=(file.bounds[0], file.bounds[1]),
        thresholds=tuple(file.thresholds),
        file=file,
    )


def alignment_scale(entry: AlignmentEntry) -> AlignmentScale:
    """The scale that a file's entry describes."""
    correction = pose_correction(entry.correction)
    templates = tuple(
        Template(
            name=t.name,
            share=t.share,
            spread=StudentT(t.freedom, np.array(t.mean), np.array(t.scale)),
            eyes=((t.eyes[0][0], t.eyes[0][1]), (t.eyes[1][0], t.eyes[1][1])),
        )
        for t in entry.templates
    )
    ordinary = GaussianMixture(
        np.array(entry.ordinary.weights),
        np.array(entry.ordinary.means),
        np.array(entry.ordinary.covariances),
    )
    return AlignmentScale(
        model=AlignmentModel(
            correction, templates, ordinary, _noise(entry.resolution), _noise(entry.jitter)
        ),
        bounds=(entry.bounds[0], entry.bounds[1]),
        uncertainty=np.array(entry.uncertainty),
        weight=entry.weight,
    )


def pose_correction(entry: CorrectionEntry) -> PoseCorrection:
    """The correction that a file's entry describes."""
    return PoseCorrection(
        odd=np.array(entry.odd),
        even=np.array(entry.even),
        offset=np.array(entry.offset),
        even_small=np.array(entry.even_small),
        offset_small=np.array(entry.offset_small),
        oddness=Oddness(
            odd=np.array(entry.odd_whitening),
            even=np.array(entry.even_whitening),
            centre=np.array(entry.even_centre),
            usual=entry.usual_oddness,
        ),
    )


def jitter_variance(
    model: AlignmentModel, sightings: tuple[Sighting, ...], squares: FloatArray
) -> FloatArray:
    """Variance of the mean square (4,): what repeats usually differ by, sharpened by these ones.

    ``squares`` (s, f, 4); repeats are compared in the picture's own frame.
    """
    expected = model.jitter.at(sightings[0].eye_distance_px)
    count = len(sightings)
    own = squares[:, 0]
    scatter = ((own - own.mean(axis=0)) ** 2).sum(axis=0)
    pooled = (_JITTER_FREEDOM * expected + scatter) / (_JITTER_FREEDOM + count - 1)
    out: FloatArray = pooled / count
    return out


def _noise(entry: NoiseEntry) -> Noise:
    return Noise(np.array(entry.floor), np.array(entry.per_px))


def _sigma_points(deviations: FloatArray) -> FloatArray:
    """± 1.96 deviations along each axis: (8, 4)."""
    steps = np.diag(_Z95 * deviations)
    return np.stack([steps, -steps], axis=1).reshape(8, 4)
