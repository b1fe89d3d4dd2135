"""What came of a follower list: a page as JSON, everything as NDJSON, the list itself as CSV."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from app.api.auth import request_owner, require
from app.api.batches import openapi as answers
from app.api.batches.router import BatchId
from app.api.batches.schemas import RESULTS_DEFAULT, RESULTS_MAX, ResultPageOut, serialize_batch
from app.api.content_negotiation import JSON, preferred_type
from app.api.state import app_state
from app.api.streaming import BoundedStreamingResponse
from app.batches import export
from app.batches.service import BatchService
from app.batches.store.models import Batch
from app.evidence import Verdict

router = APIRouter(tags=["batches"], dependencies=[Depends(require("read"))])

NDJSON: Final = "application/x-ndjson"
CSV: Final = "text/csv"
RESULT_MEDIA_TYPES: Final = {"json": JSON, "ndjson": NDJSON, "csv": CSV}

ResultOrder = Literal["input", "-llr"]


@dataclass(frozen=True)
class ResultFilter:
    """Which results, in which order."""

    order: ResultOrder = "input"
    min_llr: float | None = None
    verdict: Verdict | None = None

    def query_arguments(self) -> dict[str, Any]:
        """As the desk takes them."""
        return {"order": self.order, "min_llr": self.min_llr, "verdict": self.verdict}


@router.get(
    "/v1/batches/{batch_id}/results",
    summary="What came of the list",
    response_model=ResultPageOut,
    responses=answers.RESULTS_RESPONSES,
)
async def get_results(
    request: Request,
    batch_id: BatchId,
    cursor: Annotated[str | None, Query(max_length=256, description="JSON pages only")] = None,
    limit: Annotated[
        int, Query(ge=1, le=RESULTS_MAX, description="JSON pages only")
    ] = RESULTS_DEFAULT,
    order: Annotated[
        ResultOrder, Query(description="`-llr`: the strongest evidence first")
    ] = "input",
    min_llr: Annotated[
        float | None, Query(allow_inf_nan=False, description="only answers at or above it")
    ] = None,
    verdict: Annotated[Verdict | None, Query(description="only answers with it")] = None,
    format: Annotated[
        Literal["json", "ndjson", "csv"] | None, Query(description="instead of `Accept`")
    ] = None,
) -> Response:
    """By `Accept` or `format`: a JSON page, or everything as NDJSON or CSV, streamed.

    While the batch runs, NDJSON and CSV hold what has a result already; the trailer of an NDJSON
    stream says how far it was. JSON pages in the list's order then end before the first item that
    has none: `has_more` is false, and `next_cursor` leads on from there once there is more, so that
    whoever follows it is given each item once. By `-llr` the order itself still changes. CSV holds
    the rows that came in, in their order, with our columns behind.
    """
    batch_state = app_state(request).batches
    media_type = RESULT_MEDIA_TYPES[format] if format else _negotiate_media_type(request)
    result_filter = ResultFilter(order, min_llr, verdict)
    if media_type == JSON:
        body = await batch_state.run(
            _results_page,
            batch_state.service,
            batch_id,
            request_owner(request),
            result_filter,
            cursor,
            limit,
        )
        return Response(body, media_type=JSON, headers={"Vary": "Accept"})
    batch = await batch_state.run(batch_state.service.get, batch_id, request_owner(request))
    file_format: Literal["ndjson", "csv"] = "ndjson" if media_type == NDJSON else "csv"
    return BoundedStreamingResponse(
        stream_results(batch_state.service, batch, result_filter, file_format),
        batch_state.stream_limit,
        media_type=media_type,
        headers={
            "Vary": "Accept",
            "Content-Disposition": f'attachment; filename="{batch.id}.{file_format}"',
        },
    )


def summarize_batch(batch: Batch) -> dict[str, Any]:
    """The trailer of a stream of results."""
    document = serialize_batch(batch).model_dump(mode="json")
    fields = ("id", "status", "request_counts", "outcomes", "verdicts", "prior", "error", "cohort")
    return {name: document[name] for name in fields}


def _negotiate_media_type(request: Request) -> str:
    return preferred_type(request.headers.get("accept", "*/*"), tuple(RESULT_MEDIA_TYPES.values()))


def _results_page(
    service: BatchService,
    batch_id: str,
    owner: str,
    result_filter: ResultFilter,
    cursor: str | None,
    limit: int,
) -> bytes:
    page = service.read_result_page(
        batch_id,
        owner,
        after=cursor,
        limit=limit,
        thumbnails=False,
        **result_filter.query_arguments(),
    )
    tail = {"has_more": page.more, "next_cursor": page.next_cursor}
    return export.format_page(page.results, tail)


def stream_results(
    service: BatchService,
    batch: Batch,
    result_filter: ResultFilter,
    file_format: Literal["ndjson", "csv"],
) -> Generator[bytes, None, None]:
    """The results of ``batch`` as a file with that ending, in blocks; nothing is read before.

    Raises ``NotFound`` if it is erased meanwhile: half of it must not be taken for all.
    """
    results = service.iter_results(
        batch.id, batch.request.owner, thumbnails=False, **result_filter.query_arguments()
    )
    if file_format == "csv":
        yield from export.stream_csv(results, batch.request.columns)
    else:
        yield from export.stream_ndjson(results, None)
    batch = service.get(batch.id, batch.request.owner)
    if file_format == "ndjson":
        yield from export.stream_ndjson((), summarize_batch(batch))
