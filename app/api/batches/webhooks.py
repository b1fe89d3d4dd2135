"""What was sent to a caller's own server about a batch, and sending it again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from app.analysis.schemas import WireModel
from app.api.auth import request_owner, require
from app.api.batches import openapi as answers
from app.api.batches.router import BatchId
from app.api.batches.state import BatchState
from app.api.state import app_state
from app.batches.webhooks.messages import State, WebhookDelivery, list_deliveries, resend
from app.errors import NotYet

read_router = APIRouter(tags=["batches"], dependencies=[Depends(require("read"))])
router = APIRouter(tags=["batches"], dependencies=[Depends(require("analyse"))])


class TryOut(WireModel):
    """One attempt."""

    number: int
    at: datetime
    status: int | None = Field(description="what the receiver answered")
    error: str | None = Field(description="why there was no answer")
    duration_s: float


class DeliveryOut(WireModel):
    """A message, and what became of it."""

    id: str = Field(description="`webhook-id`: the same however often it is sent")
    type: str
    url: str
    state: State
    created_at: datetime
    next_at: datetime | None
    tries: list[TryOut]


class DeliveriesOut(WireModel):
    """All messages about a batch, the newest first."""

    data: list[DeliveryOut]


@read_router.get(
    "/v1/batches/{batch_id}/webhooks",
    summary="What was sent about a batch",
    responses=answers.WEBHOOK_RESPONSES,
)
async def get_webhooks(request: Request, batch_id: BatchId) -> DeliveriesOut:
    """Each message with every try: what the receiver answered, when it is tried again."""
    batch_state = app_state(request).batches
    await batch_state.run(batch_state.service.get, batch_id, request_owner(request))
    return DeliveriesOut(
        data=[_serialize_delivery(each) for each in await _list_deliveries(batch_state, batch_id)]
    )


@router.post(
    "/v1/batches/{batch_id}/webhooks/resend",
    summary="Send a message again",
    responses=answers.WEBHOOK_RESPONSES,
)
async def resend_webhook(
    request: Request,
    batch_id: BatchId,
    message: Annotated[
        str | None, Query(max_length=64, description="its `id`; the newest if not given")
    ] = None,
) -> DeliveryOut:
    """At once, whatever became of it before; it keeps its id, by which receivers tell."""
    batch_state = app_state(request).batches
    await batch_state.run(batch_state.service.get, batch_id, request_owner(request))
    if message is None:
        messages = await _list_deliveries(batch_state, batch_id)
        if not messages:
            raise NotYet("Nothing was sent about this batch: it has not ended, or has no webhook.")
        message = messages[0].id
    return _serialize_delivery(
        await batch_state.run(resend, batch_state.service.engine, batch_id, message)
    )


async def _list_deliveries(batch_state: BatchState, batch_id: str) -> tuple[WebhookDelivery, ...]:
    return await batch_state.run(list_deliveries, batch_state.service.engine, batch_id)


def _serialize_delivery(delivery: WebhookDelivery) -> DeliveryOut:
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
