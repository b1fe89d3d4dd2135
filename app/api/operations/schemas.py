"""The answers of the operations routes."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.analysis.schemas import Point


class StatusOut(BaseModel):
    """Status."""

    status: str = Field(examples=["ok"])
    lists: str | None = Field(
        default=None, description="why lists wait although single pictures are answered"
    )


class CheckOut(BaseModel):
    """A check, documented by its own module."""

    name: str
    version: int
    unit: str
    reference: str
    description: str
    figures: dict[str, Any] = Field(
        description="weight and bounds in the calibration; held out, by size: AUC against "
        "photographs in the same frame, and the share it could measure"
    )


class ModelFileOut(BaseModel):
    """A model file, verified when it was loaded."""

    name: str
    sha256: str


class CalibrationOut(BaseModel):
    """The calibration in use; further members may be added at any time."""

    model_config = ConfigDict(extra="allow")

    id: str = ""
    networks: dict[str, str] = Field(
        default={}, description="SHA-256 of each network that it was fitted with"
    )
    checks: dict[str, dict[str, Any]] = Field(
        default={}, description="weight, bounds and figures of each"
    )
    thresholds: list[dict[str, Any]] | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="of the verdicts, on `llr`, with the rates measured at each",
    )


class ModelCardOut(BaseModel):
    """The model, what it was fitted on, and the error rates behind its verdicts."""

    name: str
    version: str
    scope: str
    files: list[ModelFileOut]
    template_eyes: dict[str, tuple[Point, Point]] = Field(
        description="where each generator family puts the iris centres, the viewer's left first"
    )
    calibration: CalibrationOut


class LimitsOut(BaseModel):
    """Limits."""

    max_bytes: int
    max_pixels: int
    max_side_px: int
    formats: list[str]
    workers: int
    queue_size: int
    body_timeout_s: float
    fetch_timeout_s: float
    fetch_connect_timeout_s: float
    fetch_max_redirects: int
    url_max_length: int
    custom_id_max_length: int
    max_list_bytes: int = Field(description="as sent, and as unpacked")
    max_list_items: int
    max_waiting_items: int = Field(description="of all batches; further lists are refused")
    retention_s: int = Field(description="after its end, a batch is erased")
    max_form_files: int
    min_list_rate_bytes_s: int = Field(description="the rate at which a list must arrive")
    submissions: int = Field(description="lists that may arrive at once")
    listeners: int = Field(description="event streams that may be open at once")
    results_per_page: int
    batches_per_page: int
    montage_per_page: int
    metadata_max_keys: int
    metadata_max_length: int
    idempotency_key_max_length: int
