"""JSON of a batch: options, state and results, shared by the HTTP API and the CLI."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, ValidationError

from app.analysis.schemas import WireModel
from app.batches import export
from app.batches.service import BatchService
from app.batches.store.models import Batch, Status
from app.batches.store.result_queries import Order
from app.errors import InvalidField, InvalidFields
from app.evidence import Verdict
from app.fetch.urls import MAX_URL_CHARS
from app.runtime.cohort_json import CohortOut
from app.settings import Probability

METADATA_MAX_KEYS: Final = 16
METADATA_MAX_LENGTH: Final = 512
TITLE_MAX_LENGTH: Final = 200
KEEP_COLUMNS_MAX: Final = 50
FLAGGED_THRESHOLD_MAX: Final = 1_000_000_000
MAX_FIELD_ERRORS: Final = 20
"""Limit of errors in one response, so that it cannot grow far beyond the request."""
_SUMMARY_FIELDS: Final = frozenset(
    {"id", "status", "request_counts", "outcomes", "verdicts", "prior", "error", "cohort"}
)

ModelT = TypeVar("ModelT", bound=BaseModel)


def _parse_json(value: Any) -> Any:
    """Decode an object that a form field or query parameter holds as JSON text."""
    if not isinstance(value, str):
        return {} if value is None else value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError("this is not JSON, or nested too deeply") from None


def _split_names(value: Any) -> Any:
    """Split names that a form field or query parameter holds separated by commas."""
    if isinstance(value, str):
        return [name for part in value.split(",") if (name := part.strip())]
    return [] if value is None else value


MetadataText = Annotated[str, StringConstraints(max_length=METADATA_MAX_LENGTH)]
FlaggedThreshold = Annotated[
    Annotated[int, Field(ge=1, le=FLAGGED_THRESHOLD_MAX)] | None,
    Field(
        description="tell me once so many items are `likely_stylegan`, while the list runs: by "
        "webhook (`batch.flagged_threshold`) and among the events"
    ),
]


class BatchOptions(WireModel):
    """The options of a list, however it is sent."""

    prior: Probability | None = Field(
        default=None, description="for `likelihood`; the operator's if not given"
    )
    webhook_url: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_URL_CHARS,
        description="notified when the batch ends (Standard Webhooks)",
    )
    metadata: Annotated[dict[MetadataText, MetadataText], BeforeValidator(_parse_json)] = Field(
        default_factory=dict,
        max_length=METADATA_MAX_KEYS,
        description=f"returned unchanged: at most {METADATA_MAX_KEYS} pairs of strings",
    )
    flagged_threshold: FlaggedThreshold = None
    title: str | None = Field(
        default=None, max_length=TITLE_MAX_LENGTH, description="what to call the list"
    )
    keep_columns: Annotated[list[MetadataText], BeforeValidator(_split_names)] = Field(
        default_factory=list,
        max_length=KEEP_COLUMNS_MAX,
        description="columns of e-mail or IP addresses, phone numbers or tokens to keep, by name; "
        "such columns are dropped otherwise",
    )


class CountsOut(WireModel):
    """Items: all, those with an answer, and those with an error instead."""

    total: int
    completed: int
    failed: int


class BatchOut(WireModel):
    """A follower list, while it is worked on and afterwards."""

    id: str
    object: Literal["batch"] = "batch"
    status: Status
    request_counts: CountsOut
    outcomes: dict[str, int] = Field(description="answers by outcome")
    verdicts: dict[str, int] = Field(description="answers by verdict")
    prior: float
    owner: str = Field(description="the key's name, or a part of its digest; empty without keys")
    list_format: str = Field(description="the recognised format of the list")
    title: str | None = Field(description="what the list is called")
    notes: list[str] = Field(description="what was noticed while the list was read")
    metadata: dict[str, Any]
    webhook_url: str | None
    flagged_threshold: int | None = Field(description="flagged items that its caller waits for")
    flagged_threshold_at: datetime | None = Field(
        description="when so many were flagged; null until then"
    )
    created_at: datetime
    in_progress_at: datetime | None
    finalizing_at: datetime | None
    completed_at: datetime | None
    failed_at: datetime | None
    cancelling_at: datetime | None
    cancelled_at: datetime | None
    expires_at: datetime | None = Field(description="when everything kept of it is erased")
    eta_s: float | None = Field(
        description="estimated seconds until it is done; null once it has ended"
    )
    error: str | None = Field(description="why the batch as a whole failed")
    cohort: CohortOut | None = Field(
        description="statements about the list as a whole; null until it has ended, and if it "
        "failed. Of a cancelled batch: about the items that were analyzed"
    )
    revision: int = Field(description="grows with every change; the id of the events")


class PreviewErrorOut(WireModel):
    """Why an item of a preview could not be analyzed."""

    code: str
    detail: str


class PreviewItemOut(WireModel):
    """An item as it would be read."""

    seq: int
    custom_id: str | None
    source: str
    url: str | None = Field(description="what would be fetched first")
    fallback_url: str | None
    account: dict[str, str]
    error: PreviewErrorOut | None


class ListPreviewOut(WireModel):
    """How a list would be read; nothing of it is kept or fetched."""

    object: Literal["batch_preview"] = "batch_preview"
    list_format: str
    columns: list[str] = Field(description="what would be kept of a row")
    read_as: dict[str, list[str]] = Field(
        description="the columns of the `picture`, the `custom_id`, each field of the account, "
        "and of `linked_with`, which names the accounts that an account is linked with"
    )
    notes: list[str]
    total: int
    failed: int = Field(description="rows that could not be analyzed")
    edges: int = Field(description="lines between accounts, in the list or in a second file")
    items: list[PreviewItemOut] = Field(description="the first ones")


@dataclass(frozen=True)
class ResultFilter:
    """Which results, in which order."""

    order: Order = "input"
    min_llr: float | None = None
    verdict: Verdict | None = None

    def query_arguments(self) -> dict[str, Any]:
        """Keyword arguments for ``BatchService.iter_results`` and ``read_result_page``."""
        return {"order": self.order, "min_llr": self.min_llr, "verdict": self.verdict}


def validate_fields(model: type[ModelT], fields: Mapping[str, Any]) -> ModelT:
    """Validate ``fields`` as ``model``; raises ``InvalidFields``."""
    try:
        return model.model_validate(dict(fields))
    except ValidationError as error:
        raise invalid_fields(error.errors(include_url=False, include_context=False)) from error


def invalid_fields(errors: Iterable[Mapping[str, Any]]) -> InvalidFields:
    """The first of pydantic's ``errors``, each with its pointer."""
    fields = [
        InvalidField.at(each["loc"], each["msg"].removeprefix("Value error, ")) for each in errors
    ]
    return InvalidFields(fields[:MAX_FIELD_ERRORS])


