"""Protection against web pages that use a browser on this machine to reach a service without keys.

Without keys the service listens on loopback alone, but a browser on the same machine can reach it.
A page of another origin can send it forms without any CORS header, and a DNS name that points to
127.0.0.1 makes a page same-origin (DNS rebinding). So, where no key is set, ``Host`` must name this
machine, and a request that changes something must not come from another origin.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import problems
from app.errors import CrossOrigin, Misdirected, RequestError

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class OriginGuard:
    """Pure ASGI, inside ``RequestContext``; only for a service without keys."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope, receive)
            try:
                check_origin(request)
            except RequestError as error:
                problem = problems.problem_from_error(error, request.state.request_id)
                await problems.problem_response(request, problem)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def check_origin(request: Request) -> None:
    """Raises ``Misdirected`` or ``CrossOrigin``."""
    host = request.headers.get("host", "")
    if not _is_this_machine(host):
        raise Misdirected(
            "Without EYELINE_API_KEYS this service answers to localhost and loopback addresses "
            "only; send such a Host, or let the operator set keys."
        )
    origin = request.headers.get("origin")
    is_foreign = origin is not None and origin.partition("://")[2].lower() != host.lower()
    if request.method not in _SAFE_METHODS and (
        is_foreign or request.headers.get("sec-fetch-site") in ("cross-site", "same-site")
    ):
        raise CrossOrigin(
            "A page of another origin sent this. Set EYELINE_API_KEYS and call from a server."
        )


def _is_this_machine(host: str) -> bool:
    """Whether ``Host`` names loopback; the port may be any."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
