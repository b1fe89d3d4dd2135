"""What a web page may not make a browser do to a service that asks for no key.

Without keys the service listens on loopback alone, and a browser on the same machine is inside. A
page from elsewhere can send it forms (no CORS header is needed for that), and a name that its owner
points to 127.0.0.1 makes its pages the service's own. So, where no key is set: the name in ``Host``
must be one of this machine, and whatever changes something must not come from another origin.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import ClassVar, Final
from urllib.parse import urlsplit

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import problems
from app.errors import RequestError

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Misdirected(RequestError):
    """A request for another host."""

    code: ClassVar[str] = "misdirected"
    title: ClassVar[str] = "This is another host"


class CrossOrigin(RequestError):
    """A browser sent this for a page of somebody else's."""

    code: ClassVar[str] = "cross_origin"
    title: ClassVar[str] = "Not for other people's pages"


class OriginGuard:
    """Pure ASGI, inside the envelope; only for a service without keys."""

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
            "Without EYELINE_API_KEYS this answers to localhost and loopback addresses alone; "
            "send that as Host, or let the operator set keys."
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
