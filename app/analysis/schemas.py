"""An Analysis in JSON: the same over HTTP, from the command line and from child processes."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.evidence import Depth, Outcome, Verdict
from app.settings import Probability

CUSTOM_ID_MAX_LENGTH: Final = 256

UnitCoordinate = Annotated[
    float, Field(description="unit coordinates: px ÷ width or height, y down")
]
Point = tuple[UnitCoordinate, UnitCoordinate]


class WireModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class AnalysisOptions(WireModel):
    """What a caller may add to a picture, however it is sent."""

    custom_id: str | None = Field(default=None, max_length=CUSTOM_ID_MAX_LENGTH)
    prior: Probability | None = None
    include: tuple[Literal["overlay", "picture"], ...] = ()
    depth: Depth = Depth.NEEDED

    @field_validator("include", mode="before")
    @classmethod
    def _split_commas(cls, value: Any) -> Any:
        return tuple(v for v in value.split(",") if v) if isinstance(value, str) else value


class UrlRequest(AnalysisOptions):
    """The JSON body: a picture by its URL."""

    url: str = Field(min_length=1, description="absolute http:// or https:// URL of the picture")


class AlignmentOut(WireModel):
    """The face's FFHQ crop square, relative to the picture's frame."""

    template: str | None = Field(max_length=64, description="generator family that fits best")
    transform: Literal["untouched", "zoomed", "trimmed"] | None
    distance: float | None = Field(description="standard deviations from that template")
    centre: Point
    side: float = Field(description="side of the square ÷ √(width × height)")
    roll_deg: float


class FaceOut(WireModel):
    """The face that answers for the picture."""

    count: int = Field(ge=1, description="faces found; every one is weighed")
    eyes: tuple[Point, Point] = Field(description="iris centres, the viewer's left first")
    eye_distance_px: float
    roll_deg: float
    yaw_deg: float
    orientation_deg: Literal[0, 90, 180, 270] = Field(
        description="degrees by which the picture had to be turned, clockwise, for the face to "
        "stand; `eyes` and marks are in the picture as given, `alignment` in the turned one"
    )
    gan_eye_distance: float = Field(
        description="GANEyeDistance (Yang, Singh, Menczer 2024), for those who know it; no weight"
    )


class MarkOut(WireModel):
    """Where a check measured."""

    label: str
    shape: Literal["dots", "line", "outline"]
    points: list[Point]


class MeasuredOut(WireModel):
    """A check that measured something."""

    name: str
    version: int
    status: Literal["measured"] = "measured"
    value: float
    unit: str
    llr: float
    summary: str
    measures: dict[str, float] = Field(
        description="named numbers that were weighed together; empty where one holds it all"
    )
    marks: list[MarkOut]


class UnmeasurableOut(WireModel):
    """A check that did not measure this picture; its llr is 0."""

    name: str
    version: int
    status: Literal["unmeasurable"] = "unmeasurable"
    reason: str = Field(
        description="why it could not; `not_needed`: it did not look, for nothing it could say "
        "would change the answer (`depth=full` has it look)"
    )
    llr: float
    summary: str


class ImageOut(WireModel):
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="of the bytes as they arrived")
    pdq: str = Field(
        pattern="^[0-9a-f]{64}$",
        description="PDQ hash as ThreatExchange has it: copies differ in 31 bits at most",
    )
    pdq_quality: int = Field(ge=0, le=100, description="below 50 the hash says little")
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    format: Literal["JPEG", "PNG", "WEBP", "GIF", "AVIF"]
    animated: bool


class ModelOut(WireModel):
    name: Literal["eyeline"] = "eyeline"
    version: str
    calibration: str


class TimingsOut(WireModel):
    fetch: float
    decode: float
    landmarks: float
    checks: float


class RatioOut(WireModel):
    """log10 of one likelihood ratio."""

    llr: float
    interval: tuple[float, float] = Field(description="95 %")
    measured: bool = Field(
        description="false where nothing that could tell was measured; the llr is 0 then"
    )


class AgainstOut(WireModel):
    """The two likelihood ratios that everything else follows from."""

    ordinary: RatioOut = Field(description="against an ordinary avatar")
    framed: RatioOut = Field(
        description="against a real photograph in a generator's frame: pixels and stamp alone"
    )
    framed_share: float = Field(
        description="share of framed photographs among real ones at which `llr` mixes the two"
    )


class AnalysisOut(WireModel):
    """The answer about one avatar."""

    id: str
    custom_id: str | None
    outcome: Outcome
    verdict: Verdict = Field(description="not_applicable unless the outcome is scored")
    likelihood: float | None = Field(description="posterior at `prior`; null unless scored")
    prior: float
    base_rate: float
    posterior_at_base_rate: float | None = Field(
        description="posterior at the operator's base rate: what a flag out of the blue is worth"
    )
    llr: float = Field(description="log10 likelihood ratio; needs no prior; 0 unless scored")
    llr_interval: tuple[float, float] | None = Field(description="95 %; null unless scored")
    against: AgainstOut | None = Field(description="null unless scored")
    support: str = Field(description="verbal band of |llr|")
    alignment: AlignmentOut | None
    face: FaceOut | None
    checks: list[Annotated[MeasuredOut | UnmeasurableOut, Field(discriminator="status")]]
    image: ImageOut
    warnings: list[str]
    scope: str
    model: ModelOut
    timings_ms: TimingsOut | None = Field(
        description="null in a list's results: the same list gives the same bytes on any machine"
    )
    overlay: str | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="PNG as a data URI; there only with `include=overlay`",
    )
    picture: str | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="the bytes that were analyzed as a data URI; there only with `include=picture`",
    )
