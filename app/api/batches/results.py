"""What came of a follower list: a page as JSON, everything as NDJSON, the list itself as CSV."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from app.api.auth import owner, require
from app.api.batches import openapi as answers
from app.api.batches.router import BatchId
from app.api.batches.schemas import RESULTS_DEFAULT, RESULTS_MAX, ResultPageOut, batch_out
from app.api.content_negotiation import JSON, preferred
from app.api.state import house
from app.api.streaming import Stream
from app.batches import export
from app.batches.service import Desk
from app.batches.store.models import Batch
from app.evidence import Verdict

router = APIRouter(tags=["batches"], dependencies=[Depends(require("read"))])

NDJSON: Final = "application/x-ndjson"
CSV: Final = "text/csv"
FORMATS: Final = {"json": JSON, "ndjson": NDJSON, "csv": CSV}

Order = Literal["input", "-llr"]


@dataclass(frozen=True)
class Asked:
    """Which results, in which order."""

    order: Order = "input"
    min_llr: float | None = None
    verdict: Verdict | None = None

    def terms(self) -> dict[str, Any]:
        """As the desk takes them."""
        return {"order": self.order, "min_llr": self.min_llr, "verdict": self.verdict}


@router.get(
    "/v1/batches/{batch_id}/results",
    summary="What came of the list",
    response_model=ResultPageOut,
    responses=answers.RESULTS_ANSWERS,
)
async def get_results(
    request: Request,
    batch_id: BatchId,
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
    """By `Accept` or `format`: a JSON page, or everything as NDJSON or CSV, streamed.

    While the batch runs, NDJSON and CSV hold what has a result already; the trailer of an NDJSON
    stream says how far it was. JSON pages in the list's order then end before the first item that
    has none: `has_more` is false, and `next_cursor` leads on from there once there is more, so that
    whoever follows it is given each item once. By `-llr` the order itself still changes. CSV holds
    the rows that came in, in their order, with our columns behind.
    """
    room = house(request).batches
    kind = FORMATS[format] if format else _kind(request)
    asked = Asked(order, min_llr, verdict)
    if kind == JSON:
        body = await room.ask(_page, room.desk, batch_id, owner(request), asked, cursor, limit)
        return Response(body, media_type=JSON, headers={"Vary": "Accept"})
    batch = await room.ask(room.desk.get, batch_id, owner(request))
    ending: Literal["ndjson", "csv"] = "ndjson" if kind == NDJSON else "csv"
    return Stream(
        lines_of(room.desk, batch, asked, ending),
        room.streams,
        media_type=kind,
        headers={
            "Vary": "Accept",
            "Content-Disposition": f'attachment; filename="{batch.id}.{ending}"',
        },
    )


def summary_of(batch: Batch) -> dict[str, Any]:
    """The trailer of a stream of results."""
    said = batch_out(batch).model_dump(mode="json")
    told = ("id", "status", "request_counts", "outcomes", "verdicts", "prior", "error", "cohort")
    return {name: said[name] for name in told}


def _kind(request: Request) -> str:
    return preferred(request.headers.get("accept", "*/*"), tuple(FORMATS.values()))


def _page(
    desk: Desk, batch_id: str, owner_: str, asked: Asked, cursor: str | None, limit: int
) -> bytes:
    page = desk.results(
        batch_id, owner_, after=cursor, limit=limit, thumbnails=False, **asked.terms()
    )
    tail = {"has_more": page.more, "next_cursor": page.next_cursor}
    return export.page(page.results, tail)


def lines_of(
    desk: Desk, batch: Batch, asked: Asked, ending: Literal["ndjson", "csv"]
) -> Generator[bytes, None, None]:
    """The results of ``batch`` as a file with that ending, in blocks; nothing is read before.

    Raises ``NotFound`` if it is erased meanwhile: half of it must not be taken for all.
    """
    found = desk.every(batch.id, batch.new.owner, thumbnails=False, **asked.terms())
    if ending == "csv":
        yield from export.csv(found, batch.new.columns)
    else:
        yield from export.ndjson(found, None)
    batch = desk.get(batch.id, batch.new.owner)
    if ending == "ndjson":
        yield from export.ndjson((), summary_of(batch))
