"""Health, metrics, and what the service says of itself: checks, model, limits."""

from __future__ import annotations

import inspect
import sys
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from app import __version__
from app.analysis.schemas import CUSTOM_ID_MAX_LENGTH
from app.api import problems
from app.api.auth import require
from app.api.batches.schemas import BATCHES_MAX, IDEMPOTENCY_KEY_MAX_LENGTH, RESULTS_MAX
from app.api.batches.state import MAX_LISTENERS, MAX_SUBMISSIONS
from app.api.multipart import MAX_FORM_FILES
from app.api.openapi import problem_responses
from app.api.operations.schemas import (
    CalibrationOut,
    CheckOut,
    LimitsOut,
    ModelCardOut,
    ModelFileOut,
    StatusOut,
)
from app.api.request_body import BODY_GRACE_S, MIN_RATE_BYTES_S
from app.api.state import State
from app.checks import CHECKS
from app.errors import DatabaseUnavailable
from app.evidence import SCOPE, Check
from app.face.landmarks import LANDMARK_MODEL_FILE, LANDMARK_MODEL_SHA256
from app.fetch.policy import CONNECT_S, MAX_REDIRECTS, TOTAL_S
from app.fetch.urls import MAX_URL_CHARS
from app.image.picture import PICTURE_FORMATS, DecodeLimits
from app.render.montage import MAX_TILES_PER_PAGE
from app.runtime.batch_json import METADATA_MAX_KEYS, METADATA_MAX_LENGTH

public_router = APIRouter(tags=["operations"])
read_router = APIRouter(
    tags=["operations"],
    dependencies=[Depends(require("read"))],
    responses=problem_responses("unauthorized", "forbidden", "rate_limited"),
)
admin_router = APIRouter(
    tags=["operations"],
    dependencies=[Depends(require("admin"))],
    responses=problem_responses("unauthorized", "forbidden", "rate_limited"),
)


@public_router.get("/livez", summary="Is the process alive", response_model_exclude_none=True)
async def livez() -> StatusOut:
    """Answers while the event loop runs, whatever the workers do."""
    return StatusOut(status="ok")


@public_router.get(
    "/readyz",
    summary="Should it get traffic",
    response_model=StatusOut,
    responses={
        503: {
            "description": "not ready, with reasons",
            "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    },
)
async def readyz(request: Request, state: State) -> Response:
    """Models loaded and warm, the canary picture scored as recorded, database writable.

    Without a live worker single pictures are answered all the same: then `lists` says so.
    """
    batches, lists_problem = state.batches, None
    try:
        service_error = await batches.read(batches.service.health_problem)
        if service_error is None:
            lists_problem = await batches.read(batches.service.worker_problem)
    except DatabaseUnavailable:
        service_error = "the batch database does not answer"
    reasons = (*state.not_ready_reasons, *([service_error] if service_error else []))
    if not reasons:
        lists = {} if lists_problem is None else {"lists": lists_problem}
        return JSONResponse({"status": "ready", **lists})
    problem = problems.build_problem(
        "not_ready",
        "Not ready for traffic",
        "Run `eyeline doctor` on this machine; the reasons say what is wrong.",
        request.state.request_id,
        reasons=list(reasons),
    )
    return problems.problem_response(request, problem)


@admin_router.get(
    "/metrics",
    summary="For Prometheus",
    response_class=PlainTextResponse,
)
async def metrics(state: State) -> Response:
    """Requests, analyses by outcome and verdict, stages, refusals, batches, child processes."""
    text = await state.batches.read(state.metrics.render_all, state.batches.service)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


@read_router.get("/v1/checks", summary="What each check measures, why and how")
async def checks(state: State) -> list[CheckOut]:
    """The documentation of every check, from its own source."""
    figures = state.model.get("checks", {})
    return [_describe_check(check, figures.get(check.name, {})) for check in CHECKS]


@read_router.get("/v1/model", summary="The model and its error rates")
async def model(state: State) -> ModelCardOut:
    """Verdict thresholds, the false-positive rate measured at each, and the training data."""
    calibration = state.model
    return ModelCardOut(
        name="eyeline",
        version=__version__,
        scope=SCOPE,
        files=[
            ModelFileOut(name=LANDMARK_MODEL_FILE, sha256=LANDMARK_MODEL_SHA256),
            *(ModelFileOut(name=n, sha256=s) for n, s in calibration.get("networks", {}).items()),
        ],
        template_eyes={
            family: ((left[0], left[1]), (right[0], right[1]))
            for family, (left, right) in state.template_eyes.items()
        },
        calibration=CalibrationOut.model_validate(calibration),
    )


@read_router.get("/v1/limits", summary="Limits")
async def limits(state: State) -> LimitsOut:
    """The limits of this service, as its operator set them."""
    settings = state.settings
    decode_limits = DecodeLimits(max_bytes=settings.max_bytes, max_pixels=settings.max_pixels)
    return LimitsOut(
        max_bytes=decode_limits.max_bytes,
        max_pixels=decode_limits.max_pixels,
        max_side_px=decode_limits.max_side_px,
        formats=list(PICTURE_FORMATS),
        workers=settings.workers,
        queue_size=settings.queue_size,
        body_timeout_s=BODY_GRACE_S,
        fetch_timeout_s=TOTAL_S,
        fetch_connect_timeout_s=CONNECT_S,
        fetch_max_redirects=MAX_REDIRECTS,
        url_max_length=MAX_URL_CHARS,
        custom_id_max_length=CUSTOM_ID_MAX_LENGTH,
        max_list_bytes=settings.max_list_bytes,
        max_list_items=settings.max_list_items,
        max_waiting_items=settings.max_waiting_items,
        retention_s=settings.retention_s,
        max_form_files=MAX_FORM_FILES,
        min_list_rate_bytes_s=MIN_RATE_BYTES_S,
        submissions=MAX_SUBMISSIONS,
        listeners=MAX_LISTENERS,
        results_per_page=RESULTS_MAX,
        batches_per_page=BATCHES_MAX,
        montage_per_page=MAX_TILES_PER_PAGE,
        metadata_max_keys=METADATA_MAX_KEYS,
        metadata_max_length=METADATA_MAX_LENGTH,
        idempotency_key_max_length=IDEMPOTENCY_KEY_MAX_LENGTH,
    )


def _describe_check(check: Check, figures: dict[str, Any]) -> CheckOut:
    module = sys.modules[check.measure.__module__]
    return CheckOut(
        name=check.name,
        version=check.version,
        unit=check.unit,
        reference=check.reference,
        description=inspect.getdoc(module) or "",
        figures=figures,
    )
