"""Servers that lie, stall, flood and break off."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import tracemalloc
from collections.abc import Iterable
from itertools import repeat

import pytest

from app.errors import FetchFailed, FetchTimeout, RequestError, TooLarge
from app.fetch.fetcher import Fetcher
from app.fetch.policy import FetchPolicy
from tests.fetch.scripted_server import (
    LOOPBACK_POLICY,
    OK_RESPONSE,
    PICTURE,
    SHORT_TIMEOUT_POLICY,
    ReplyFn,
    fetch_reply,
    ok_response,
    response_head,
    run_bounded,
    run_server,
)


def reply_in_parts(*initial: bytes, later: Iterable[bytes] = (), pause_s: float = 0.0) -> ReplyFn:
    """Writes ``initial``, then each of ``later`` after a pause, then says nothing more."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        for part in initial:
            writer.write(part)
            await writer.drain()
        for part in later:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause_s)
        await asyncio.Event().wait()

    return reply


@pytest.mark.parametrize("declared", [b"1001", b"99999999999999999999", b"18446744073709551616"])
def test_a_declared_size_is_believed_when_it_is_too_large(declared: bytes) -> None:
    with pytest.raises((TooLarge, FetchFailed)):
        run_bounded(fetch_reply(b"HTTP/1.1 200 OK\r\nContent-Length: " + declared + b"\r\n\r\n"))


@pytest.mark.parametrize(
    "reply",
    [
        reply_in_parts(
            response_head("200 OK", "Transfer-Encoding: chunked"),
            later=repeat(b"40\r\n" + b"x" * 64 + b"\r\n"),
        ),
        reply_in_parts(response_head("200 OK", "Connection: close"), later=repeat(b"x" * 64)),
        reply_in_parts(
            response_head("200 OK", "Transfer-Encoding: chunked"),
            b"FFFFFFFF\r\n",
            later=repeat(b"x" * 999),
        ),
    ],
    ids=["chunks", "until close", "one chunk"],
)
def test_a_body_without_end_is_counted_as_it_arrives(reply: ReplyFn) -> None:
    with pytest.raises(TooLarge):
        run_bounded(fetch_reply(reply))


def test_exactly_the_limit_passes() -> None:
    whole = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 1000
    assert len(run_bounded(fetch_reply(whole))) == 1000
    with pytest.raises(TooLarge):
        run_bounded(fetch_reply(whole + b"x"))


@pytest.mark.parametrize(
    "reply",
    [
        reply_in_parts(),
        reply_in_parts(b"HTTP/1.1 200"),
        reply_in_parts(response_head("200 OK", "Content-Length: 9"), b"x"),
        reply_in_parts(response_head("200 OK", "Transfer-Encoding: chunked"), b"5\r\nab"),
        reply_in_parts(
            response_head("200 OK", "Content-Length: 900"), later=repeat(b"x"), pause_s=0.01
        ),
        reply_in_parts(b"HTTP/1.1 200 OK\r\n", later=repeat(b"X: y\r\n"), pause_s=0.01),
        reply_in_parts(b"HTTP/1.1 200 OK\r\nX: ", later=repeat(b"y"), pause_s=0.01),
        reply_in_parts(later=repeat(b"\r\n"), pause_s=0.01),
        reply_in_parts(later=repeat(b"HTTP/1.1 100 Continue\r\n\r\n"), pause_s=0.001),
    ],
    ids=[
        "silent",
        "half a status",
        "a body that stops",
        "a chunk that stops",
        "a body that drips",
        "headers that drip",
        "a header that drips",
        "empty lines",
        "one provisional answer after another",
    ],
)
def test_a_server_that_stalls_is_left(reply: ReplyFn) -> None:
    async def scenario() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises((FetchTimeout, FetchFailed)):
            await fetch_reply(reply, policy=SHORT_TIMEOUT_POLICY)
        return loop.time() - began

    assert run_bounded(scenario()) < 10.0


FLOOD = b"z" * 65_536


