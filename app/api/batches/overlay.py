"""One item of a list, drawn: as it was kept, or from its picture, which is fetched once more."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Response

from app.api.auth import Owner, PictureQuota, Quota, require
from app.api.batches import openapi
from app.api.batches.dependencies import Batches, RequestedBatch
from app.api.content_negotiation import PNG
from app.api.state import AppState, State
from app.batches.drawings import ShownItem
from app.batches.store.drawing_store import MAX_DRAWN_PICTURES
from app.batches.store.models import Batch
from app.errors import PictureGone
from app.fetch.avatar_urls import fetch_with_fallback
from app.fetch.rate_limit import cooldown_owner_var
from app.records import PictureRecord
from app.render.jpeg import transcode_to_png

router = APIRouter(tags=["batches"], dependencies=[Depends(require("read"))])

MAX_SEQ: Final = 2**53
_NOT_KEPT: Final = (
    f"no drawing of this item was kept (lists keep those of their first {MAX_DRAWN_PICTURES} "
    "flagged pictures, unless the operator forbids it)"
)
_SEND_IT: Final = "Send the picture itself to POST /v1/analyses with Accept: image/png."


@router.get(
    "/v1/batches/{batch_id}/items/{seq}/overlay.png",
    summary="One item's picture with what was measured",
    response_class=Response,
    responses=openapi.OVERLAY_RESPONSES,
)
async def get_overlay(
    batch: RequestedBatch,
    seq: Annotated[int, Path(ge=0, le=MAX_SEQ, description="`seq` of the result")],
    owner: Owner,
    batches: Batches,
    state: State,
    quota: Quota,
) -> Response:
    """Of flagged items the drawing is kept, at most of the first 500, as long as the results.

    Of any other item whose picture has a URL it is made anew: the picture is fetched once more and
    counts as one analysis. It must be the very picture that was analyzed, byte for byte; if it is
    not, or came with the list and is no longer stored, the answer is 410 `picture_gone`.
    """
    shown = await batches.run(
        batches.service.drawings.show_item, batch.id, batch.request.owner, seq
    )
    if shown.sheet is not None:
        with batches.limits.drawings.admit(owner):
            return Response(await batches.run(transcode_to_png, shown.sheet), media_type=PNG)
    record = await _draw_again(state, owner, quota, batch, shown)
    return Response(record.overlay, media_type=PNG)


async def _draw_again(
    state: AppState, owner: str, quota: PictureQuota, batch: Batch, shown: ShownItem
) -> PictureRecord:
    """The item's picture, fetched and analyzed once more, with its overlay.

    Raises ``PictureGone``, ``Busy``, ``QuotaExceeded``, and what fetching raises.
    """
    item = shown.item
    if item.url is None:
        raise PictureGone(
            f"The picture came with the list and is no longer stored, and {_NOT_KEPT}. {_SEND_IT}"
        )
    cooldown_owner_var.set(owner)
    with state.analysis_pool.admit(owner):
        with quota.reserve(1), state.metrics.time_stage("fetch"):
            data = await fetch_with_fallback(state.fetcher.fetch, item.url, item.fallback_url)
        if hashlib.sha256(data).hexdigest() != shown.sha256:
            raise PictureGone(
                f"The URL of this item serves another picture by now, and {_NOT_KEPT}. {_SEND_IT}"
            )
        draw = partial(state.analyze, data, batch.request.prior, sha256=shown.sha256, overlay=True)
        record = await state.analysis_pool.run(draw, owner)
    quota.charge_pixels(record.width * record.height)
    return record
