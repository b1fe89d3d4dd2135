"""``POST /v1/analyses``: one avatar in, a calibrated likelihood and its overlay out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

from fastapi import APIRouter, Depends, Request, Response

from app.analysis.schemas import AnalysisOptions, AnalysisOut
from app.analysis.serialize import serialize_analysis
from app.api.analyses import examples
from app.api.analyses.request import AnalysisRequest, read_request
from app.api.auth import charge, check_quota, require_key
from app.api.content_negotiation import wants_png
from app.api.state import AppState, app_state
from app.fetch.avatar_urls import fetch_with_fallback, resolve_avatar_url
from app.render.overlay.overlay import draw_overlay

router = APIRouter(tags=["analyses"], dependencies=[Depends(require_key)])


@dataclass(frozen=True)
class AnalysisJob:
    """A picture's bytes at the workshop's door."""

    data: bytes
    fetch_ms: float
    options: AnalysisOptions
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
    state = app_state(request)
    check_quota(request)
    with state.analysis_pool.admit():
        analysis_request = await read_request(request, state.settings.max_bytes)
        charge(request, 1)
        as_png = wants_png(request.headers.get("accept", "*/*"))
        job = await _load_job(state, analysis_request, as_png)
        return await state.analysis_pool.run(partial(_build_response, state, job))


async def _load_job(
    state: AppState, analysis_request: AnalysisRequest, as_png: bool
) -> AnalysisJob:
    """The submission's bytes, fetched if they are elsewhere."""
    if analysis_request.data is not None:
        return AnalysisJob(analysis_request.data, 0.0, analysis_request.options, as_png)
    assert analysis_request.url is not None
    began = time.perf_counter()
    with state.metrics.time_stage("fetch"):
        avatar = resolve_avatar_url(analysis_request.url)
        data = await fetch_with_fallback(state.fetcher.fetch, avatar.url, avatar.fallback_url)
    fetch_ms = 1000.0 * (time.perf_counter() - began)
    return AnalysisJob(data, fetch_ms, analysis_request.options, as_png)


def _build_response(state: AppState, job: AnalysisJob) -> Response:
    """Examine, draw and put into words; on a workshop thread."""
    analyzed = state.analyze(job.data)
    analysis = analyzed.analysis
    state.metrics.count_analysis(analysis.outcome, analysis.verdict, analyzed.timings_ms)
    options = job.options
    overlay = None
    if job.as_png or "overlay" in options.include:
        with state.metrics.time_stage("overlay"):
            overlay = draw_overlay(analyzed.picture, analysis)
    if job.as_png:
        return Response(overlay, media_type="image/png", headers={"Vary": "Accept"})
    body = serialize_analysis(
        analyzed,
        prior=options.prior if options.prior is not None else state.settings.prior,
        base_rate=state.settings.base_rate,
        custom_id=options.custom_id,
        fetch_ms=job.fetch_ms,
        overlay=overlay,
    )
    return Response(
        body.model_dump_json(), media_type="application/json", headers={"Vary": "Accept"}
    )
