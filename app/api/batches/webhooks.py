"""What was sent to a caller's own server about a batch, and sending it again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from app.analysis.schemas import Wire
from app.api.auth import owner, require
from app.api.batches import openapi as answers
from app.api.batches.router import BatchId
from app.api.batches.state import BatchRoom
from app.api.state import house
from app.batches.webhooks.messages import Delivery, State, deliveries, resend
from app.errors import NotYet

reading = APIRouter(tags=["batches"], dependencies=[Depends(require("read"))])
router = APIRouter(tags=["batches"], dependencies=[Depends(require("analyse"))])


class TryOut(Wire):
    """One attempt."""

    number: int
    at: datetime
    status: int | None = Field(description="what the receiver answered")
    error: str | None = Field(description="why there was no answer")
    duration_s: float


class DeliveryOut(Wire):
    """A message, and what became of it."""

    id: str = Field(description="`webhook-id`: the same however often it is sent")
    type: str
    url: str
    state: State
    created_at: datetime
    next_at: datetime | None
    tries: list[TryOut]


class DeliveriesOut(Wire):
    """All messages about a batch, the newest first."""

    data: list[DeliveryOut]


@reading.get(
    "/v1/batches/{batch_id}/webhooks",
    summary="What was sent about a batch",
    responses=answers.PLAIN_ANSWERS,
)
async def get_webhooks(request: Request, batch_id: BatchId) -> DeliveriesOut:
    """Each message with every try: what the receiver answered, when it is tried again."""
    room = house(request).batches
    await room.ask(room.desk.get, batch_id, owner(request))
    return DeliveriesOut(data=[_told(each) for each in await _sent(room, batch_id)])


@router.post(
    "/v1/batches/{batch_id}/webhooks/resend",
    summary="Send a message again",
    responses=answers.PLAIN_ANSWERS,
)
async def resend_webhook(
    request: Request,
    batch_id: BatchId,
    message: Annotated[
        str | None, Query(max_length=64, description="its `id`; the newest if not given")
    ] = None,
) -> DeliveryOut:
    """At once, whatever became of it before; it keeps its id, by which receivers tell."""
    room = house(request).batches
    await room.ask(room.desk.get, batch_id, owner(request))
    if message is None:
        sent = await _sent(room, batch_id)
        if not sent:
            raise NotYet("Nothing was sent about this batch: it has not ended, or has no webhook.")
        message = sent[0].id
    return _told(await room.ask(resend, room.desk.engine, batch_id, message))


async def _sent(room: BatchRoom, batch_id: str) -> tuple[Delivery, ...]:
    return await room.ask(deliveries, room.desk.engine, batch_id)


def _told(delivery: Delivery) -> DeliveryOut:
    return DeliveryOut(
        id=delivery.id,
        type=delivery.type,
        url=delivery.url,
        state=delivery.state,
        created_at=delivery.created_at,
        next_at=delivery.next_at,
        tries=[
            TryOut(
                number=one.number,
                at=one.at,
                status=one.status,
                error=one.error,
                duration_s=round(one.duration_s, 3),
            )
            for one in delivery.tries
        ],
    )
