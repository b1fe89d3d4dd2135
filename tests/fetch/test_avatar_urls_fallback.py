"""The larger avatar first, the one that was named where that fails."""

from __future__ import annotations

import asyncio

import pytest

from app.errors import FetchFailed, FetchTimeout, RequestError, TooLarge, UrlBlocked
from app.fetch.avatar_urls import fetch_with_fallback
from app.fetch.fetcher import Fetcher
from tests.fetch.scripted_server import (
    LOOPBACK_POLICY,
    OK_RESPONSE,
    PICTURE,
    empty_response,
    ok_response,
    run_bounded,
    run_server,
)


def test_against_a_server() -> None:
    async def scenario(reply: bytes) -> tuple[bytes, int]:
        replies = {"/a_400x400.jpg": reply, "/a_normal.jpg": OK_RESPONSE}
        async with run_server(replies) as server, Fetcher(LOOPBACK_POLICY) as fetcher:
            large, small = server.url("/a_400x400.jpg"), server.url("/a_normal.jpg")
            return await fetch_with_fallback(fetcher.fetch, large, small), len(server.requests)

    assert run_bounded(scenario(ok_response(b"large"))) == (b"large", 1)
    assert run_bounded(scenario(empty_response("404 X"))) == (PICTURE, 2)
    assert run_bounded(scenario(ok_response(b"x" * 2000))) == (PICTURE, 2)


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (FetchFailed("gone", upstream_status=404), 2),
        (FetchFailed("no", upstream_status=403), 2),
        (FetchFailed("oops", upstream_status=500), 2),
        (TooLarge("much"), 2),
        (FetchFailed("slower", upstream_status=429), 1),
        (FetchFailed("later", upstream_status=503), 1),
        (FetchFailed("nobody there"), 1),
        (FetchTimeout("slow"), 1),
        (UrlBlocked("no"), 1),
    ],
)
def test_who_is_asked_twice(error: RequestError, asked: int) -> None:
    requested_urls: list[str] = []

    async def fetch(url: str) -> bytes:
        requested_urls.append(url)
        raise error

    for fallback, times in (("small", asked), (None, 1)):
        requested_urls.clear()
        with pytest.raises(type(error)):
            asyncio.run(fetch_with_fallback(fetch, "large", fallback))
        assert requested_urls == ["large", "small"][:times]
