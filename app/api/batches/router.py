"""Follower lists: send one, see how far it is, stop it, try again, erase it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from app.api.analyses.request import validate_fields
from app.api.auth import charge, check_quota, request_owner, require
from app.api.batches import openapi as answers
from app.api.batches.schemas import (
    BATCHES_DEFAULT,
    BATCHES_MAX,
    IDEMPOTENCY_KEY_MAX_LENGTH,
    BatchListOut,
    BatchOptions,
    BatchOut,
    serialize_batch,
)
from app.api.batches.upload import ListUpload, receive_upload
from app.api.problems import invalid_field
from app.api.state import AppState, app_state
from app.batches.store.models import Batch, BatchRequest
from app.fetch.urls import parse_url

read_router = APIRouter(tags=["batches"], dependencies=[Depends(require("read"))])
router = APIRouter(tags=["batches"], dependencies=[Depends(require("analyse"))])

IDEMPOTENCY_HEADER: Final = "Idempotency-Key"
OPTION_NAMES: Final = frozenset(BatchOptions.model_fields)

BatchId = Annotated[str, Path(max_length=64, description="`id` of the batch")]


@router.post(
    "/v1/batches",
    summary="Send a follower list",
    status_code=202,
    response_model=BatchOut,
    responses=answers.CREATE_RESPONSES,
    openapi_extra={"requestBody": answers.REQUEST_BODY, "parameters": answers.PARAMETERS},
)
async def create_batch(request: Request) -> Response:
    """A list becomes a durable batch: what is answered with 202 is not lost, whatever dies.

    Bytes decide what the list is; its content type and name only help. Rows that are wrong become
    item errors and keep nothing else up.
    """
    state = app_state(request)
    check_quota(request)
    key = _idempotency_key(request)
    query = {name: value for name, value in request.query_params.items() if name in OPTION_NAMES}
    _check_query_names(request.query_params)
    validate_fields(BatchOptions, query)  # though the list's own options go first
    batch_state = state.batches
    with batch_state.submission_limit.admit():
        async with receive_upload(
            request, batch_state.spool_dir, state.settings.max_list_bytes
        ) as body:
            submit = partial(_submit_list, state, request_owner(request), body, query, key)
            batch, replayed = await batch_state.run(submit)
    if not replayed:
        charge(request, batch.total)
    headers = {"Location": f"/v1/batches/{batch.id}"}
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    return _batch_response(batch, 202, headers)


@read_router.get(
    "/v1/batches", summary="Your batches, newest first", responses=answers.LIST_RESPONSES
)
async def list_batches(
    request: Request,
    cursor: Annotated[str | None, Query(max_length=256)] = None,
    limit: Annotated[int, Query(ge=1, le=BATCHES_MAX)] = BATCHES_DEFAULT,
) -> BatchListOut:
    """Those sent with this key."""
    batch_state = app_state(request).batches
    page = await batch_state.run(
        batch_state.service.list_batches, request_owner(request), cursor, limit
    )
    return BatchListOut(
        data=[serialize_batch(batch) for batch in page.batches],
        has_more=page.next_cursor is not None,
        next_cursor=page.next_cursor,
    )


@read_router.get(
    "/v1/batches/{batch_id}",
    summary="How far a batch is",
    response_model=BatchOut,
    responses=answers.GET_RESPONSES,
)
async def get_batch(request: Request, batch_id: BatchId) -> Response:
    """Counts, outcomes, when it will be done; once it is, what the list as a whole says."""
    batch_state = app_state(request).batches
    return _batch_response(
        await batch_state.run(batch_state.service.get, batch_id, request_owner(request))
    )


@router.post(
    "/v1/batches/{batch_id}/cancel",
    summary="Stop a batch",
    response_model=BatchOut,
    responses=answers.UPDATE_RESPONSES,
)
async def cancel_batch(request: Request, batch_id: BatchId) -> Response:
    """What is done stays done and can be fetched; a batch that has ended stays as it is."""
    batch_state = app_state(request).batches
    return _batch_response(
        await batch_state.run(batch_state.service.cancel, batch_id, request_owner(request))
    )


@router.post(
    "/v1/batches/{batch_id}/retry",
    summary="Try the failed items again",
    response_model=BatchOut,
    responses=answers.UPDATE_RESPONSES,
)
async def retry_batch(request: Request, batch_id: BatchId) -> Response:
    """Only those whose error says `retryable`; answers that are there are not made again."""
    batch_state = app_state(request).batches
    return _batch_response(
        await batch_state.run(batch_state.service.retry_failed, batch_id, request_owner(request))
    )


@router.delete(
    "/v1/batches/{batch_id}",
    summary="Erase a batch",
    status_code=204,
    response_class=Response,
    responses=answers.DELETE_RESPONSES,
)
async def delete_batch(request: Request, batch_id: BatchId) -> Response:
    """Everything kept of it goes, at once and for good; a batch at work is stopped first."""
    batch_state = app_state(request).batches
    await batch_state.run(batch_state.service.delete, batch_id, request_owner(request))
    return Response(status_code=204)


def _submit_list(
    state: AppState, owner: str, upload: ListUpload, query: Mapping[str, str], key: str | None
) -> tuple[Batch, bool]:
    """Read the list into the desk's hands; on a thread, as long as it may take."""
    settings = state.settings
    follower_list = upload.open_followers(settings)
    options = validate_fields(BatchOptions, {**query, **upload.fields, **follower_list.options})
    _check_webhook_url(state, options.webhook_url)
    new_batch = BatchRequest(
        prior=options.prior if options.prior is not None else settings.prior,
        owner=owner,
        webhook_url=options.webhook_url,
        metadata=options.metadata,
        idempotency_key=key,
        body_sha256=_request_digest(upload.digest, options),
        list_format=follower_list.format,
        columns=follower_list.columns,
    )
    return state.batches.service.submit(new_batch, follower_list)


def _request_digest(body_digest: str, options: BatchOptions) -> str:
    """Of the request as a whole: the same list at another prior is another request."""
    options_json = json.dumps(options.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(f"{body_digest} {options_json}".encode()).hexdigest()


def _check_webhook_url(state: AppState, url: str | None) -> None:
    """Raise ``InvalidFields``, ``UrlInvalid`` or ``UrlBlocked`` for what could never be told."""
    if url is None:
        return
    if state.settings.webhook_secret is None:
        raise invalid_field(
            "webhook_url",
            "this service signs webhooks and has no secret to sign with; its operator sets "
            "EYELINE_WEBHOOK_SECRET",
        )
    state.fetcher.check_url(parse_url(url))


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get(IDEMPOTENCY_HEADER)
    if key is None:
        return None
    if (
        not 1 <= len(key) <= IDEMPOTENCY_KEY_MAX_LENGTH
        or not key.isascii()
        or not key.isprintable()
    ):
        raise invalid_field(
            IDEMPOTENCY_HEADER, f"1 to {IDEMPOTENCY_KEY_MAX_LENGTH} printable ASCII characters"
        )
    return key


def _check_query_names(query: Mapping[str, Any]) -> None:
    """A mistyped option must not be taken for none."""
    for name in query:
        if name not in OPTION_NAMES:
            raise invalid_field(
                name, f"not known here; there are {', '.join(sorted(OPTION_NAMES))}"
            )


def _batch_response(
    batch: Batch, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return JSONResponse(serialize_batch(batch).model_dump(mode="json"), status, headers=headers)
