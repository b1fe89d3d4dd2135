"""A follower list as pictures: montage, composite, scatter, and the report that holds them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Response

from app.api.auth import Owner, require
from app.api.batches import openapi
from app.api.batches.dependencies import Batches, RequestedBatch
from app.api.batches.state import BatchState
from app.api.content_negotiation import PNG
from app.batches.store.result_queries import Order
from app.evidence import Verdict
from app.render.montage import DEFAULT_TILES_PER_PAGE, MAX_TILES_PER_PAGE
from app.runtime.batch_images import BatchImages, CompositeGroup, MontageQuery

router = APIRouter(tags=["batches"], dependencies=[Depends(require("read"))])

MAX_PAGE: Final = 1_000_000
Lines = Annotated[bool, Query(description="draw lines through the template's eyes")]
_REPORT_HEADERS: Final = {
    # A report is opened as a file or on the service's own origin: it may load nothing else.
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


@router.get(
    "/v1/batches/{batch_id}/montage.png",
    summary="The avatars with the template's eye positions drawn through each",
    response_class=Response,
    responses=openapi.IMAGE_RESPONSES,
)
async def get_montage(
    batch: RequestedBatch,
    owner: Owner,
    batches: Batches,
    page: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 1,
    per_page: Annotated[int, Query(ge=1, le=MAX_TILES_PER_PAGE)] = DEFAULT_TILES_PER_PAGE,
    order: Order = "-llr",
    verdict: Verdict | None = None,
    lines: Lines = True,
) -> Response:
    """Avatars as they are, not realigned; measured irises, id and llr with each."""
    query = MontageQuery(page, per_page, order, verdict, lines)
    return _png(await _render(batches, owner, lambda images: images.montage(batch, query)))


@router.get(
    "/v1/batches/{batch_id}/composite.png",
    summary="The average picture",
    response_class=Response,
    responses=openapi.IMAGE_RESPONSES,
)
async def get_composite(
    batch: RequestedBatch,
    owner: Owner,
    batches: Batches,
    of: Annotated[
        CompositeGroup | None, Query(description="both groups side by side if not given")
    ] = None,
    lines: Lines = True,
) -> Response:
    """Eyes stay sharp where pictures share one frame, and blur where they do not."""
    return _png(await _render(batches, owner, lambda images: images.composite(batch, of, lines)))


@router.get(
    "/v1/batches/{batch_id}/scatter.png",
    summary="Eye positions of the whole list",
    response_class=Response,
    responses=openapi.IMAGE_RESPONSES,
)
async def get_scatter(batch: RequestedBatch, owner: Owner, batches: Batches) -> Response:
    """Eye positions over the template's region."""
    return _png(await _render(batches, owner, lambda images: images.scatter(batch)))


@router.get(
    "/v1/batches/{batch_id}/report.html",
    summary="The report in one page",
    response_class=Response,
    responses=openapi.REPORT_RESPONSES,
)
async def get_report(batch: RequestedBatch, owner: Owner, batches: Batches) -> Response:
    """Self-contained: to be kept, printed, or handed to whoever decides an appeal."""
    html = await _render(batches, owner, lambda images: images.report(batch))
    return Response(html, media_type="text/html; charset=utf-8", headers=_REPORT_HEADERS)


async def _render(batches: BatchState, owner: str, draw: Callable[[BatchImages], bytes]) -> bytes:
    """The result of ``draw``, made on a thread; raises ``Busy`` and ``NotYet``."""
    with batches.limits.drawings.admit(owner):
        return await batches.run(draw, batches.images)


def _png(content: bytes) -> Response:
    return Response(content, media_type=PNG)
