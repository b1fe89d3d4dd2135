"""A batch as it is kept and told; the tools it is worked on with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from app.records import DrawingScope, ItemResult, OwnEdge, PictureRecord

PACE_WINDOW_S: Final = 10.0
"""Throughput is averaged over so long."""


class Status(StrEnum):
    """How far a batch is."""

    VALIDATING = "validating"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


ENDED_STATUSES = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})


@dataclass(frozen=True)
class BatchRequest:
    """What a caller asks for, beside the items.

    ``base_rate``: the operator's when it was sent; ``None`` in lists of older versions. ``owner``:
    whose it is: a label of the API key, empty where none is needed. ``body_sha256``: of
    the request, so that an idempotency key used for another one is seen. ``columns``: the list's
    own, for results in the list's own shape. ``notes``: what was noticed while the list was read;
    they are complete, and taken, once its items were. ``title``: what people call the list.
    ``edges``: lines between accounts, taken once its items were, and not read back with a batch.
    ``flagged_threshold``: flagged items (``likely_stylegan``) at which the caller wants to be told,
    while the list runs.
    """

    prior: float
    base_rate: float | None = None
    owner: str = ""
    webhook_url: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    idempotency_key: str | None = None
    body_sha256: str = ""
    list_format: str = "json"
    columns: tuple[str, ...] = ()
    notes: Iterable[str] = ()
    title: str | None = None
    edges: Iterable[OwnEdge] = ()
    flagged_threshold: int | None = None


@dataclass(frozen=True)
class Batch:
    """A batch as it stands. Times are aware, UTC; ``reached`` holds when each status began.

    ``revision`` grows with every change that can be seen from outside. ``flagged_at``,
    ``flagged_revision``: when and with which change the request's ``flagged_threshold`` was
    reached; once, whatever is retried.
    """

    id: str
    status: Status
    request: BatchRequest
    total: int
    completed: int
    failed: int
    outcomes: Mapping[str, int]
    verdicts: Mapping[str, int]
    reached: Mapping[Status, datetime]
    expires_at: datetime | None
    eta_s: float | None
    cohort: Mapping[str, Any] | None
    revision: int
    error: str | None = None
    flagged_at: datetime | None = None
    flagged_revision: int | None = None

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED_STATUSES


class BatchIncomplete(Exception):
    """A batch did not end as it should; ``str()`` is one line."""


FetchFn = Callable[[str], Awaitable[bytes]]


@dataclass(frozen=True)
class BatchTools:
    """What the work is done with; made at the composition root.

    ``analyze(data, prior, base_rate, sha256, drawings)``: on the calling thread; raises
    ``RequestError``. ``base_rate``: ``None`` for the operator's of today. ``sha256``: of ``data``,
    hex. ``drawings``: of which pictures to make those that are kept.
    ``open_fetch``: an event loop's fetcher. ``summarize_cohort``: the cohort of a whole list, from
    its results in order. ``count_items(completed, failed)``: told of results that were stored.
    """

    analyze: Callable[[bytes, float, float | None, str, DrawingScope], PictureRecord]
    open_fetch: Callable[[], AbstractAsyncContextManager[FetchFn]]
    summarize_cohort: Callable[[Iterable[ItemResult], BatchRequest], dict[str, Any]]
    count_items: Callable[[int, int], None] = lambda _completed, _failed: None
