"""Who may come in: ``Authorization: Bearer`` with a known key, or everybody where no key is set.

``require(scope)`` guards a route. Behind it ``request_owner`` says whose request this is,
``check_quota`` whether its key may still send pictures today, and ``charge`` counts those that it
sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, ClassVar, Final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.api.keys import Caller
from app.api.problems import Unauthorized
from app.api.state import app_state
from app.api_keys import Scope
from app.errors import RequestError

_bearer = HTTPBearer(
    auto_error=False, scheme_name="key", description="An API key; not needed where none is set."
)


class Forbidden(RequestError):
    """A known key that does not open this door."""

    code: ClassVar[str] = "forbidden"
    title: ClassVar[str] = "This key may not do that"


AccessDependency = Callable[..., Awaitable[None]]


def require(scope: Scope) -> AccessDependency:
    """A dependency that lets in who has ``scope``.

    It raises ``Unauthorized``, ``Forbidden``, or a kind of ``Busy``. A request is counted once,
    however many of these it passes.
    """

    async def check_access(
        request: Request,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> None:
        keys = app_state(request).keys
        if not keys:
            return
        if credentials is None:
            raise Unauthorized("Send `Authorization: Bearer <key>`; the operator hands out keys.")
        caller = keys.find_caller(credentials.credentials)
        if caller is None:
            raise Unauthorized("This API key is not known here.")
        if not caller.key.has_scope(scope):
            raise Forbidden(f"It needs the scope `{scope}`; ask the operator for another key.")
        if _caller(request) is None:
            request.state.caller = caller
            caller.usage.count_request()

    return check_access


require_key: Final = require("analyse")


def request_owner(request: Request) -> str:
    """Whose request this is: the name of its key, or a label; empty where no key is set."""
    caller = _caller(request)
    return caller.key.owner if caller else ""


def check_quota(request: Request) -> None:
    """Raises ``QuotaExceeded`` if the key has no pictures left today. Event loop only."""
    caller = _caller(request)
    if caller is not None:
        caller.usage.check_quota()


def charge(request: Request, pictures: int) -> None:
    """Count ``pictures`` against the day's quota of the key. Event loop only."""
    caller = _caller(request)
    if caller is not None:
        caller.usage.count_pictures(pictures)


def rate_limit_headers(request: Request) -> dict[str, str]:
    """What the answer says of the key's limits."""
    caller = _caller(request)
    return caller.usage.rate_limit_headers() if caller else {}


def _caller(request: Request) -> Caller | None:
    caller: Caller | None = getattr(request.state, "caller", None)
    return caller
