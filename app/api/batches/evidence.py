"""The evidence bundle of a list: everything that is kept of it, in one zip that can be checked."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Response

from app.api.auth import Owner, require
from app.api.batches import openapi
from app.api.batches.dependencies import Batches, RequestedBatch
from app.api.batches.streaming import BoundedStreamingResponse
from app.api.content_negotiation import ZIP
from app.runtime.evidence.bundle import stream_batch_bundle

router = APIRouter(tags=["batches"], dependencies=[Depends(require("read"))])


@router.get(
    "/v1/batches/{batch_id}/evidence.zip",
    summary="Everything about a list in one zip",
    response_class=Response,
    responses=openapi.EVIDENCE_RESPONSES,
)
async def get_evidence(batch: RequestedBatch, owner: Owner, batches: Batches) -> Response:
    """Report, results, drawings of the flagged, thumbnails, versions, and how to check it all.

    Results as CSV and NDJSON; `SHA256SUMS` holds the sum of every file, `README.txt` says how
    `eyeline verify` computes the figures again. Once the list has ended; the same list
    gives the same bytes as long as nobody decides on its items. A stream that was cut off is no
    zip.
    """
    return BoundedStreamingResponse(
        stream_batch_bundle(batches.service, batches.images, batches.networks, batch),
        batches.limits.bundles,
        owner,
        media_type=ZIP,
        headers={"Content-Disposition": f'attachment; filename="{batch.id}-evidence.zip"'},
    )
