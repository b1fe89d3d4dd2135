"""The wire of follower lists: what a batch, its results and its events look like in JSON."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints, field_validator

from app.analysis.schemas import CUSTOM_ID_MAX_LENGTH, AnalysisOut, WireModel
from app.batches.store.models import Batch, Status
from app.fetch.urls import MAX_URL_CHARS
from app.settings import Probability

METADATA_MAX_KEYS: Final = 16
METADATA_MAX_LENGTH: Final = 512
RESULTS_MAX: Final = 1000
RESULTS_DEFAULT: Final = 100
BATCHES_MAX: Final = 100
BATCHES_DEFAULT: Final = 20
IDEMPOTENCY_KEY_MAX_LENGTH: Final = 255


def _parse_json(value: Any) -> Any:
    """A form field or a query parameter holds an object as its JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError("this is not JSON") from None


MetadataText = Annotated[str, StringConstraints(max_length=METADATA_MAX_LENGTH)]


class BatchOptions(WireModel):
    """What may be said of a list, in whichever way it is sent."""

    prior: Probability | None = Field(
        default=None, description="for `likelihood`; the operator's if not given"
    )
    webhook_url: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_URL_CHARS,
        description="told when the batch has ended (Standard Webhooks)",
    )
    metadata: Annotated[dict[MetadataText, MetadataText], BeforeValidator(_parse_json)] = Field(
        default_factory=dict,
        max_length=METADATA_MAX_KEYS,
        description=f"yours, echoed: {METADATA_MAX_KEYS} pairs of strings",
    )

    @field_validator("metadata", mode="before")
    @classmethod
    def _default_to_empty(cls, value: Any) -> Any:
        return {} if value is None else value


class ItemIn(WireModel):
    """One account of a list that is sent as JSON."""

    url: str = Field(max_length=MAX_URL_CHARS)
    custom_id: str | None = Field(default=None, max_length=CUSTOM_ID_MAX_LENGTH)


class ListIn(BatchOptions):
    """The JSON body. Platforms' own exports are understood as they are."""

    items: list[ItemIn] = Field(min_length=1)


class CountsOut(WireModel):
    """Items: how many there are, how many have an answer, how many have an error instead."""

    total: int
    completed: int
    failed: int


class BatchOut(WireModel):
    """A follower list on its way through, or done."""

    id: str
    object: Literal["batch"] = "batch"
    status: Status
    request_counts: CountsOut
    outcomes: dict[str, int] = Field(description="answers by outcome")
    verdicts: dict[str, int] = Field(description="answers by verdict")
    prior: float
    list_format: str = Field(description="what the list was recognised as")
    metadata: dict[str, Any]
    webhook_url: str | None
    created_at: datetime
    in_progress_at: datetime | None
    finalizing_at: datetime | None
    completed_at: datetime | None
    failed_at: datetime | None
    cancelling_at: datetime | None
    cancelled_at: datetime | None
    expires_at: datetime | None = Field(description="when everything kept of it is erased")
    eta_s: float | None = Field(
        description="seconds until it is done, as far as can be told; null once it has ended"
    )
    error: str | None = Field(description="why the batch as a whole failed")
    cohort: dict[str, Any] | None = Field(
        description="what only the list as a whole can say; null until it has ended, and if it "
        "failed. Of a cancelled batch: of what was looked at"
    )
    revision: int = Field(description="grows with every change; the id of the events")


class BatchListOut(WireModel):
    """The caller's batches, newest first."""

    data: list[BatchOut]
    has_more: bool
    next_cursor: str | None


class ResultOut(AnalysisOut):
    """An item's answer: the same Analysis as for one avatar, and where it stood in the list."""

    seq: int = Field(ge=0, description="0, 1, 2 … in the list's order")
    source: str = Field(description="what the item pointed at")


class ItemErrorOut(WireModel):
    """Why an item has no answer; codes are those of the problems."""

    code: str
    title: str
    detail: str
    retryable: bool


class FailedItemOut(WireModel):
    """An item that could not be answered."""

    seq: int = Field(ge=0)
    custom_id: str | None
    source: str
    error: ItemErrorOut


class ResultPageOut(WireModel):
    """Results, as far as there are any yet."""

    data: list[ResultOut | FailedItemOut]
    has_more: bool = Field(description="whether there is something on the next page already")
    next_cursor: str | None = Field(
        description="for the next page; null at the end. While the batch runs there is one in the "
        "list's order even if `has_more` is false: go on there later"
    )


def serialize_batch(batch: Batch) -> BatchOut:
    """``batch`` as its owner sees it."""
    timestamps = {f"{status}_at": batch.reached.get(status) for status in Status}
    return BatchOut(
        id=batch.id,
        status=batch.status,
        request_counts=CountsOut(total=batch.total, completed=batch.completed, failed=batch.failed),
        outcomes=dict(batch.outcomes),
        verdicts=dict(batch.verdicts),
        prior=batch.request.prior,
        list_format=batch.request.list_format,
        metadata=dict(batch.request.metadata),
        webhook_url=batch.request.webhook_url,
        created_at=timestamps.pop("validating_at"),
        expires_at=batch.expires_at,
        eta_s=None if batch.eta_s is None else round(batch.eta_s, 1),
        error=batch.error,
        cohort=None if batch.cohort is None else dict(batch.cohort),
        revision=batch.revision,
        **timestamps,
    )
