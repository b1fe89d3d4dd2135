"""Errors → ``application/problem+json`` (RFC 9457). The one table of statuses lives here."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from app.errors import FetchFailed, InvalidFields, RequestError, RetryLater, Unauthorized
from app.runtime.batch_json import invalid_fields

MEDIA_TYPE: Final = "application/problem+json"
STATUS_BY_CODE: Final[Mapping[str, int]] = {
    "url_invalid": 400,
    "unauthorized": 401,
    "cross_origin": 403,
    "forbidden": 403,
    "url_blocked": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "not_yet": 409,
    "picture_gone": 410,
    "too_large": 413,
    "not_an_image": 415,
    "image_unsupported": 415,
    "unsupported_media_type": 415,
    "image_truncated": 422,
    "decoder_failed": 422,
    "image_bomb": 422,
    "invalid_request": 422,
    "list_unreadable": 422,
    "list_empty": 422,
    "list_without_avatars": 422,
    "idempotency_key_reused": 422,
    "misdirected": 421,
    "fetch_failed": 424,
    "busy": 429,
    "quota_exceeded": 429,
    "rate_limited": 429,
    "internal": 500,
    "not_ready": 503,
    "database_unavailable": 503,
    "fetch_timeout": 504,
    "storage_full": 507,
}


class FieldError(BaseModel):
    """A field that is not valid."""

    pointer: str = Field(description="JSON Pointer as a URI fragment", examples=["#/prior"])
    detail: str


class Problem(BaseModel):
    """RFC 9457, with Eyeline's members."""

    type: str = Field(examples=["urn:eyeline:problem:too_large"])
    code: str = Field(description="stable; the last part of `type`", examples=["too_large"])
    title: str
    status: int
    detail: str = Field(description="what happened and what to do")
    request_id: str = Field(description="also in the X-Request-Id header and in the log")
    retryable: bool = Field(description="whether the same request may succeed later")
    errors: list[FieldError] | None = Field(default=None, exclude_if=lambda value: value is None)
    upstream_status: int | None = Field(default=None, exclude_if=lambda value: value is None)
    reasons: list[str] | None = Field(default=None, exclude_if=lambda value: value is None)


def build_problem(code: str, title: str, detail: str, request_id: str, **members: Any) -> Problem:
    """A problem with the status that the table gives ``code``."""
    return Problem(
        type=f"urn:eyeline:problem:{code}",
        code=code,
        title=title,
        status=STATUS_BY_CODE[code],
        detail=detail,
        request_id=request_id,
        **{"retryable": False, **members},
    )


def problem_response(
    request: Request, problem: Problem, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """``problem`` over HTTP; the middleware reads its code for the log and the metrics."""
    request.state.problem = problem.code
    return JSONResponse(
        problem.model_dump(mode="json"), problem.status, headers=headers, media_type=MEDIA_TYPE
    )


def internal_problem(request_id: str) -> Problem:
    """The service's own fault; it reveals nothing about its internals."""
    return build_problem(
        "internal",
        "Internal error",
        "This is a fault of the service, not of the request. Report the request_id if it persists.",
        request_id,
        retryable=True,
    )


def install_handlers(app: FastAPI) -> None:
    """Answer every error of ``app`` with a problem."""
    app.add_exception_handler(RequestError, _request_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)


def problem_from_error(error: RequestError, request_id: str) -> Problem:
    """``error`` as the caller sees it."""
    members: dict[str, Any] = {"retryable": error.retryable}
    if isinstance(error, InvalidFields):
        members["errors"] = [FieldError(pointer=f.pointer, detail=f.detail) for f in error.fields]
    if isinstance(error, FetchFailed):
        members["upstream_status"] = error.upstream_status
    return build_problem(error.code, error.title, error.detail, request_id, **members)


async def _request_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestError)
    headers: dict[str, str] = {}
    if isinstance(error, RetryLater):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, FetchFailed) and error.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after_s))
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return problem_response(request, problem_from_error(error, request.state.request_id), headers)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    """What the framework refuses by itself: no such path, no such method."""
    assert isinstance(error, HTTPException)
    code, title, detail = {
        404: ("not_found", "Not found", "There is no such path; /docs lists all paths."),
        405: ("method_not_allowed", "Not with this method", "The Allow header lists the methods."),
    }.get(error.status_code, ("invalid_request", "The request cannot be understood", error.detail))
    headers = {**(error.headers or {})}
    if error.status_code == 405 and (methods := await _allowed_methods(request)):
        headers["Allow"] = ", ".join(methods)
    return problem_response(
        request, build_problem(code, title, detail, request.state.request_id), headers
    )


async def _allowed_methods(request: Request) -> list[str]:
    """The methods of every route at this path, where the framework names those of its first."""
    path = getattr(request.scope.get("route"), "path", "")
    description = await asyncio.to_thread(request.app.openapi)  # the first time takes a while
    methods = [method.upper() for method in description["paths"].get(path, ())]
    return [*methods, *(["HEAD"] if "GET" in methods else [])]


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    locations = [{**each, "loc": each["loc"][1:]} for each in error.errors()]
    return await _request_error(request, invalid_fields(locations))
