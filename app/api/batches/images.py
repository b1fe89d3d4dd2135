"""A follower list at a glance: montage, composite, scatter, and all of it in one page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from app.api.auth import owner, require
from app.api.batches import openapi as answers
from app.api.batches.router import BatchId
from app.api.state import house
from app.batches.store.models import Batch
from app.evidence import Verdict
from app.render.montage import MAX_PER_PAGE, PER_PAGE
from app.runtime.batch_images import Gallery, Group, Order, Wall

router = APIRouter(tags=["batches"], dependencies=[Depends(require("read"))])

PAGE_MAX: Final = 1_000_000
_PNG: Final = "image/png"
_SEALED: Final = {
    # A report is opened as a file or on our own origin: it may show itself and nothing else.
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


@router.get(
    "/v1/batches/{batch_id}/montage.png",
    summary="The avatars, the template's eyes through each",
    response_class=Response,
    responses=answers.PICTURE_ANSWERS,
)
async def get_montage(
    request: Request,
    batch_id: BatchId,
    page: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 1,
    per_page: Annotated[int, Query(ge=1, le=MAX_PER_PAGE)] = PER_PAGE,
    order: Order = "-llr",
    verdict: Verdict | None = None,
) -> Response:
    """Avatars as they are, never aligned by us; measured irises, id and llr with each."""
    wall = Wall(page, per_page, order, verdict)
    return await _drawn(request, batch_id, lambda gallery, batch: gallery.montage(batch, wall))


@router.get(
    "/v1/batches/{batch_id}/composite.png",
    summary="The average picture",
    response_class=Response,
    responses=answers.PICTURE_ANSWERS,
)
async def get_composite(
    request: Request,
    batch_id: BatchId,
    of: Annotated[Group | None, Query(description="both groups side by side if not given")] = None,
) -> Response:
    """Eyes stay sharp where pictures share one frame, and turn to mist where they do not."""
    return await _drawn(request, batch_id, lambda gallery, batch: gallery.composite(batch, of))


@router.get(
    "/v1/batches/{batch_id}/scatter.png",
    summary="Where the eyes of the whole list are",
    response_class=Response,
    responses=answers.PICTURE_ANSWERS,
)
async def get_scatter(request: Request, batch_id: BatchId) -> Response:
    """Eye positions over the template's region."""
    return await _drawn(request, batch_id, lambda gallery, batch: gallery.scatter(batch))


@router.get(
    "/v1/batches/{batch_id}/report.html",
    summary="All of it in one page",
    response_class=Response,
    responses=answers.REPORT_ANSWERS,
)
async def get_report(request: Request, batch_id: BatchId) -> Response:
    """Self-contained: to be kept, printed, or handed to whoever decides an appeal."""
    drawn = await _drawn(request, batch_id, lambda gallery, batch: gallery.report(batch))
    return Response(drawn.body, media_type="text/html; charset=utf-8", headers=_SEALED)


async def _drawn(
    request: Request, batch_id: str, draw: Callable[[Gallery, Batch], bytes]
) -> Response:
    """What ``draw`` makes of the batch, on a thread, when a place is free."""
    room = house(request).batches
    batch = await room.ask(room.desk.get, batch_id, owner(request))
    with room.drawings.place():
        png = await room.ask(partial(draw, room.gallery, batch))
    return Response(png, media_type=_PNG, headers={"Cache-Control": "no-store"})
