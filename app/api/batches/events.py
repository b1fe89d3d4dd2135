"""How far a batch is, as it happens: server-sent events that a caller can take up again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Request, Response
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.types import Receive, Scope, Send

from app.api.admission import AdmissionLimit
from app.api.auth import request_owner, require
from app.api.batches import openapi as answers
from app.api.batches.router import BatchId
from app.api.batches.schemas import serialize_batch
from app.api.batches.state import BatchState
from app.api.state import app_state
from app.batches.store.models import Batch
from app.errors import NotFound

router = APIRouter(tags=["batches"], dependencies=[Depends(require("read"))])

PING_S: Final = 15
"""A comment so often, or a proxy on the way takes the silence for the end."""
SEND_TIMEOUT_S: Final = 60.0
MIN_EVENT_GAP_S: Final = 0.2
"""Between two events; what happens meanwhile is told together."""


@router.get(
    "/v1/batches/{batch_id}/events",
    summary="Progress as it happens",
    response_class=Response,
    responses=answers.EVENTS_RESPONSES,
)
async def get_events(
    request: Request,
    batch_id: BatchId,
    last_event_id: Annotated[
        int | None, Header(ge=0, le=2**62, description="`id` of the last event that was seen")
    ] = None,
) -> Response:
    """`progress` until it ends in `completed`, `failed` or `cancelled`; each holds the batch.

    `id` is the batch's revision: with `Last-Event-ID` nothing is told twice. Whoever has seen the
    end is answered with 204, after which an `EventSource` does not come back.
    """
    batch_state = app_state(request).batches
    batch = await batch_state.run(batch_state.service.get, batch_id, request_owner(request))
    last_revision = last_event_id if last_event_id is not None else -1
    if batch.has_ended and last_revision >= batch.revision:
        return Response(status_code=204)
    batch_state.listener_limit.acquire()
    return _ProgressStream(
        _iter_progress(
            batch_state, batch, last_revision if last_revision <= batch.revision else -1
        ),
        ping=PING_S,
        ping_message_factory=lambda: ServerSentEvent(comment="still here"),
        send_timeout=SEND_TIMEOUT_S,
        sep="\n",
    ).releasing(batch_state.listener_limit)


class _ProgressStream(EventSourceResponse):
    """Leaves its place when it is over, whoever ended it."""

    _limit: AdmissionLimit

    def releasing(self, limit: AdmissionLimit) -> _ProgressStream:
        self._limit = limit
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._limit.release()


async def _iter_progress(
    batch_state: BatchState, batch: Batch, last_revision: int
) -> AsyncIterator[ServerSentEvent]:
    """What changes after ``last_revision``, until the batch has ended or is gone."""
    while True:
        if batch.revision > last_revision:
            last_revision = batch.revision
            yield _progress_event(batch)
        if batch.has_ended:
            return
        await asyncio.sleep(MIN_EVENT_GAP_S)
        try:
            batch = await batch_state.wait_for_change(batch)
        except NotFound:
            return  # it was erased meanwhile


def _progress_event(batch: Batch) -> ServerSentEvent:
    return ServerSentEvent(
        serialize_batch(batch).model_dump_json(),
        event=str(batch.status) if batch.has_ended else "progress",
        id=str(batch.revision),
    )
