"""Follower lists: send one, see how far it is, stop it, try again, erase it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from app.api.analyses.request import validated
from app.api.auth import afford, charge, owner, require
from app.api.batches import openapi as answers
from app.api.batches.schemas import (
    BATCHES_DEFAULT,
    BATCHES_MAX,
    KEY_MAX_LENGTH,
    BatchListOut,
    BatchOptions,
    BatchOut,
    batch_out,
)
from app.api.batches.upload import ListBody, list_body
from app.api.problems import blame
from app.api.state import House, house
from app.batches.store.models import Batch, NewBatch
from app.fetch import parse

reading = APIRouter(tags=["batches"], dependencies=[Depends(require("read"))])
router = APIRouter(tags=["batches"], dependencies=[Depends(require("analyse"))])

KEY_HEADER: Final = "Idempotency-Key"
OPTIONS: Final = frozenset(BatchOptions.model_fields)

BatchId = Annotated[str, Path(max_length=64, description="`id` of the batch")]


@router.post(
    "/v1/batches",
    summary="Send a follower list",
    status_code=202,
    response_model=BatchOut,
    responses=answers.SUBMITTED,
    openapi_extra={"requestBody": answers.REQUEST_BODY, "parameters": answers.PARAMETERS},
)
async def create_batch(request: Request) -> Response:
    """A list becomes a durable batch: what is answered with 202 is not lost, whatever dies.

    Bytes decide what the list is; its content type and name only help. Rows that are wrong become
    item errors and keep nothing else up.
    """
    here = house(request)
    afford(request)
    key = _idempotency_key(request)
    query = {name: value for name, value in request.query_params.items() if name in OPTIONS}
    _refuse_others(request.query_params)
    validated(BatchOptions, query)  # though the list's own options go first
    room = here.batches
    with room.submissions.place():
        async with list_body(request, room.spool_dir, here.settings.max_list_bytes) as body:
            submit = partial(_submit, here, owner(request), body, query, key)
            batch, replayed = await room.ask(submit)
    if not replayed:
        charge(request, batch.total)
    headers = {"Location": f"/v1/batches/{batch.id}"}
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    return _answer(batch, 202, headers)


@reading.get("/v1/batches", summary="Your batches, newest first", responses=answers.LISTED)
async def list_batches(
    request: Request,
    cursor: Annotated[str | None, Query(max_length=256)] = None,
    limit: Annotated[int, Query(ge=1, le=BATCHES_MAX)] = BATCHES_DEFAULT,
) -> BatchListOut:
    """Those sent with this key."""
    room = house(request).batches
    page = await room.ask(room.desk.listing, owner(request), cursor, limit)
    return BatchListOut(
        data=[batch_out(batch) for batch in page.batches],
        has_more=page.next_cursor is not None,
        next_cursor=page.next_cursor,
    )


@reading.get(
    "/v1/batches/{batch_id}",
    summary="How far a batch is",
    response_model=BatchOut,
    responses=answers.FOUND,
)
async def get_batch(request: Request, batch_id: BatchId) -> Response:
    """Counts, outcomes, when it will be done; once it is, what the list as a whole says."""
    room = house(request).batches
    return _answer(await room.ask(room.desk.get, batch_id, owner(request)))


@router.post(
    "/v1/batches/{batch_id}/cancel",
    summary="Stop a batch",
    response_model=BatchOut,
    responses=answers.CHANGED,
)
async def cancel_batch(request: Request, batch_id: BatchId) -> Response:
    """What is done stays done and can be fetched; a batch that has ended stays as it is."""
    room = house(request).batches
    return _answer(await room.ask(room.desk.cancel, batch_id, owner(request)))


@router.post(
    "/v1/batches/{batch_id}/retry",
    summary="Try the failed items again",
    response_model=BatchOut,
    responses=answers.CHANGED,
)
async def retry_batch(request: Request, batch_id: BatchId) -> Response:
    """Only those whose error says `retryable`; answers that are there are not made again."""
    room = house(request).batches
    return _answer(await room.ask(room.desk.retry_failed, batch_id, owner(request)))


@router.delete(
    "/v1/batches/{batch_id}",
    summary="Erase a batch",
    status_code=204,
    response_class=Response,
    responses=answers.ERASED,
)
async def delete_batch(request: Request, batch_id: BatchId) -> Response:
    """Everything kept of it goes, at once and for good; a batch at work is stopped first."""
    room = house(request).batches
    await room.ask(room.desk.delete, batch_id, owner(request))
    return Response(status_code=204)


def _submit(
    here: House, owner_: str, body: ListBody, query: Mapping[str, str], key: str | None
) -> tuple[Batch, bool]:
    """Read the list into the desk's hands; on a thread, as long as it may take."""
    settings = here.settings
    followers = body.opened(settings)
    options = validated(BatchOptions, {**query, **body.fields, **followers.options})
    _refuse_webhook(here, options.webhook_url)
    new = NewBatch(
        prior=options.prior if options.prior is not None else settings.prior,
        owner=owner_,
        webhook_url=options.webhook_url,
        metadata=options.metadata,
        idempotency_key=key,
        body_sha256=_digest(body.digest, options),
        list_format=followers.format,
        columns=followers.columns,
    )
    return here.batches.desk.submit(new, followers)


def _digest(body_digest: str, options: BatchOptions) -> str:
    """Of the request as a whole: the same list at another prior is another request."""
    said = json.dumps(options.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(f"{body_digest} {said}".encode()).hexdigest()


def _refuse_webhook(here: House, url: str | None) -> None:
    """Raise ``InvalidFields``, ``UrlInvalid`` or ``UrlBlocked`` for what could never be told."""
    if url is None:
        return
    if here.settings.webhook_secret is None:
        raise blame(
            "webhook_url",
            "this service signs webhooks and has no secret to sign with; its operator sets "
            "EYELINE_WEBHOOK_SECRET",
        )
    here.fetcher.admit(parse(url))


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get(KEY_HEADER)
    if key is None:
        return None
    if not 1 <= len(key) <= KEY_MAX_LENGTH or not key.isascii() or not key.isprintable():
        raise blame(KEY_HEADER, f"1 to {KEY_MAX_LENGTH} printable ASCII characters")
    return key


def _refuse_others(query: Mapping[str, Any]) -> None:
    """A mistyped option must not be taken for none."""
    for name in query:
        if name not in OPTIONS:
            raise blame(name, f"not known here; there are {', '.join(sorted(OPTIONS))}")


def _answer(batch: Batch, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse(batch_out(batch).model_dump(mode="json"), status, headers=headers)
