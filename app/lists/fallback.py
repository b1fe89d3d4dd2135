"""A platform's larger avatar first, the one that was named where that fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from app.errors import FetchFailed, TooLarge


async def fetch_first(
    fetch: Callable[[str], Awaitable[bytes]], url: str, fallback_url: str | None
) -> bytes:
    """The bytes behind ``url``, else those behind ``fallback_url``.

    A host that does not answer, or asks for rest, is not asked for a second one. Raises what
    ``fetch`` raises.
    """
    if fallback_url is None:
        return await fetch(url)
    try:
        return await fetch(url)
    except TooLarge:
        pass
    except FetchFailed as error:
        if error.upstream_status is None or error.upstream_status in (429, 503):
            raise
    return await fetch(fallback_url)
