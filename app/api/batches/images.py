"""A follower list at a glance: montage, composite, scatter, and all of it in one page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from app.api.auth import request_owner, require
from app.api.batches import openapi as answers
from app.api.batches.router import BatchId
from app.api.state import app_state
from app.batches.store.models import Batch
from app.evidence import Verdict
from app.render.montage import DEFAULT_TILES_PER_PAGE, MAX_TILES_PER_PAGE
from app.runtime.batch_images import BatchImages, CompositeGroup, MontageQuery, ResultOrder

router = APIRouter(tags=["batches"], dependencies=[Depends(require("read"))])

MAX_PAGE: Final = 1_000_000
_PNG: Final = "image/png"
_REPORT_HEADERS: Final = {
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
    responses=answers.IMAGE_RESPONSES,
)
async def get_montage(
    request: Request,
    batch_id: BatchId,
    page: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 1,
    per_page: Annotated[int, Query(ge=1, le=MAX_TILES_PER_PAGE)] = DEFAULT_TILES_PER_PAGE,
    order: ResultOrder = "-llr",
    verdict: Verdict | None = None,
) -> Response:
    """Avatars as they are, never aligned by us; measured irises, id and llr with each."""
    query = MontageQuery(page, per_page, order, verdict)
    return await _render(request, batch_id, lambda gallery, batch: gallery.montage(batch, query))


@router.get(
    "/v1/batches/{batch_id}/composite.png",
    summary="The average picture",
    response_class=Response,
    responses=answers.IMAGE_RESPONSES,
)
async def get_composite(
    request: Request,
    batch_id: BatchId,
    of: Annotated[
        CompositeGroup | None, Query(description="both groups side by side if not given")
    ] = None,
) -> Response:
    """Eyes stay sharp where pictures share one frame, and turn to mist where they do not."""
    return await _render(request, batch_id, lambda gallery, batch: gallery.composite(batch, of))


@router.get(
    "/v1/batches/{batch_id}/scatter.png",
    summary="Where the eyes of the whole list are",
    response_class=Response,
    responses=answers.IMAGE_RESPONSES,
)
async def get_scatter(request: Request, batch_id: BatchId) -> Response:
    """Eye positions over the template's region."""
    return await _render(request, batch_id, lambda gallery, batch: gallery.scatter(batch))


@router.get(
    "/v1/batches/{batch_id}/report.html",
    summary="All of it in one page",
    response_class=Response,
    responses=answers.REPORT_RESPONSES,
)
async def get_report(request: Request, batch_id: BatchId) -> Response:
    """Self-contained: to be kept, printed, or handed to whoever decides an appeal."""
    response = await _render(request, batch_id, lambda gallery, batch: gallery.report(batch))
    return Response(response.body, media_type="text/html; charset=utf-8", headers=_REPORT_HEADERS)


async def _render(
    request: Request, batch_id: str, render: Callable[[BatchImages, Batch], bytes]
) -> Response:
    """What ``render`` makes of the batch, on a thread, when a place is free."""
    batch_state = app_state(request).batches
    batch = await batch_state.run(batch_state.service.get, batch_id, request_owner(request))
    with batch_state.drawing_limit.admit():
        content = await batch_state.run(partial(render, batch_state.images, batch))
    return Response(content, media_type=_PNG, headers={"Cache-Control": "no-store"})
