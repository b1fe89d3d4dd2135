"""Single items of a batch, and what a gallery of thousands needs of each: little, many at once."""

from __future__ import annotations

import hashlib
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BeforeValidator

from app.analysis.serialize import data_uri
from app.api.auth import Owner, require
from app.api.batches import openapi
from app.api.batches.dependencies import Batches, RequestedBatch
from app.api.batches.schemas import (
    RESULTS_MAX,
    FailedItemOut,
    ResultOut,
    ThumbnailOut,
    ThumbnailsOut,
    TilePageOut,
    serialize_tile,
)
from app.api.batches.state import BatchState
from app.api.content_negotiation import JPEG, JSON
from app.batches import export
from app.batches.store.models import Batch
from app.batches.store.result_queries import Order
from app.errors import NotFound, NotYet
from app.records import ItemResult

router = APIRouter(tags=["batches"], dependencies=[Depends(require("read"))])

MAX_THUMBNAILS: Final = 200
_KEEP_FOR_AN_HOUR: Final = "private, max-age=3600"

Seq = Annotated[int, Path(ge=0, le=2**53, description="`seq` of the item")]
Seqs = Annotated[
    list[Annotated[int, Query(ge=0, le=2**53)]],
    BeforeValidator(lambda values: [each for v in values for each in v.split(",") if each]),
]


@router.get(
    "/v1/batches/{batch_id}/tiles",
    summary="The results, as short as a gallery needs them",
    responses=openapi.READ_ERRORS,
)
async def get_tiles(
    batch: RequestedBatch,
    owner: Owner,
    batches: Batches,
    cursor: Annotated[str | None, Query(max_length=256)] = None,
    limit: Annotated[int, Query(ge=1, le=RESULTS_MAX)] = RESULTS_MAX,
    order: Annotated[Order, Query(description="`-llr`: the strongest evidence first")] = "input",
) -> TilePageOut:
    """Pages as of `results`: while the batch runs, `next_cursor` continues from there later."""
    page = await batches.run(
        batches.service.read_result_page,
        batch.id,
        owner,
        order=order,
        after=cursor,
        limit=limit,
        thumbnails=False,
    )
    return TilePageOut(
        data=[serialize_tile(result) for result in page.results],
        has_more=page.more,
        next_cursor=page.next_cursor,
    )


@router.get(
    "/v1/batches/{batch_id}/thumbnails",
    summary="Thumbnails of many items",
    responses=openapi.READ_ERRORS,
)
async def get_thumbnails(
    batch: RequestedBatch,
    owner: Owner,
    batches: Batches,
    seqs: Annotated[
        Seqs,
        Query(
            min_length=1,
            max_length=MAX_THUMBNAILS,
            description=f"up to {MAX_THUMBNAILS} items, separated by commas",
        ),
    ],
) -> ThumbnailsOut:
    """As data URIs, a screen full at a time; items without a picture are left out."""
    results = await batches.run(_read_items, batches, batch, seqs)
    return ThumbnailsOut(
        data=[
            ThumbnailOut(seq=result.seq, thumbnail=data_uri(result.record.thumbnail, JPEG))
            for result in results
            if result.record is not None
        ]
    )


@router.get(
    "/v1/batches/{batch_id}/items/{seq}",
    summary="The result of one item",
    response_model=ResultOut | FailedItemOut,
    responses=openapi.READ_ERRORS,
)
async def get_item(batch: RequestedBatch, batches: Batches, seq: Seq) -> Response:
    """The same as its line of `results`."""
    result = await batches.run(_read_item, batches, batch, seq)
    return Response(export.format_line(result), media_type=JSON)


@router.get(
    "/v1/batches/{batch_id}/items/{seq}/thumbnail",
    summary="The thumbnail of one item",
    response_class=Response,
    responses=openapi.THUMBNAIL_RESPONSES,
)
async def get_thumbnail(
    request: Request, batch: RequestedBatch, batches: Batches, seq: Seq
) -> Response:
    """A JPEG whose longer side is 128 px at most."""
    result = await batches.run(_read_item, batches, batch, seq)
    if result.record is None:
        raise NotFound("This item has no picture; its `error` says why.")
    thumbnail = result.record.thumbnail
    headers = {
        "Cache-Control": _KEEP_FOR_AN_HOUR,
        "ETag": f'"{hashlib.sha256(thumbnail).hexdigest()[:32]}"',
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(thumbnail, media_type=JPEG, headers=headers)


def _read_items(batches: BatchState, batch: Batch, seqs: list[int]) -> list[ItemResult]:
    return list(batches.service.iter_selected(batch.id, batch.request.owner, seqs))


def _read_item(batches: BatchState, batch: Batch, seq: int) -> ItemResult:
    """Raises ``NotFound`` or ``NotYet``."""
    result = next(iter(_read_items(batches, batch, [seq])), None)
    if result is None and seq >= batch.total:
        raise NotFound(f"The last item of this batch is {batch.total - 1}.")
    if result is None:
        raise NotYet("This item has not been analyzed yet; ask again when it has.")
    return result