def serialize_batch(batch: Batch) -> BatchOut:
    """The JSON of ``batch`` for its owner."""
    timestamps = {f"{status}_at": batch.reached.get(status) for status in Status}
    return BatchOut(
        id=batch.id,
        status=batch.status,
        request_counts=CountsOut(total=batch.total, completed=batch.completed, failed=batch.failed),
        outcomes=dict(batch.outcomes),
        verdicts=dict(batch.verdicts),
        prior=batch.request.prior,
        owner=batch.request.owner,
        list_format=batch.request.list_format,
        title=batch.request.title,
        notes=list(batch.request.notes),
        metadata=dict(batch.request.metadata),
        webhook_url=batch.request.webhook_url,
        flagged_threshold=batch.request.flagged_threshold,
        flagged_threshold_at=batch.flagged_at,
        created_at=timestamps.pop("validating_at"),
        expires_at=batch.expires_at,
        eta_s=None if batch.eta_s is None else round(batch.eta_s, 1),
        error=batch.error,
        cohort=None if batch.cohort is None else CohortOut.model_validate(dict(batch.cohort)),
        revision=batch.revision,
        **timestamps,
    )


def stream_results(
    service: BatchService,
    batch: Batch,
    result_filter: ResultFilter,
    file_format: Literal["ndjson", "csv"],
) -> Generator[bytes, None, None]:
    """The results of ``batch`` in ``file_format``, in blocks; nothing is read before the first.

    Raises ``NotFound`` if the batch is erased meanwhile, so that a part is not taken for the whole.
    """
    results = service.iter_results(
        batch.id, batch.request.owner, thumbnails=False, **result_filter.query_arguments()
    )
    if file_format == "csv":
        analysis = service.read_an_analysis(batch.id, batch.request.owner)
        checks = () if analysis is None else export.check_names(analysis)
        yield from export.stream_csv(results, batch.request.columns, checks)
    else:
        yield from export.stream_ndjson(results, None)
    batch = service.get(batch.id, batch.request.owner)
    if file_format == "ndjson":
        yield from export.stream_ndjson((), summarize_batch(batch))


def summarize_batch(batch: Batch) -> dict[str, Any]:
    """The last line of an NDJSON stream."""
    return serialize_batch(batch).model_dump(mode="json", include=set(_SUMMARY_FIELDS))
