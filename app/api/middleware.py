"""What every request gets: an id, a log line, a count, and a problem instead of a traceback.

Every answer gets headers that restrict browsers, and every GET route answers HEAD.
"""

from __future__ import annotations

import re
import secrets
import time
from typing import Any, Final

import structlog
from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import problems
from app.api.auth import key_label, rate_limit_headers
from app.runtime.observability import Metrics

REQUEST_ID_HEADER: Final = "X-Request-Id"
_CLIENT_CLOSED_REQUEST: Final = 499
"""Logged when the caller disconnected before the answer (nginx's number; never sent)."""
_REQUEST_ID_PATTERN: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_BATCH_PATTERN: Final = re.compile(r"batch_[0-9a-f]{24}")
_DEFAULT_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Routes that answer with pages set a policy of their own."""

log = structlog.get_logger("eyeline.api")


class RequestContext:
    """Pure ASGI, outermost. Logs paths by template: a URL may hold secrets."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        request.state.request_id = _request_id(request)
        structlog.contextvars.bind_contextvars(request_id=request.state.request_id)
        began = time.perf_counter()
        status = await self._respond(request, send)
        self._log_request(request, status, time.perf_counter() - began)
        structlog.contextvars.unbind_contextvars("request_id")

    async def _respond(self, request: Request, send: Send) -> int:
        """Let the application answer; the status that was sent."""
        status = _CLIENT_CLOSED_REQUEST
        scope = request.scope
        if request.method == "HEAD":
            scope, send = {**scope, "method": "GET"}, _send_head_only(send)

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                location = headers.get("location", "")
                request.state.batch = location.rpartition("/")[2]
                headers[REQUEST_ID_HEADER] = request.state.request_id
                headers.update(rate_limit_headers(request))
                for name, value in _DEFAULT_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, request.receive, send_with_headers)
        except ClientDisconnect:
            status = _CLIENT_CLOSED_REQUEST
        except Exception:
            log.exception("unexpected")
            if status != _CLIENT_CLOSED_REQUEST:
                raise  # the answer has begun
            problem = problems.internal_problem(request.state.request_id)
            response = problems.problem_response(request, problem)
            await response(request.scope, request.receive, send_with_headers)
        for name in ("route", "path_params"):
            request.scope.setdefault(name, scope.get(name))
        return status

    def _log_request(self, request: Request, status: int, duration_s: float) -> None:
        route: Any = request.scope.get("route")
        path = getattr(route, "path", "unmatched")
        code = getattr(request.state, "problem", "none")
        self._metrics.requests.labels(path, str(status), code).inc()
        log.info(
            "request",
            method=request.method,
            path=path,
            status=status,
            code=code,
            took_ms=round(1000.0 * duration_s, 1),
            **_log_labels(request),
        )


def _log_labels(request: Request) -> dict[str, str]:
    """Who asked, by the key's name, and which batch was asked for or made; only what is known."""
    batch_id = (request.scope.get("path_params") or {}).get("batch_id")
    batch_id = str(batch_id or getattr(request.state, "batch", ""))
    labels = {
        "key": key_label(request),
        "batch": batch_id if _BATCH_PATTERN.fullmatch(batch_id) else "",
    }
    return {name: value for name, value in labels.items() if value}


def _send_head_only(send: Send) -> Send:
    """``send`` for the answer to HEAD: it ends after the head, and the body is dropped."""

    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return send_head


def _request_id(request: Request) -> str:
    """The caller's own id if it is a plain one, so that logs can be joined; else a new one."""
    client_request_id = request.headers.get(REQUEST_ID_HEADER, "")
    return (
        client_request_id
        if _REQUEST_ID_PATTERN.fullmatch(client_request_id)
        else f"req_{secrets.token_hex(12)}"
    )
