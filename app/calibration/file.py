"""The strict schema of ``models/calibration.json``, which is small enough to read in a diff."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


def _check_ascending(bounds: list[float]) -> list[float]:
    if bounds[0] >= bounds[1]:
        raise ValueError("the lower bound must be below the upper bound")
    return bounds


def _check_positive_definite(matrix: list[list[float]]) -> list[list[float]]:
    values = np.array(matrix)
    if not np.allclose(values, values.T) or np.linalg.eigvalsh(values).min() <= 0.0:
        raise ValueError("a covariance must be symmetric and positive definite")
    return matrix


def _check_uncertainty(table: list[list[float]]) -> list[list[float]]:
    if any(a[0] >= b[0] for a, b in pairwise(table)) or any(row[1] < 0.0 for row in table):
        raise ValueError("llr must ascend and deviations must not be negative")
    return table


Row4 = Annotated[list[float], Field(min_length=4, max_length=4)]
Row6 = Annotated[list[float], Field(min_length=6, max_length=6)]
Matrix6 = Annotated[
    list[Row6], Field(min_length=6, max_length=6), AfterValidator(_check_positive_definite)
]
Row2 = Annotated[list[float], Field(min_length=2, max_length=2)]
Matrix4 = Annotated[
    list[Row4], Field(min_length=4, max_length=4), AfterValidator(_check_positive_definite)
]
EyesEntry = Annotated[list[Row2], Field(min_length=2, max_length=2)]
Bounds = Annotated[list[float], Field(min_length=2, max_length=2), AfterValidator(_check_ascending)]
Row23 = Annotated[list[float], Field(min_length=23, max_length=23)]
Row24 = Annotated[list[float], Field(min_length=24, max_length=24)]
Positive = Annotated[float, Field(gt=0)]
Nonnegative4 = Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=4, max_length=4)]


Uncertainty = Annotated[list[Row2], Field(min_length=2), AfterValidator(_check_uncertainty)]
"""(llr, standard deviation of llr over bootstrap refits), llr ascending."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CorrectionEntry(_Strict):
    odd: Annotated[list[Row2], Field(min_length=23, max_length=23)]
    even: Annotated[list[Row2], Field(min_length=26, max_length=26)]
    offset: Row2
    even_small: Annotated[list[Row2], Field(min_length=26, max_length=26)]
    offset_small: Row2
    odd_whitening: Annotated[list[Row23], Field(min_length=23, max_length=23)]
    even_whitening: Annotated[list[Row24], Field(min_length=24, max_length=24)]
    even_centre: Row24
    usual_oddness: Positive


class TemplateEntry(_Strict):
    name: str
    share: Annotated[float, Field(gt=0, le=1)]
    freedom: Positive
    mean: Row4
    scale: Matrix4
    eyes: EyesEntry
    pictures: int


class OrdinaryEntry(_Strict):
    weights: Annotated[list[Positive], Field(min_length=1)]
    means: list[Row6]
    covariances: list[Matrix6]
    pictures: int

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if not len(self.weights) == len(self.means) == len(self.covariances):
            raise ValueError("weights, means and covariances must have the same length")
        return self


class NoiseEntry(_Strict):
    floor: Nonnegative4
    per_px: Nonnegative4


class AlignmentEntry(_Strict):
    kind: Literal["alignment"] = "alignment"
    version: int
    correction: CorrectionEntry
    templates: Annotated[list[TemplateEntry], Field(min_length=1)]
    ordinary: OrdinaryEntry
    resolution: NoiseEntry
    jitter: NoiseEntry
    bounds: Bounds
    uncertainty: Uncertainty


class LogisticEntry(_Strict):
    """A check with named measures; ``logistic_scale`` defines how they are weighed."""

    kind: Literal["measures"] = "measures"
    version: int
    names: Annotated[list[str], Field(min_length=1)]
    centre: list[float]
    scale: list[Positive]
    weights: list[float]
    size_weights: list[float]
    offset: float
    bounds: Bounds
    uncertainty: Uncertainty
    figures: dict[str, float]

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        rows = (self.centre, self.scale, self.weights, self.size_weights)
        if any(len(row) != len(self.names) for row in rows) or "ln_side" not in self.names:
            raise ValueError("every list needs one number a measure, and ln_side must be one")
        return self


class StampEntry(_Strict):
    kind: Literal["stamp"] = "stamp"
    version: int
    hit_llr: float
    interval: Bounds
    bounds: Bounds
    figures: dict[str, float]


