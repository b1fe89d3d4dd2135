"""Progress of a batch as server-sent events, which a caller can resume."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Response
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.types import Receive, Scope, Send

from app.api.admission import AdmissionLimit
from app.api.auth import Owner, require
from app.api.batches import openapi
from app.api.batches.dependencies import Batches, RequestedBatch
from app.api.batches.state import BatchState
from app.api.batches.streaming import SEND_TIMEOUT_S
from app.batches.store.models import Batch
from app.errors import NotFound
from app.runtime.batch_json import serialize_batch

router = APIRouter(tags=["batches"], dependencies=[Depends(require("read"))])

FLAGGED_EVENT: Final = "flagged_threshold"
PING_S: Final = 15
"""A comment so often, or a proxy on the way closes the silent connection."""
MIN_EVENT_GAP_S: Final = 0.2
"""Between two events; changes meanwhile are sent together."""


@router.get(
    "/v1/batches/{batch_id}/events",
    summary="Progress as it happens",
    response_class=Response,
    responses=openapi.EVENTS_RESPONSES,
)
async def get_events(
    batch: RequestedBatch,
    owner: Owner,
    batches: Batches,
    last_event_id: Annotated[
        int | None, Header(ge=0, le=2**62, description="`id` of the last event received")
    ] = None,
) -> Response:
    """`progress` until it ends in `completed`, `failed` or `cancelled`; each holds the batch.

    A batch with a `flagged_threshold` that is reached sends one event of that name before. `id` is
    the batch's revision: with `Last-Event-ID` no event is repeated. After the last event
    the answer is 204, on which an `EventSource` stops reconnecting.
    """
    last_revision = last_event_id if last_event_id is not None else -1
    if batch.has_ended and last_revision >= batch.revision:
        return Response(status_code=204)
    if last_revision > batch.revision:
        last_revision = -1
    return _ProgressStream(
        _iter_progress(batches, batch, last_revision), batches.limits.listeners, owner
    )


class _ProgressStream(EventSourceResponse):
    """Counts against ``limit`` from its creation until its end. Raises ``Busy``."""

    def __init__(
        self, events: AsyncIterator[ServerSentEvent], limit: AdmissionLimit, owner: str
    ) -> None:
        super().__init__(
            events,
            ping=PING_S,
            ping_message_factory=lambda: ServerSentEvent(comment="keep-alive"),
            send_timeout=SEND_TIMEOUT_S,
            sep="\n",
        )
        limit.acquire(owner)
        self._limit, self._owner = limit, owner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._limit.release(self._owner)


async def _iter_progress(
    batch_state: BatchState, batch: Batch, last_revision: int
) -> AsyncIterator[ServerSentEvent]:
    """Changes after ``last_revision``, until the batch has ended or is erased."""
    while True:
        for event in _new_events(batch, last_revision):
            yield event
        last_revision = max(last_revision, batch.revision)
        if batch.has_ended:
            return
        await asyncio.sleep(MIN_EVENT_GAP_S)
        try:
            batch = await batch_state.wait_for_change(batch)
        except NotFound:
            return  # it was erased


def _new_events(batch: Batch, last_revision: int) -> list[ServerSentEvent]:
    """What a listener who knows of ``last_revision`` is told; ids ascend, and none comes twice."""
    names: dict[int, str] = {}
    if batch.revision > last_revision:
        names[batch.revision] = str(batch.status) if batch.has_ended else "progress"
    if batch.flagged_revision is not None and batch.flagged_revision > last_revision:
        names[batch.flagged_revision] = FLAGGED_EVENT
    if not names:
        return []
    data = serialize_batch(batch).model_dump_json()
    return [ServerSentEvent(data, event=names[at], id=str(at)) for at in sorted(names)]
