"""``POST /v1/analyses``: one avatar in, a calibrated likelihood and its overlay out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.analysis.record import complete_answer
from app.analysis.schemas import AnalysisOptions, AnalysisOut
from app.analysis.serialize import data_uri
from app.api.analyses import openapi
from app.api.analyses.request import AnalysisQuery, AnalysisRequest, read_request
from app.api.auth import Owner, Quota, require_key
from app.api.content_negotiation import JSON, PNG, ZIP, preferred_type
from app.api.state import AppState, State
from app.errors import NotFound
from app.evidence import Depth
from app.fetch.avatar_urls import fetch_with_fallback, resolve_avatar_url
from app.fetch.rate_limit import cooldown_owner_var
from app.records import ItemResult, PictureRecord
from app.runtime.evidence.picture_bundle import build_picture_bundle
from app.settings import Probability

router = APIRouter(tags=["analyses"], dependencies=[Depends(require_key)])


@dataclass(frozen=True)
class AnalysisJob:
    """A picture's bytes, and how they are to be answered.

    ``prior``: the caller's, or the operator's.
    """

    data: bytes
    fetch_ms: float
    options: AnalysisOptions
    media_type: str
    source: str
    prior: float

    @property
    def wants_overlay(self) -> bool:
        return self.media_type == PNG or "overlay" in self.options.include

    @property
    def needs_picture(self) -> bool:
        """Whether to look at the picture itself, whatever was answered about it before."""
        wants_all = self.options.depth is Depth.FULL
        return wants_all or self.wants_overlay or self.media_type == ZIP


@dataclass(frozen=True)
class AnalysisAnswer:
    """The answer, and the record that it was made of."""

    response: Response
    record: PictureRecord


@router.post(
    "/v1/analyses",
    summary="Analyze one avatar",
    response_model=AnalysisOut,
    responses=openapi.RESPONSES,
    openapi_extra={"requestBody": openapi.REQUEST_BODY},
)
async def create_analysis(
    request: Request,
    query: Annotated[AnalysisQuery, Query()],
    state: State,
    owner: Owner,
    quota: Quota,
) -> Response:
    """How strongly the picture's pixels say "made by a StyleGAN-family face generator".

    200 for every readable picture: no face in it is an outcome, not an error. The bytes decide
    the format of the picture; its content type is ignored. With `Accept: image/png` the overlay is
    the answer; with `Accept: application/zip` an evidence bundle: report, results, drawings,
    versions and sums, and the picture itself only with `include=picture`.
    """
    media_type = preferred_type(request.headers.get("accept", "*/*"), (JSON, PNG, ZIP))
    with state.analysis_pool.admit(owner):
        with quota.reserve(1):
            analysis_request = await read_request(request, query, state.settings.max_bytes)
        cooldown_owner_var.set(owner)
        job = await _load_job(state, analysis_request, media_type)
        known = None
        if not job.needs_picture:
            known = await state.answers.reuse(owner, job.data, job.prior)
        build = partial(_build_answer, state, job, known)
        answer = await state.analysis_pool.run(build, owner)
        if known is None:
            await state.answers.keep(owner, job.prior, answer.record)
    quota.charge_pixels(answer.record.width * answer.record.height)
    return answer.response


async def _load_job(
    state: AppState, analysis_request: AnalysisRequest, media_type: str
) -> AnalysisJob:
    """The picture's bytes, fetched if the request gives a URL."""
    options = analysis_request.options
    prior = state.settings.prior if options.prior is None else options.prior
    if analysis_request.data is not None:
        return AnalysisJob(analysis_request.data, 0.0, options, media_type, "upload", prior)
    assert analysis_request.url is not None
    began = time.perf_counter()
    with state.metrics.time_stage("fetch"):
        avatar = resolve_avatar_url(analysis_request.url)
        data = await fetch_with_fallback(state.fetcher.fetch, avatar.url, avatar.fallback_url)
    fetch_ms = 1000.0 * (time.perf_counter() - began)
    return AnalysisJob(data, fetch_ms, options, media_type, analysis_request.url, prior)


@router.get(
    "/v1/analyses/{sha256}",
    summary="An answer that was given before",
    response_model=AnalysisOut,
    responses=openapi.FOUND_RESPONSES,
)
async def get_analysis(
    sha256: Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="of the file's bytes")],
    state: State,
    owner: Owner,
    prior: Annotated[Probability | None, Query(description="the operator's if not given")] = None,
) -> Response:
    """The answer about bytes that this key's owner sent lately, at the same prior.

    Answers are kept only where the operator set `EYELINE_REUSE_ANSWERS`, for as long as results of
    lists, and no picture with them. Any process of the service finds what another one answered.
    """
    used_prior = state.settings.prior if prior is None else prior
    record = await state.answers.find(owner, sha256, used_prior)
    if record is None:
        raise NotFound("No answer about these bytes is kept; send them to `POST /v1/analyses`.")
    return _response(complete_answer(record).model_dump_json(), JSON)


def _build_answer(state: AppState, job: AnalysisJob, known: PictureRecord | None) -> AnalysisAnswer:
    """The answer to ``job``; on a thread of the pool. ``known``: what was answered before."""
    if job.media_type == ZIP:
        return _build_bundle(state, job)
    record = known or _analyze(state, job)
    if job.media_type == PNG:
        return AnalysisAnswer(_response(record.overlay, PNG), record)
    answer = complete_answer(record, custom_id=job.options.custom_id, fetch_ms=job.fetch_ms)
    if "picture" in job.options.include:
        media_type = f"image/{answer.image.format.lower()}"
        answer = answer.model_copy(update={"picture": data_uri(job.data, media_type)})
    return AnalysisAnswer(_response(answer.model_dump_json(), JSON), record)


def _analyze(state: AppState, job: AnalysisJob) -> PictureRecord:
    record = state.analyze(job.data, job.prior, overlay=job.wants_overlay, depth=job.options.depth)
    state.metrics.count_analysis(record)
    return record


def _build_bundle(state: AppState, job: AnalysisJob) -> AnalysisAnswer:
    record = state.analyze(job.data, job.prior, drawings="all")
    state.metrics.count_analysis(record)
    bundle = build_picture_bundle(
        ItemResult(0, job.source, job.options.custom_id, record=record),
        state.model,
        datetime.now(UTC),
        contact=state.settings.contact,
        picture=job.data if "picture" in job.options.include else None,
    )
    response = _response(bundle, ZIP)
    response.headers["Content-Disposition"] = (
        f'attachment; filename="{record.sha256[:16]}-evidence.zip"'
    )
    return AnalysisAnswer(response, record)


def _response(content: bytes | str, media_type: str) -> Response:
    return Response(content, media_type=media_type, headers={"Vary": "Accept"})
