"""``models/calibration.json`` as it is written and read: strict, small enough to read in a diff."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Row4 = Annotated[list[float], Field(min_length=4, max_length=4)]
Row6 = Annotated[list[float], Field(min_length=6, max_length=6)]
Matrix6 = Annotated[list[Row6], Field(min_length=6, max_length=6)]
Row2 = Annotated[list[float], Field(min_length=2, max_length=2)]
Matrix4 = Annotated[list[Row4], Field(min_length=4, max_length=4)]
Eyes = Annotated[list[Row2], Field(min_length=2, max_length=2)]
Bounds = Annotated[list[float], Field(min_length=2, max_length=2)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CorrectionEntry(_Strict):
    odd: Annotated[list[Row2], Field(min_length=23, max_length=23)]
    even: Annotated[list[Row2], Field(min_length=26, max_length=26)]
    offset: Row2
    even_small: Annotated[list[Row2], Field(min_length=26, max_length=26)]
    offset_small: Row2
    odd_whitening: Annotated[list[list[float]], Field(min_length=23, max_length=23)]
    even_whitening: Annotated[list[list[float]], Field(min_length=24, max_length=24)]
    even_centre: Annotated[list[float], Field(min_length=24, max_length=24)]
    usual_oddness: Annotated[float, Field(gt=0)]


class TemplateEntry(_Strict):
    name: str
    share: Annotated[float, Field(gt=0, le=1)]
    freedom: Annotated[float, Field(gt=0)]
    mean: Row4
    scale: Matrix4
    eyes: Eyes
    pictures: int


class OrdinaryEntry(_Strict):
    weights: list[float]
    means: list[Row6]
    covariances: list[Matrix6]
    pictures: int


class NoiseEntry(_Strict):
    floor: Row4
    per_px: Row4


class AlignmentEntry(_Strict):
    kind: Literal["alignment"] = "alignment"
    version: int
    correction: CorrectionEntry
    templates: Annotated[list[TemplateEntry], Field(min_length=1)]
    ordinary: OrdinaryEntry
    resolution: NoiseEntry
    jitter: NoiseEntry
    bounds: Bounds
    uncertainty: Annotated[list[Row2], Field(min_length=2)]
    """(llr, standard deviation of llr over bootstrap refits), llr ascending."""
    weight: float


class ThresholdEntry(_Strict):
    verdict: Literal["likely_generated", "unlikely_generated"]
    llr: float
    false_positive_rate: Annotated[float, Field(ge=0, le=1)]
    false_positives: int
    negatives: int
    upper_95: Annotated[float, Field(ge=0, le=1)]
    true_positive_rate: Annotated[float, Field(ge=0, le=1)]
    positives: int
    meaning: str


class FittedOn(_Strict):
    manifest_sha256: str
    pictures: dict[str, int]
    collectors: int


class CalibrationFile(_Strict):
    """The whole file. Every number in it was written by ``eyeline fit``."""

    format: Literal[1]
    fitted_on: FittedOn
    checks: dict[str, AlignmentEntry]
    offset: float
    bounds: Bounds
    thresholds: list[ThresholdEntry]
    figures: dict[str, float]
