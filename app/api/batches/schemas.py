"""The bodies of the batch routes; the batch itself is in ``app.runtime.batch_json``."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import Field

from app.analysis.schemas import CUSTOM_ID_MAX_LENGTH, AnalysisOut, Point, WireModel
from app.batches.webhooks.messages import State, WebhookDelivery
from app.evidence import Outcome, Verdict
from app.fetch.urls import MAX_URL_CHARS
from app.records import DecisionChoice, ItemResult
from app.runtime.batch_json import TITLE_MAX_LENGTH, BatchOptions, BatchOut, FlaggedThreshold
from app.settings import Probability

RESULTS_MAX: Final = 1000
RESULTS_DEFAULT: Final = 100
BATCHES_MAX: Final = 100
BATCHES_DEFAULT: Final = 20
IDEMPOTENCY_KEY_MAX_LENGTH: Final = 255

_ANSWER_FIELDS: Final = (
    *("outcome", "verdict", "llr", "llr_ordinary", "llr_framed"),
    *("template", "transform", "eyes", "size", "pdq"),
)
"""Of a tile; null where the item failed."""
_DERIVED: Final = ("eyes", "size")


class BatchQuery(WireModel):
    """Options of a list in the query; a field of the body takes precedence."""

    prior: Probability | None = Field(
        default=None, description="for `likelihood`; the operator's if not given"
    )
    webhook_url: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_URL_CHARS,
        description="notified when the batch ends",
    )
    flagged_threshold: FlaggedThreshold = None
    metadata: str | None = Field(default=None, description="an object of strings, as JSON")
    title: str | None = Field(
        default=None, max_length=TITLE_MAX_LENGTH, description="what to call the list"
    )
    keep_columns: str | None = Field(
        default=None, description="personal columns to keep, by name, separated by commas"
    )
    dry_run: bool = Field(
        default=False, description="answer how the list would be read; keep and fetch nothing"
    )


class ItemIn(WireModel):
    """One account of a list that is sent as JSON."""

    url: str = Field(max_length=MAX_URL_CHARS)
    custom_id: str | None = Field(default=None, max_length=CUSTOM_ID_MAX_LENGTH)


class ListIn(BatchOptions):
    """The JSON body. Exports of platforms are read as they are."""

    items: list[ItemIn] = Field(min_length=1)


class BatchListOut(WireModel):
    """The caller's batches, newest first."""

    data: list[BatchOut]
    has_more: bool
    next_cursor: str | None


class DecisionMembers(WireModel):
    """What a person said of an item; all null where nobody did."""

    decision: DecisionChoice | None = None
    decision_by: str | None = Field(
        default=None, description="the name of the API key; null where none is needed"
    )
    decision_at: datetime | None = None
    decision_note: str | None = None


class DecisionOut(DecisionMembers):
    """An item's decision as it is now."""

    seq: int = Field(ge=0)


class ResultOut(DecisionMembers, AnalysisOut):
    """An item's answer: the same Analysis as for one avatar, and its place in the list."""

    seq: int = Field(ge=0, description="0, 1, 2 … in the list's order")
    source: str = Field(description="the item's URL or file name")


class ItemErrorOut(WireModel):
    """Why an item has no answer; codes are those of the problems."""

    code: str
    title: str
    detail: str
    retryable: bool


class FailedItemOut(DecisionMembers):
    """An item without an answer."""

    seq: int = Field(ge=0)
    custom_id: str | None
    source: str
    error: ItemErrorOut


class ResultPageOut(WireModel):
    """The results so far."""

    data: list[ResultOut | FailedItemOut]
    has_more: bool = Field(description="whether the next page has results already")
    next_cursor: str | None = Field(
        description="for the next page; null at the end. While the batch runs there is one in the "
        "list's order even if `has_more` is false: continue from it later"
    )


class TileOut(WireModel):
    """What a gallery needs of an item; `items/{seq}` has the whole answer."""

    seq: int = Field(ge=0)
    custom_id: str | None
    source: str
    outcome: Outcome | None = Field(description="null where the item failed")
    verdict: Verdict | None
    llr: float | None
    llr_ordinary: float | None
    llr_framed: float | None
    template: str | None
    transform: str | None
    eyes: tuple[Point, Point] | None
    size: tuple[int, int] | None = Field(description="width and height, px")
    pdq: str | None
    warnings: list[str]
    account: dict[str, str] = Field(description="what the list says of the account")
    error: ItemErrorOut | None
    decision: DecisionChoice | None = Field(description="what a person said of it")


class TilePageOut(WireModel):
    """The results so far, for a gallery."""

    data: list[TileOut]
    has_more: bool
    next_cursor: str | None


class ThumbnailOut(WireModel):
    """``thumbnail``: a JPEG as a data URI, longer side 128 px at most."""

    seq: int
    thumbnail: str


class ThumbnailsOut(WireModel):
    """In the order of the items."""

    data: list[ThumbnailOut]


class TryOut(WireModel):
    """One attempt."""

    number: int
    at: datetime
    status: int | None = Field(description="the receiver's HTTP status")
    error: str | None = Field(description="why there was no answer")
    duration_s: float


class DeliveryOut(WireModel):
    """A message and its attempts."""

    id: str = Field(description="`webhook-id`: the same for every attempt")
    type: str
    url: str
    state: State
    created_at: datetime
    next_at: datetime | None
    tries: list[TryOut]


class DeliveriesOut(WireModel):
    """All messages about a batch, the newest first."""

    data: list[DeliveryOut]


def serialize_tile(result: ItemResult) -> TileOut:
    """``result``, its answer or its error, without the reasons."""
    names = {
        "seq": result.seq,
        "custom_id": result.custom_id,
        "source": result.source,
        "account": dict(result.account),
        "decision": result.decision and result.decision.choice,
    }
    record, failure = result.record, result.failure
    if record is None:
        assert failure is not None
        error = ItemErrorOut(
            code=failure.code,
            title=failure.title,
            detail=failure.detail,
            retryable=failure.retryable,
        )
        unknown = dict.fromkeys(_ANSWER_FIELDS)
        return TileOut.model_validate({**names, **unknown, "warnings": [], "error": error})
    eyes = record.eyes and [round(value, 4) for value in record.eyes]
    return TileOut.model_validate(
        {
            **names,
            **{name: getattr(record, name) for name in _ANSWER_FIELDS if name not in _DERIVED},
            "eyes": eyes and (eyes[:2], eyes[2:]),
            "size": (record.width, record.height),
            "warnings": list(record.warnings),
            "error": None,
        }
    )


def serialize_delivery(delivery: WebhookDelivery) -> DeliveryOut:
    """``delivery`` with every attempt."""
    return DeliveryOut(
        id=delivery.id,
        type=delivery.type,
        url=delivery.url,
        state=delivery.state,
        created_at=delivery.created_at,
        next_at=delivery.next_at,
        tries=[
            TryOut(
                number=attempt.number,
                at=attempt.at,
                status=attempt.status,
                error=attempt.error,
                duration_s=round(attempt.duration_s, 3),
            )
            for attempt in delivery.attempts
        ],
    )
