"""``POST /v1/integrations/mastodon``: avatars of new, changed and reported accounts."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Request, Response
from pydantic import Field

from app.analysis.schemas import WireModel
from app.api.openapi import DATABASE_ERRORS, problem_responses
from app.api.request_body import BodyLimits, read_whole_body
from app.api.state import AppState, State
from app.batches.store.models import Batch
from app.errors import NotFound
from app.integrations.mastodon.webhook import (
    MAX_BODY_BYTES,
    SIGNATURE_HEADER,
    build_request,
    check_signature,
    read_accounts,
    read_items,
    webhook_owner,
)
from app.records import Item

router = APIRouter(tags=["integrations"])

_BODY_LIMITS: Final = BodyLimits(
    MAX_BODY_BYTES,
    f"An event of Mastodon's has at most {MAX_BODY_BYTES} bytes here.",
    "Send the whole event at once.",
)
_REQUEST_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "description": "an event as Mastodon's admin webhooks send it",
                "required": ["event", "object"],
                "properties": {
                    "event": {"type": "string", "examples": ["account.created"]},
                    "created_at": {"type": "string"},
                    "object": {"description": "an account, or a report with its target account"},
                },
            }
        }
    },
}


class MastodonReceiptOut(WireModel):
    """What became of an event."""

    accounts: int = Field(description="accounts in the event")
    pictures: int = Field(description="of them, those with a picture of their own")
    batch_id: str | None = Field(
        description="the batch that analyses them; null if there is nothing to analyse"
    )


@router.post(
    "/v1/integrations/mastodon",
    summary="Take an event of Mastodon's admin webhooks",
    status_code=202,
    responses={
        202: {"description": "Taken: what is to be analysed is stored"},
        **problem_responses(
            *("unauthorized", "forbidden", "not_found", "request_timeout", "too_large"),
            *("invalid_request", "list_without_avatars", "busy", "storage_full", "internal"),
            *DATABASE_ERRORS,
        ),
    },
    openapi_extra={"requestBody": _REQUEST_BODY},
)
async def receive_mastodon_event(
    request: Request,
    response: Response,
    state: State,
    signature: Annotated[
        str | None,
        Header(alias=SIGNATURE_HEADER, description="`sha256=` and the body's HMAC, hex"),
    ] = None,
) -> MastodonReceiptOut:
    """Avatars of `account.created`, `account.updated` and `report.created` are analysed.

    The signature is that of the secret that Mastodon shows beside its webhook. Events of other
    kinds, and accounts with the default picture, are taken and left alone. The same avatar of the
    same account is analysed and reported once.
    """
    secret = state.settings.mastodon_secret
    if secret is None:
        raise NotFound("No webhooks are taken here; the operator sets EYELINE_MASTODON_SECRET.")
    body = await read_whole_body(request, _BODY_LIMITS)
    check_signature(secret.get_secret_value(), body, signature)
    accounts = read_accounts(body)
    items = read_items(accounts)
    if not items:
        return MastodonReceiptOut(accounts=len(accounts), pictures=0, batch_id=None)
    batches = state.batches
    with batches.limits.submissions.admit(webhook_owner(state.settings)):
        batch = await batches.run(_submit, state, items)
    response.headers["Location"] = f"/v1/batches/{batch.id}"
    return MastodonReceiptOut(accounts=len(accounts), pictures=len(items), batch_id=batch.id)


def _submit(state: AppState, items: list[Item]) -> Batch:
    """The batch of ``items``; one that is there already tries again what it could not fetch."""
    service = state.batches.service
    batch, replayed = service.submit(build_request(items, state.settings), items)
    if replayed and batch.has_ended and batch.failed:
        return service.retry_failed(batch.id, batch.request.owner)
    return batch
