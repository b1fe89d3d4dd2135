"""The webhook messages of a batch and their attempts, and sending one again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query

from app.api.auth import require
from app.api.batches import openapi
from app.api.batches.dependencies import Batches, RequestedBatch
from app.api.batches.schemas import DeliveriesOut, DeliveryOut, serialize_delivery
from app.batches.webhooks.messages import WebhookDelivery, list_deliveries, resend
from app.errors import InvalidRequest, NotFound, NotYet, RateLimited

read_router = APIRouter(tags=["batches"], dependencies=[Depends(require("read"))])
router = APIRouter(tags=["batches"], dependencies=[Depends(require("analyse"))])

MAX_ATTEMPTS: Final = 100
"""Of a message, those of the schedule included."""
MAX_ATTEMPTS_PER_MINUTE: Final = 10


@read_router.get(
    "/v1/batches/{batch_id}/webhooks",
    summary="The webhook messages of a batch",
    responses=openapi.READ_ERRORS,
)
async def get_webhooks(batch: RequestedBatch, batches: Batches) -> DeliveriesOut:
    """Each message with every attempt: the receiver's answer, and when it is tried again."""
    deliveries = await batches.run(list_deliveries, batches.service.request_engine, batch.id)
    return DeliveriesOut(data=[serialize_delivery(each) for each in deliveries])


@router.post(
    "/v1/batches/{batch_id}/webhooks/resend",
    summary="Send a message again",
    responses=openapi.READ_ERRORS,
)
async def resend_webhook(
    batch: RequestedBatch,
    batches: Batches,
    message: Annotated[
        str | None, Query(max_length=64, description="its `id`; the newest if not given")
    ] = None,
) -> DeliveryOut:
    """At once, whatever its state; it keeps its id, so that receivers recognise it."""
    deliveries = await batches.run(list_deliveries, batches.service.request_engine, batch.id)
    delivery = _choose_delivery(deliveries, message)
    _check_pace(delivery, datetime.now(UTC))
    return serialize_delivery(
        await batches.run(resend, batches.service.request_engine, batch.id, delivery.id)
    )


def _choose_delivery(
    deliveries: tuple[WebhookDelivery, ...], message: str | None
) -> WebhookDelivery:
    """The newest, or the one with that id."""
    if message is None:
        if not deliveries:
            raise NotYet("Nothing was sent about this batch: it has not ended, or has no webhook.")
        return deliveries[0]
    for delivery in deliveries:
        if delivery.id == message:
            return delivery
    raise NotFound("This batch has no message with that id.")


def _check_pace(delivery: WebhookDelivery, now: datetime) -> None:
    """Raises ``RateLimited`` or ``InvalidRequest`` for a message that was sent too often."""
    if len(delivery.attempts) >= MAX_ATTEMPTS:
        raise InvalidRequest(f"This message was sent {MAX_ATTEMPTS} times; read the batch.")
    recent = [each for each in delivery.attempts if now - each.at < timedelta(minutes=1)]
    if len(recent) >= MAX_ATTEMPTS_PER_MINUTE:
        raise RateLimited(
            f"This message was sent {MAX_ATTEMPTS_PER_MINUTE} times in a minute; wait a minute.",
            retry_after_s=60,
        )
