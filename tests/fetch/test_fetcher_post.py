"""Sending through the same guard."""

from __future__ import annotations

import asyncio

import pytest

from app.errors import FetchFailed, FetchTimeout, RequestError, UrlBlocked, UrlInvalid
from app.fetch.fetcher import Fetcher
from app.fetch.policy import FetchPolicy
from tests.fetch.scripted_server import (
    LOOPBACK_POLICY,
    SHORT_TIMEOUT_POLICY,
    TableResolver,
    empty_response,
    redirect_response,
    run_bounded,
    run_server,
)


@pytest.mark.parametrize("status", [200, 201, 204, 400, 404, 410, 429, 500])
def test_the_status_comes_back_and_the_body_arrived(status: int) -> None:
    async def scenario() -> tuple[int, bytes, str]:
        async with (
            run_server({"/hook": empty_response(f"{status} X")}) as server,
            Fetcher(LOOPBACK_POLICY) as f,
        ):
            headers = {"Content-Type": "application/json", "webhook-id": "msg_1"}
            came = await f.post(server.url("/hook"), b'{"a":1}', headers, timeout_s=2.0)
            return came, server.bodies[0], server.requests[0]

    came, body, request = run_bounded(scenario())
    assert (came, body) == (status, b'{"a":1}')
    assert request.startswith("POST /hook HTTP/1.1\r\n")
    assert "Content-Type: application/json\r\n" in request
    assert "webhook-id: msg_1\r\n" in request
    assert "Accept: */*\r\n" in request


@pytest.mark.parametrize("status", ["301 X", "302 X", "303 X", "307 X", "308 X"])
def test_no_redirect_is_followed(status: str) -> None:
    async def scenario() -> tuple[int, int]:
        replies = {"/": redirect_response("/other", status), "/other": empty_response("200 OK")}
        async with run_server(replies) as server, Fetcher(LOOPBACK_POLICY) as fetcher:
            came = await fetcher.post(server.url(), b"{}", {}, timeout_s=2.0)
            return came, len(server.requests)

    assert run_bounded(scenario()) == (int(status[:3]), 1)


@pytest.mark.parametrize(
    ("url", "refusal"),
    [
        ("http://127.0.0.1/", UrlBlocked),
        ("http://169.254.169.254/latest/api/token", UrlBlocked),
        ("http://[::ffff:127.0.0.1]/", UrlBlocked),
        ("http://private.example/", UrlBlocked),
        ("http://private.example:8080/", UrlBlocked),
        ("http://user:secret@hook.example/", UrlInvalid),
        ("ftp://hook.example/", UrlInvalid),
        ("hook.example", UrlInvalid),
    ],
)
def test_the_same_guard(url: str, refusal: type[RequestError]) -> None:
    async def scenario() -> None:
        names = TableResolver({"private.example": ["10.0.0.1"]})
        async with Fetcher(FetchPolicy(max_bytes=1000), names) as fetcher:
            await fetcher.post(url, b"{}", {}, timeout_s=2.0)

    with pytest.raises(refusal):
        run_bounded(scenario())


def test_a_receiver_that_says_nothing_is_left() -> None:
    async def stuck(writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def scenario() -> None:
        async with run_server({"/": stuck}) as server, Fetcher(SHORT_TIMEOUT_POLICY) as fetcher:
            with pytest.raises(FetchTimeout, match=r"receiver.*0\.2 s"):
                await fetcher.post(server.url(), b"{}", {}, timeout_s=0.2)

    run_bounded(scenario())


def test_nobody_there_and_an_answer_that_is_none() -> None:
    async def scenario() -> None:
        async with run_server({"/": b"SSH-2.0\r\n"}) as server, Fetcher(LOOPBACK_POLICY) as fetcher:
            url = server.url()
            with pytest.raises(FetchFailed):
                await fetcher.post(url, b"{}", {}, timeout_s=2.0)
        async with Fetcher(LOOPBACK_POLICY) as fetcher:
            with pytest.raises(FetchFailed):
                await fetcher.post(url, b"{}", {}, timeout_s=2.0)

    run_bounded(scenario())


def test_the_answers_body_is_not_waited_for() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        while True:
            writer.write(b"x" * 1000)
            await writer.drain()

    async def scenario() -> int:
        async with run_server({"/": endless}) as server, Fetcher(LOOPBACK_POLICY) as fetcher:
            return await fetcher.post(server.url(), b"{}", {}, timeout_s=5.0)

    assert run_bounded(scenario()) == 200


def test_a_receiver_that_asked_for_rest_has_it() -> None:
    async def scenario() -> int:
        async with run_server({"/": empty_response("429 X", "Retry-After: 60")}) as server:
            async with Fetcher(LOOPBACK_POLICY) as fetcher:
                assert await fetcher.post(server.url(), b"{}", {}, timeout_s=2.0) == 429
                with pytest.raises(FetchFailed) as caught:
                    await fetcher.post(server.url(), b"{}", {}, timeout_s=2.0)
                assert caught.value.retry_after_s == pytest.approx(60.0, abs=10.0)
            return len(server.requests)

    assert run_bounded(scenario()) == 1
