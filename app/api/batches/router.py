"""Follower lists: submit one, follow its progress, cancel it, retry it, erase it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse

from app.api.auth import (
    Owner,
    OwnOwners,
    PictureQuota,
    Quota,
    ReadableOwners,
    may_see_all,
    require,
)
from app.api.batches import openapi
from app.api.batches.dependencies import Batches, RequestedBatch
from app.api.batches.schemas import (
    BATCHES_DEFAULT,
    BATCHES_MAX,
    IDEMPOTENCY_KEY_MAX_LENGTH,
    BatchListOut,
    BatchQuery,
)
from app.api.batches.upload import ListUpload, receive_upload
from app.api.state import AppState, State
from app.batches.store.models import Batch, BatchRequest
from app.errors import Forbidden, invalid_field
from app.fetch.urls import parse_url
from app.lists.preview import preview_list
from app.lists.reader import FollowerList
from app.runtime.batch_json import (
    BatchOptions,
    BatchOut,
    ListPreviewOut,
    serialize_batch,
    validate_fields,
)

read_router = APIRouter(tags=["batches"], dependencies=[Depends(require("read"))])
router = APIRouter(tags=["batches"], dependencies=[Depends(require("analyse"))])

PRINTABLE_ASCII: Final = "^[ -~]*$"


@router.post(
    "/v1/batches",
    summary="Submit a follower list",
    status_code=202,
    response_model=BatchOut,
    responses=openapi.CREATE_RESPONSES,
    openapi_extra={"requestBody": openapi.REQUEST_BODY},
)
async def create_batch(
    request: Request,
    response: Response,
    query: Annotated[BatchQuery, Query()],
    state: State,
    owner: Owner,
    quota: Quota,
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=IDEMPOTENCY_KEY_MAX_LENGTH,
            pattern=PRINTABLE_ASCII,
            description="the same key with the same request is answered with the same batch",
        ),
    ] = None,
) -> BatchOut | JSONResponse:
    """A list becomes a durable batch: one that is answered with 202 survives crashes and restarts.

    With `dry_run=true` the answer is 200 and says how the list would be read; nothing is kept
    or fetched. The bytes decide the format of the list; its content type and name only help.
    Wrong rows become item errors and do not stop the rest.
    """
    quota.check()
    batches = state.batches
    fields = query.model_dump(exclude_none=True, exclude={"dry_run"})
    with batches.limits.submissions.admit(owner):
        await batches.read(batches.service.check_intake, owner)
        async with receive_upload(
            request, batches.spool_dir, state.settings.max_list_bytes
        ) as upload:
            if query.dry_run:
                preview = await batches.run(_preview_list, state, upload, fields)
                return JSONResponse(preview.model_dump(mode="json"))
            submit = partial(_submit_list, state, owner, quota, upload, fields, idempotency_key)
            batch, replayed = await batches.run(submit)
    response.headers["Location"] = f"/v1/batches/{batch.id}"
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return serialize_batch(batch)


@read_router.get(
    "/v1/batches", summary="Your batches, newest first", responses=openapi.LIST_RESPONSES
)
async def list_batches(
    request: Request,
    own: OwnOwners,
    readable: ReadableOwners,
    batches: Batches,
    cursor: Annotated[str | None, Query(max_length=256)] = None,
    limit: Annotated[int, Query(ge=1, le=BATCHES_MAX)] = BATCHES_DEFAULT,
    owner: Annotated[
        str | None,
        Query(
            max_length=32, description="another owner that the key may read, or * for all (admin)"
        ),
    ] = None,
) -> BatchListOut:
    """The batches of this key's owner, of another one that it may read, or of all for an admin."""
    owners = _listed_owners(request, owner, own, readable)
    page = await batches.read(batches.service.list_batches, owners, cursor, limit)
    return BatchListOut(
        data=[serialize_batch(batch) for batch in page.batches],
        has_more=page.next_cursor is not None,
        next_cursor=page.next_cursor,
    )


def _listed_owners(
    request: Request, owner: str | None, own: tuple[str, ...], readable: tuple[str, ...]
) -> tuple[str, ...] | None:
    """Whose batches are listed; ``None``: everybody's. Raises ``Forbidden``."""
    if owner is None:
        return own
    if may_see_all(request):
        return None if owner == "*" else (owner,)
    if owner not in readable:
        raise Forbidden("It may not read batches of this owner; `reads=` of the key says whose.")
    return (owner,)