@pytest.mark.parametrize(
    ("begin", "flood"),
    [
        (b"HTTP/1.1 200 OK\r\nX: ", FLOOD),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 5000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000),
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 2000),
        (b"", FLOOD),
        (b"", b"\r\n" * 30_000),
        (b"HTTP/1.1 200 ", FLOOD),
        (response_head("200 OK", "Transfer-Encoding: chunked") + b"1;", FLOOD),
        (response_head("200 OK", "Transfer-Encoding: chunked") + b"0\r\nX: ", FLOOD),
        (response_head("200 OK", "Transfer-Encoding: chunked") + b"0\r\n", b"X: y\r\n" * 5000),
    ],
    ids=[
        "one header",
        "headers",
        "continue",
        "early hints",
        "noise",
        "empty lines",
        "reason",
        "chunk extension",
        "one trailer",
        "trailers",
    ],
)
def test_a_flood_is_left_in_time_and_in_little_memory(begin: bytes, flood: bytes) -> None:
    """As fast as loopback carries: a server that floods must not fill this process."""

    async def scenario() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(RequestError):
            await fetch_reply(
                reply_in_parts(begin, later=repeat(flood)), policy=SHORT_TIMEOUT_POLICY
            )
        return loop.time() - began

    tracemalloc.start()
    try:
        spent_s = run_bounded(scenario())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert spent_s < 10.0
    assert peak < 16_000_000


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"220 mail ESMTP\r\n",
        b"\x16\x03\x01\x00\x05hello",
        b"\x89PNG pretend",  # HTTP/0.9: a body and nothing else
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 99999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1e3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA\x00B: c\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    ],
)
def test_a_broken_answer_is_a_failed_fetch(reply: bytes) -> None:
    async def then_close(writer: asyncio.StreamWriter) -> None:
        writer.write(reply)
        await writer.drain()

    with pytest.raises((FetchFailed, FetchTimeout)):
        run_bounded(fetch_reply(then_close, policy=SHORT_TIMEOUT_POLICY))


@pytest.mark.parametrize(
    "reply",
    [
        ok_response(PICTURE[:5]) + PICTURE[5:],
        ok_response(PICTURE[:5]) + PICTURE[5:] + ok_response(b"forged"),
        ok_response(b"first") + ok_response(b"forged"),
    ],
)
def test_bytes_behind_the_end_of_an_answer_answer_nobody_else(reply: bytes) -> None:
    async def scenario() -> bytes:
        replies = {"/a": reply, "/b": OK_RESPONSE}
        async with run_server(replies) as server, Fetcher(LOOPBACK_POLICY) as fetcher:
            with contextlib.suppress(FetchFailed):
                await fetcher.fetch(server.url("/a"))
            return await fetcher.fetch(server.url("/b"))

    assert run_bounded(scenario()) == PICTURE


def test_nor_does_one_that_comes_while_the_connection_idles() -> None:
    async def late(writer: asyncio.StreamWriter) -> None:
        writer.write(ok_response(b"first"))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(ok_response(b"forged"))
        await writer.drain()
        await asyncio.sleep(0.3)

    async def scenario() -> tuple[bytes, bytes]:
        async with (
            run_server({"/a": late, "/b": OK_RESPONSE}) as server,
            Fetcher(LOOPBACK_POLICY) as fetcher,
        ):
            first = await fetcher.fetch(server.url("/a"))
            await asyncio.sleep(0.15)
            return first, await fetcher.fetch(server.url("/b"))

    assert run_bounded(scenario()) == (b"first", PICTURE)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "GZIP", "identity, gzip"])
def test_a_compressed_body_is_not_unpacked(coding: str) -> None:
    squeezed = ok_response(gzip.compress(PICTURE), f"Content-Encoding: {coding}")
    with pytest.raises(FetchFailed, match="compressed") as caught:
        run_bounded(fetch_reply(squeezed))
    assert not caught.value.retryable


@pytest.mark.parametrize(
    "coding", ["", "aws-chunked", "UTF-8", "binary", "none", "gzip", "br", "identity, deflate"]
)
def test_a_picture_under_a_meaningless_encoding_is_a_picture(coding: str) -> None:
    jpeg = b"\xff\xd8\xff\xe0 pretend"
    assert run_bounded(fetch_reply(ok_response(jpeg, f"Content-Encoding: {coding}"))) == jpeg
    text = ok_response(b"not a picture", "Content-Encoding: aws-chunked")
    assert run_bounded(fetch_reply(text)) == b"not a picture"  # the decoder says what it is not


def test_a_bomb_behind_an_encoding_is_not_even_read() -> None:
    bomb = ok_response(gzip.compress(bytes(900_000)), "Content-Encoding: gzip")
    assert len(bomb) < 1500
    with pytest.raises(FetchFailed, match="compressed"):
        run_bounded(fetch_reply(bomb, policy=FetchPolicy(max_bytes=10_000, allow=("127.0.0.1",))))


def test_a_transfer_that_is_compressed_is_not_unpacked_either() -> None:
    body = gzip.compress(PICTURE * 1000)
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    reply = (
        response_head("200 OK", "Transfer-Encoding: gzip, chunked", "Connection: close") + chunked
    )
    with contextlib.suppress(FetchFailed):  # to refuse it is as good
        assert run_bounded(fetch_reply(reply)) == body


def test_a_connection_that_is_reset_is_a_failed_fetch() -> None:
    async def reset(writer: asyncio.StreamWriter) -> None:
        writer.write(response_head("200 OK", "Content-Length: 900") + b"x")
        await writer.drain()
        writer.transport.abort()

    with pytest.raises(FetchFailed, match="connection was closed") as caught:
        run_bounded(fetch_reply(reset))
    assert caught.value.retryable
