"""Authentication: ``Authorization: Bearer`` with a known key, or nothing where no key is set.

``require(scope)`` guards a route; after it ``Owner`` is the owner of the request, and ``Quota``
reserves pictures of the key's day.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Final, TypeVar

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.api.keys import Caller, KeyUsage
from app.api.state import State
from app.api_keys import Scope
from app.errors import Forbidden, Unauthorized

_bearer = HTTPBearer(
    auto_error=False, scheme_name="key", description="An API key; not needed where none is set."
)

AccessDependency = Callable[..., Awaitable[None]]
T = TypeVar("T")


def require(scope: Scope) -> AccessDependency:
    """A dependency that admits keys with ``scope``.

    It raises ``Unauthorized``, ``Forbidden`` or ``RateLimited``. A request is counted once,
    however many of these it passes.
    """

    async def check_access(
        request: Request,
        state: State,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> None:
        if not state.keys:
            return
        if credentials is None:
            raise Unauthorized("Send `Authorization: Bearer <key>`; the operator hands out keys.")
        caller = state.keys.find_caller(credentials.credentials)
        if caller is None:
            raise Unauthorized("Unknown API key; ask the operator for a valid one.")
        if not caller.key.has_scope(scope):
            raise Forbidden(f"It needs the scope `{scope}`; ask the operator for another key.")
        if _caller(request) is None:
            request.state.caller = caller
            caller.usage.count_request()

    return check_access


require_key: Final = require("analyse")


async def request_owner(request: Request) -> str:
    """The owner of the key that was sent; empty where no key is set."""
    caller = _caller(request)
    return caller.key.owner if caller else ""


Owner = Annotated[str, Depends(request_owner)]


async def own_owners(request: Request) -> tuple[str, ...]:
    """Whose batches the key that was sent may change; the nameless owner's where no key is set."""
    caller = _caller(request)
    return caller.key.own_owners if caller else ("",)


async def readable_owners(request: Request) -> tuple[str, ...]:
    """Whose batches the key that was sent may read."""
    caller = _caller(request)
    return caller.key.readable_owners if caller else ("",)


OwnOwners = Annotated[tuple[str, ...], Depends(own_owners)]
ReadableOwners = Annotated[tuple[str, ...], Depends(readable_owners)]


def may_see_all(request: Request) -> bool:
    """Whether every owner's batches may be listed: with scope `admin`, or where no key is set."""
    caller = _caller(request)
    return caller is None or caller.key.has_scope("admin")


class PictureQuota:
    """The day's pictures of the key that was sent; without a key or a quota there is no limit."""

    def __init__(self, usage: KeyUsage | None) -> None:
        self._usage = usage

    @contextmanager
    def reserve(self, pictures: int) -> Iterator[None]:
        """Count ``pictures``; give them back if the block fails. Raises ``QuotaExceeded``."""
        if self._usage is None:
            yield
            return
        self._usage.reserve_pictures(pictures)
        try:
            yield
        except BaseException:
            self._usage.release_pictures(pictures)
            raise

    def check(self) -> None:
        """Raises ``QuotaExceeded`` if no picture is left today."""
        if self._usage is not None:
            self._usage.check_quota()

    @contextmanager
    def reserving(self, items: Iterable[T]) -> Iterator[tuple[Iterator[T], Callable[[], None]]]:
        """``items``, each counted as it is read, and a function that keeps the count.

        Unless it is called, everything is given back. Reading raises ``QuotaExceeded``.
        """
        reserved = 0

        def counted() -> Iterator[T]:
            nonlocal reserved
            for item in items:
                if self._usage is not None:
                    self._usage.reserve_pictures(1)
                    reserved += 1
                yield item

        def keep() -> None:
            nonlocal reserved
            reserved = 0

        try:
            yield counted(), keep
        finally:
            if self._usage is not None:
                self._usage.release_pictures(reserved)

    def charge_pixels(self, pixels: int) -> None:
        """Charge the key's rate for a large picture."""
        if self._usage is not None:
            self._usage.count_pixels(pixels)


async def picture_quota(request: Request) -> PictureQuota:
    """The quota that this request draws on."""
    caller = _caller(request)
    return PictureQuota(caller.usage if caller else None)


Quota = Annotated[PictureQuota, Depends(picture_quota)]


def rate_limit_headers(request: Request) -> dict[str, str]:
    """The limits of the key, for the headers of the answer."""
    caller = _caller(request)
    return caller.usage.rate_limit_headers() if caller else {}


def key_label(request: Request) -> str:
    """The name of the key that was sent, or a part of its digest; empty without a known key."""
    caller = _caller(request)
    return caller.key.owner if caller else ""


def _caller(request: Request) -> Caller | None:
    caller: Caller | None = getattr(request.state, "caller", None)
    return caller