CheckEntry = Annotated[AlignmentEntry | LogisticEntry | StampEntry, Field(discriminator="kind")]


class LineEntry(_Strict):
    """The line that calibrates the pixels' sum against one kind of real picture.

    ``slopes``, ``offsets``: at every size of ``FusionEntry.sides_px``. ``unmeasured``: what is
    added for each check that could not measure, the same in both lines. ``pictures``: generated and
    real ones fitted on.
    """

    slopes: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=1)]
    offsets: list[float]
    unmeasured: dict[str, float]
    bounds: Bounds
    uncertainty: Uncertainty
    pictures: list[int]


class StopEntry(_Strict):
    """Where few pixel checks speak for all: ``app.calibration.fusion.StopRule``.

    The ratios are the same whether the others look or not. Measured on held-out pictures at every
    size of the fit: ``pictures`` stop there, of them ``generated`` ones of the family, and of all
    scored ordinary ones ``ordinary_share``. ``highest_llr``: the highest of them; ``exceptions``:
    how many would not be ``unlikely_stylegan`` with every check weighed. ``largest_change``: of an
    llr, by not weighing the others.
    """

    eye_llr: float
    texture_llr: float
    both_llr: float | None = None
    pictures: Annotated[int, Field(gt=0)]
    generated: Annotated[int, Field(ge=0)]
    ordinary_share: Annotated[float, Field(ge=0, le=1)]
    exceptions: Annotated[int, Field(ge=0)]
    highest_llr: float
    largest_change: Annotated[float, Field(ge=0)]


class FusionEntry(_Strict):
    """Parameters of the fusion; ``app.calibration.fusion`` defines each.

    ``stop``: ``None`` where every check is always needed.
    """

    framed_share: Annotated[float, Field(ge=0, lt=1)]
    weights: dict[str, float]
    offset: float
    sides_px: Annotated[list[Positive], Field(min_length=1)]
    ordinary: LineEntry
    framed: LineEntry
    stop: StopEntry | None = None

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if any(a >= b for a, b in pairwise(self.sides_px)):
            raise ValueError("sides_px must ascend")
        lines = (self.ordinary, self.framed)
        if any(len(v) != len(self.sides_px) for x in lines for v in (x.slopes, x.offsets)):
            raise ValueError("every line needs a slope and an offset for each of sides_px")
        if any(set(x.unmeasured) - set(self.weights) for x in lines):
            raise ValueError("unmeasured has a check without a weight")
        return self


class ThresholdEntry(_Strict):
    verdict: Literal["likely_stylegan", "unlikely_stylegan"]
    llr: float
    false_positive_rate: Annotated[float, Field(ge=0, le=1)]
    false_positives: int
    negatives: int
    upper_95: Annotated[float, Field(ge=0, le=1)]
    true_positive_rate: Annotated[float, Field(ge=0, le=1)]
    positives: int
    meaning: str


class SmallestEntry(_Strict):
    """The smallest face that gets a verdict, by eye distance in px.

    ``false_positives`` of ``negatives``: ordinary avatars, made small, with eyes at least so far
    apart and at most twice as far, that reach the threshold of ``likely_stylegan``.
    """

    eye_distance_px: Positive
    false_positives: int
    negatives: int
    upper_95: Annotated[float, Field(ge=0, le=1)]


class ErrorRateEntry(_Strict):
    """How many of ``count`` held-out pictures are called likely: ``pictures`` says which.

    ``group``: what the rate is split by. For real pictures it is the rate of false alarms.
    """

    group: str
    pictures: str
    count: Annotated[int, Field(ge=0)]
    likely: Annotated[int, Field(ge=0)]
    rate: Annotated[float, Field(ge=0, le=1)]
    upper_95: Annotated[float, Field(ge=0, le=1)]


class FittedOn(_Strict):
    manifest_sha256: str
    pictures: dict[str, int]
    collectors: int


class CalibrationFile(_Strict):
    """The whole file. Every number in it was written by ``eyeline fit``."""

    format: Literal[3]
    fitted_on: FittedOn
    networks: dict[str, str]
    """sha256 of each network that the checks were fitted with, by file."""
    checks: dict[str, CheckEntry]
    fusion: FusionEntry
    bounds: Bounds
    thresholds: list[ThresholdEntry]
    smallest: SmallestEntry
    figures: dict[str, float]
    error_rates: list[ErrorRateEntry]
