"""The results of a batch: a page as JSON, all of them as NDJSON, the list itself as CSV."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from app.api.auth import Owner, require
from app.api.batches import openapi
from app.api.batches.dependencies import Batches, RequestedBatch
from app.api.batches.schemas import RESULTS_DEFAULT, RESULTS_MAX, ResultPageOut
from app.api.batches.streaming import BoundedStreamingResponse
from app.api.content_negotiation import JSON, preferred_type
from app.batches import export
from app.batches.service import BatchService
from app.batches.store.models import Batch
from app.batches.store.result_queries import Order
from app.evidence import Verdict
from app.runtime.batch_json import ResultFilter, stream_results

router = APIRouter(tags=["batches"], dependencies=[Depends(require("read"))])

NDJSON: Final = "application/x-ndjson"
CSV: Final = "text/csv"
RESULT_MEDIA_TYPES: Final = {"json": JSON, "ndjson": NDJSON, "csv": CSV}


@router.get(
    "/v1/batches/{batch_id}/results",
    summary="The results of a batch",
    response_model=ResultPageOut,
    responses=openapi.RESULTS_RESPONSES,
)
async def get_results(
    request: Request,
    batch: RequestedBatch,
    owner: Owner,
    batches: Batches,
    cursor: Annotated[str | None, Query(max_length=256, description="JSON pages only")] = None,
    limit: Annotated[
        int, Query(ge=1, le=RESULTS_MAX, description="JSON pages only")
    ] = RESULTS_DEFAULT,
    order: Annotated[Order, Query(description="`-llr`: the strongest evidence first")] = "input",
    min_llr: Annotated[
        float | None, Query(allow_inf_nan=False, description="only answers at or above it")
    ] = None,
    verdict: Annotated[Verdict | None, Query(description="only answers with it")] = None,
    format: Annotated[
        Literal["json", "ndjson", "csv"] | None, Query(description="instead of `Accept`")
    ] = None,
) -> Response:
    """By `Accept` or `format`: a JSON page, or all results as NDJSON or CSV, streamed.

    While the batch runs, NDJSON and CSV hold the results so far; the last line of an NDJSON stream
    gives the counts. JSON pages in the list's order then end before the first item without a
    result: `has_more` is false, and `next_cursor` continues from there later, so that every item
    is returned once. By `-llr` the order itself still changes. CSV holds the rows of the list in
    their order, with Eyeline's columns after them. A stream that was cut off lacks its last line
    (NDJSON) or its last chunk.
    """
    accept = request.headers.get("accept", "*/*")
    choices = tuple(RESULT_MEDIA_TYPES.values())
    media_type = RESULT_MEDIA_TYPES[format] if format else preferred_type(accept, choices)
    result_filter = ResultFilter(order, min_llr, verdict)
    if media_type == JSON:
        page = await batches.run(_format_page, batches.service, batch, result_filter, cursor, limit)
        return Response(page, media_type=JSON, headers={"Vary": "Accept"})
    file_format: Literal["ndjson", "csv"] = "ndjson" if media_type == NDJSON else "csv"
    return BoundedStreamingResponse(
        stream_results(batches.service, batch, result_filter, file_format),
        batches.limits.streams,
        owner,
        media_type=media_type,
        headers={
            "Vary": "Accept",
            "Content-Disposition": f'attachment; filename="{batch.id}.{file_format}"',
        },
    )


def _format_page(
    service: BatchService,
    batch: Batch,
    result_filter: ResultFilter,
    cursor: str | None,
    limit: int,
) -> bytes:
    page = service.read_result_page(
        batch.id,
        batch.request.owner,
        after=cursor,
        limit=limit,
        thumbnails=False,
        **result_filter.query_arguments(),
    )
    tail = {"has_more": page.more, "next_cursor": page.next_cursor}
    return export.format_page(page.results, tail)
