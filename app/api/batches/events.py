"""How far a batch is, as it happens: server-sent events that a caller can take up again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Request, Response
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.types import Receive, Scope, Send

from app.api.admission import Places
from app.api.auth import owner, require
from app.api.batches import openapi as answers
from app.api.batches.router import BatchId
from app.api.batches.schemas import batch_out
from app.api.batches.state import BatchRoom
from app.api.state import house
from app.batches.store.models import Batch
from app.errors import NotFound

router = APIRouter(tags=["batches"], dependencies=[Depends(require("read"))])

HEARTBEAT_S: Final = 15
"""A comment so often, or a proxy on the way takes the silence for the end."""
SEND_TIMEOUT_S: Final = 60.0
REST_S: Final = 0.2
"""Between two events; what happens meanwhile is told together."""


@router.get(
    "/v1/batches/{batch_id}/events",
    summary="Progress as it happens",
    response_class=Response,
    responses=answers.EVENTS_ANSWERS,
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
    room = house(request).batches
    batch = await room.ask(room.desk.get, batch_id, owner(request))
    seen = last_event_id if last_event_id is not None else -1
    if batch.ended and seen >= batch.revision:
        return Response(status_code=204)
    room.listeners.take()
    return _Events(
        _told(room, batch, seen if seen <= batch.revision else -1),
        ping=HEARTBEAT_S,
        ping_message_factory=lambda: ServerSentEvent(comment="still here"),
        send_timeout=SEND_TIMEOUT_S,
        sep="\n",
    ).holding(room.listeners)


class _Events(EventSourceResponse):
    """Leaves its place when it is over, whoever ended it."""

    _place: Places

    def holding(self, place: Places) -> _Events:
        self._place = place
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._place.leave()


async def _told(room: BatchRoom, batch: Batch, seen: int) -> AsyncIterator[ServerSentEvent]:
    """What changes after ``seen``, until the batch has ended or is gone."""
    while True:
        if batch.revision > seen:
            seen = batch.revision
            yield _event(batch)
        if batch.ended:
            return
        await asyncio.sleep(REST_S)
        try:
            batch = await room.change(batch)
        except NotFound:
            return  # it was erased meanwhile


def _event(batch: Batch) -> ServerSentEvent:
    return ServerSentEvent(
        batch_out(batch).model_dump_json(),
        event=str(batch.status) if batch.ended else "progress",
        id=str(batch.revision),
    )
