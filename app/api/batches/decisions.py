"""What people say of the items of a batch: kept, shown with the results, and moving no figure."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from pydantic import ValidationError

from app.api.auth import Owner, require
from app.api.batches import openapi
from app.api.batches.dependencies import Batches, RequestedBatch
from app.api.batches.schemas import DecisionOut
from app.api.content_negotiation import JSON
from app.api.request_body import BODY_GRACE_S, FORM_OVERHEAD_BYTES, BodyLimits, read_whole_body
from app.batches.export import decision_members
from app.errors import UnsupportedBody
from app.runtime.batch_json import invalid_fields
from app.runtime.decision_json import DecisionIn, DecisionSummaryOut, summarize_decisions

read_router = APIRouter(tags=["batches"], dependencies=[Depends(require("read"))])
router = APIRouter(tags=["batches"], dependencies=[Depends(require("analyse"))])

Seq = Annotated[int, Path(ge=0, le=2**62, description="`seq` of the item")]
_LIMITS: Final = BodyLimits(
    FORM_OVERHEAD_BYTES,
    f"The decision is larger than {FORM_OVERHEAD_BYTES} bytes; shorten the note.",
    f"Send the whole body within {BODY_GRACE_S:g} s.",
)


@router.put(
    "/v1/batches/{batch_id}/items/{seq}/decision",
    summary="Say what an item is",
    responses=openapi.DECISION_RESPONSES,
    openapi_extra={"requestBody": openapi.DECISION_BODY},
)
async def put_decision(
    request: Request, batch: RequestedBatch, seq: Seq, owner: Owner, batches: Batches
) -> DecisionOut:
    """`generated`, `real` or `unsure`, and why; it replaces an earlier decision, `null` undoes it.

    Kept with the key's name and the time, shown in results and exports, erased with the batch. It
    moves no figure: no llr, no verdict, nothing of the cohort.
    """
    sent = await _read_decision(request)
    service, decision = batches.service, None
    if sent.decision is None:
        await batches.run(service.clear_decision, batch.id, batch.request.owner, seq)
    else:
        decision = await batches.run(
            service.set_decision, batch.id, batch.request.owner, seq, sent.decision, sent.note or ""
        )
    return DecisionOut.model_validate({"seq": seq, **decision_members(decision)})


@router.delete(
    "/v1/batches/{batch_id}/items/{seq}/decision",
    summary="Undo a decision",
    status_code=204,
    response_class=Response,
    responses=openapi.DELETE_RESPONSES,
)
async def delete_decision(batch: RequestedBatch, seq: Seq, owner: Owner, batches: Batches) -> None:
    """Done also where there is none."""
    await batches.run(batches.service.clear_decision, batch.id, batch.request.owner, seq)


@read_router.get(
    "/v1/batches/{batch_id}/decisions",
    summary="The decisions on a batch, counted",
    responses=openapi.GET_DECISIONS_RESPONSES,
)
async def get_decisions(
    batch: RequestedBatch, owner: Owner, batches: Batches
) -> DecisionSummaryOut:
    """How many of the flagged were called real, beside how many false flags were expected.

    Each decision stands with its item in the results.
    """
    counts = await batches.run(batches.service.count_decisions, batch.id, batch.request.owner)
    return summarize_decisions(batch, counts)


async def _read_decision(request: Request) -> DecisionIn:
    """Raises ``TooLarge``, ``BodyTimeout``, ``UnsupportedBody`` or ``InvalidFields``."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != JSON:
        raise UnsupportedBody('Send JSON: {"decision": "real", "note": "…"}.')
    body = await read_whole_body(request, _LIMITS)
    try:
        return DecisionIn.model_validate_json(body)
    except ValidationError as error:
        raise invalid_fields(error.errors(include_url=False, include_context=False)) from error
