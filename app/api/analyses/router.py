"""``POST /v1/analyses``: one avatar in, a calibrated likelihood and its overlay out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

from fastapi import APIRouter, Depends, Request, Response

from app.analysis.schemas import AnalysisOut, Options
from app.analysis.serialize import wire
from app.api.analyses import examples
from app.api.analyses.request import Submission, read_submission
from app.api.auth import afford, charge, require_key
from app.api.content_negotiation import wants_png
from app.api.state import House, house
from app.fetch.avatar_urls import fetch_first, find
from app.render.overlay.overlay import draw_overlay

router = APIRouter(tags=["analyses"], dependencies=[Depends(require_key)])


@dataclass(frozen=True)
class Delivery:
    """A picture's bytes at the workshop's door."""

    data: bytes
    fetch_ms: float
    options: Options
    as_png: bool


@router.post(
    "/v1/analyses",
    summary="Analyse one avatar",
    response_model=AnalysisOut,
    responses=examples.RESPONSES,
    openapi_extra={"requestBody": examples.REQUEST_BODY, "parameters": examples.PARAMETERS},
)
async def create_analysis(request: Request) -> Response:
    """How strongly the picture's pixels say "made by a StyleGAN-family face generator".

    200 for every picture that can be read: no face in it is an outcome, not an error. Bytes decide
    what a picture is; its content type is ignored. With `Accept: image/png` the overlay is the
    answer.
    """
    here = house(request)
    afford(request)
    with here.workshop.place():
        submission = await read_submission(request, here.settings.max_bytes)
        charge(request, 1)
        as_png = wants_png(request.headers.get("accept", "*/*"))
        delivery = await _deliver(here, submission, as_png)
        return await here.workshop.run(partial(_answer, here, delivery))


async def _deliver(here: House, submission: Submission, as_png: bool) -> Delivery:
    """The submission's bytes, fetched if they are elsewhere."""
    if submission.data is not None:
        return Delivery(submission.data, 0.0, submission.options, as_png)
    assert submission.url is not None
    began = time.perf_counter()
    with here.metrics.stage("fetch"):
        found = find(submission.url)
        data = await fetch_first(here.fetcher.fetch, found.url, found.fallback_url)
    fetch_ms = 1000.0 * (time.perf_counter() - began)
    return Delivery(data, fetch_ms, submission.options, as_png)


def _answer(here: House, delivery: Delivery) -> Response:
    """Examine, draw and put into words; on a workshop thread."""
    examined = here.examine(delivery.data)
    analysis = examined.analysis
    here.metrics.examined(analysis.outcome, analysis.verdict, examined.timings_ms)
    options = delivery.options
    overlay = None
    if delivery.as_png or "overlay" in options.include:
        with here.metrics.stage("overlay"):
            overlay = draw_overlay(examined.picture, analysis)
    if delivery.as_png:
        return Response(overlay, media_type="image/png", headers={"Vary": "Accept"})
    said = wire(
        examined,
        prior=options.prior if options.prior is not None else here.settings.prior,
        base_rate=here.settings.base_rate,
        custom_id=options.custom_id,
        fetch_ms=delivery.fetch_ms,
        overlay=overlay,
    )
    return Response(
        said.model_dump_json(), media_type="application/json", headers={"Vary": "Accept"}
    )