@read_router.get(
    "/v1/batches/{batch_id}", summary="The state of a batch", responses=openapi.GET_RESPONSES
)
async def get_batch(batch: RequestedBatch) -> BatchOut:
    """Counts, outcomes and the estimated time; once it has ended, the cohort's figures."""
    return serialize_batch(batch)


@router.post(
    "/v1/batches/{batch_id}/cancel", summary="Cancel a batch", responses=openapi.UPDATE_RESPONSES
)
async def cancel_batch(batch: RequestedBatch, owner: Owner, batches: Batches) -> BatchOut:
    """Results so far are kept and can be fetched; a batch that has ended does not change."""
    return serialize_batch(await batches.run(batches.service.cancel, batch.id, batch.request.owner))


@router.post(
    "/v1/batches/{batch_id}/retry",
    summary="Retry the failed items",
    responses=openapi.UPDATE_RESPONSES,
)
async def retry_batch(
    batch: RequestedBatch, owner: Owner, batches: Batches, quota: Quota
) -> BatchOut:
    """Only those whose error says `retryable`; they count against the key's quota again."""
    pictures = await batches.run(batches.service.count_retryable, batch.id, batch.request.owner)
    with quota.reserve(pictures):
        return serialize_batch(
            await batches.run(batches.service.retry_failed, batch.id, batch.request.owner)
        )


@router.delete(
    "/v1/batches/{batch_id}",
    summary="Erase a batch",
    status_code=204,
    response_class=Response,
    responses=openapi.DELETE_RESPONSES,
)
async def delete_batch(batch: RequestedBatch, owner: Owner, batches: Batches) -> None:
    """Everything kept of it is erased for good; a running batch is stopped first."""
    await batches.run(batches.service.delete, batch.id, batch.request.owner)


def _submit_list(
    state: AppState,
    owner: str,
    quota: PictureQuota,
    upload: ListUpload,
    query: Mapping[str, Any],
    idempotency_key: str | None,
) -> tuple[Batch, bool]:
    """Parse the list and store the batch; on a thread, as long as it may take."""
    settings = state.settings
    follower_list, options = _open_list(state, upload, query)
    _check_webhook_url(state, options.webhook_url)
    new_batch = BatchRequest(
        prior=options.prior if options.prior is not None else settings.prior,
        base_rate=settings.base_rate,
        owner=owner,
        webhook_url=options.webhook_url,
        flagged_threshold=options.flagged_threshold,
        metadata=options.metadata,
        idempotency_key=idempotency_key,
        body_sha256=_request_digest(upload.digest, options),
        list_format=follower_list.format,
        columns=follower_list.columns,
        notes=follower_list.notes,
        title=options.title,
        edges=upload.read_edges(follower_list.notes),
    )
    with quota.reserving(follower_list) as (items, keep):
        batch, replayed = state.batches.service.submit(new_batch, items)
        if not replayed:
            keep()
    return batch, replayed


def _open_list(
    state: AppState, upload: ListUpload, query: Mapping[str, Any]
) -> tuple[FollowerList, BatchOptions]:
    """The list, and its options: those in the list itself take precedence."""
    sent = {**query, **upload.fields}
    keep_columns = validate_fields(BatchOptions, sent).keep_columns
    follower_list = upload.open_followers(state.settings, keep_columns)
    return follower_list, validate_fields(BatchOptions, {**sent, **follower_list.options})


def _preview_list(state: AppState, upload: ListUpload, query: Mapping[str, Any]) -> ListPreviewOut:
    """How the list would be read; on a thread."""
    follower_list, _ = _open_list(state, upload, query)
    edges = upload.read_edges(follower_list.notes)
    return ListPreviewOut.model_validate(preview_list(follower_list, edges=edges))


def _request_digest(body_digest: str, options: BatchOptions) -> str:
    """Of the request as a whole: the same list at another prior is another request."""
    options_json = json.dumps(options.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(f"{body_digest} {options_json}".encode()).hexdigest()


def _check_webhook_url(state: AppState, url: str | None) -> None:
    """Raise ``InvalidFields``, ``UrlInvalid`` or ``UrlBlocked`` for a URL that cannot be called."""
    if url is None:
        return
    if state.settings.webhook_secret is None:
        raise invalid_field(
            "webhook_url",
            "this service has no secret to sign webhooks with; its operator sets "
            "EYELINE_WEBHOOK_SECRET",
        )
    state.fetcher.check_url(parse_url(url))
