"""The larger avatar first, the one that was named where that fails."""

from __future__ import annotations

import asyncio

import pytest

from app.errors import AvatarError, FetchFailed, FetchTimeout, TooLarge, UrlBlocked
from app.fetch import Fetcher
from app.fetch.avatar_urls import fetch_first
from tests.fetch.servers import LOOPBACK, OK, PICTURE, empty, ok, run, serving


def test_against_a_server() -> None:
    async def scenario(reply: bytes) -> tuple[bytes, int]:
        replies = {"/a_400x400.jpg": reply, "/a_normal.jpg": OK}
        async with serving(replies) as server, Fetcher(LOOPBACK) as fetcher:
            large, small = server.url("/a_400x400.jpg"), server.url("/a_normal.jpg")
            return await fetch_first(fetcher.fetch, large, small), len(server.requests)

    assert run(scenario(ok(b"large"))) == (b"large", 1)
    assert run(scenario(empty("404 X"))) == (PICTURE, 2)
    assert run(scenario(ok(b"x" * 2000))) == (PICTURE, 2)


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
def test_who_is_asked_twice(error: AvatarError, asked: int) -> None:
    seen: list[str] = []

    async def fetch(url: str) -> bytes:
        seen.append(url)
        raise error

    for fallback, times in (("small", asked), (None, 1)):
        seen.clear()
        with pytest.raises(type(error)):
            asyncio.run(fetch_first(fetch, "large", fallback))
        assert seen == ["large", "small"][:times]
