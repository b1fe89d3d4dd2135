"""Servers that lie, stall, flood and break off."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import tracemalloc
from collections.abc import Iterable
from itertools import repeat

import pytest

from app.errors import AvatarError, FetchFailed, FetchTimeout, TooLarge
from app.fetch import Fetcher, FetchPolicy
from tests.fetch.servers import (
    IMPATIENT,
    LOOPBACK,
    OK,
    PICTURE,
    Reply,
    fetched,
    head,
    ok,
    run,
    serving,
)


def parts(*begin: bytes, then: Iterable[bytes] = (), pause_s: float = 0.0) -> Reply:
    """Writes ``begin``, then each of ``then`` after a pause, then says nothing more."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        for part in begin:
            writer.write(part)
            await writer.drain()
        for part in then:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause_s)
        await asyncio.Event().wait()

    return reply


@pytest.mark.parametrize("declared", [b"1001", b"99999999999999999999", b"18446744073709551616"])
def test_a_declared_size_is_believed_when_it_is_too_large(declared: bytes) -> None:
    with pytest.raises((TooLarge, FetchFailed)):
        run(fetched(b"HTTP/1.1 200 OK\r\nContent-Length: " + declared + b"\r\n\r\n"))


@pytest.mark.parametrize(
    "reply",
    [
        parts(
            head("200 OK", "Transfer-Encoding: chunked"),
            then=repeat(b"40\r\n" + b"x" * 64 + b"\r\n"),
        ),
        parts(head("200 OK", "Connection: close"), then=repeat(b"x" * 64)),
        parts(
            head("200 OK", "Transfer-Encoding: chunked"), b"FFFFFFFF\r\n", then=repeat(b"x" * 999)
        ),
    ],
    ids=["chunks", "until close", "one chunk"],
)
def test_a_body_without_end_is_counted_as_it_arrives(reply: Reply) -> None:
    with pytest.raises(TooLarge):
        run(fetched(reply))


def test_exactly_the_limit_passes() -> None:
    whole = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 1000
    assert len(run(fetched(whole))) == 1000
    with pytest.raises(TooLarge):
        run(fetched(whole + b"x"))


@pytest.mark.parametrize(
    "reply",
    [
        parts(),
        parts(b"HTTP/1.1 200"),
        parts(head("200 OK", "Content-Length: 9"), b"x"),
        parts(head("200 OK", "Transfer-Encoding: chunked"), b"5\r\nab"),
        parts(head("200 OK", "Content-Length: 900"), then=repeat(b"x"), pause_s=0.01),
        parts(b"HTTP/1.1 200 OK\r\n", then=repeat(b"X: y\r\n"), pause_s=0.01),
        parts(b"HTTP/1.1 200 OK\r\nX: ", then=repeat(b"y"), pause_s=0.01),
        parts(then=repeat(b"\r\n"), pause_s=0.01),
        parts(then=repeat(b"HTTP/1.1 100 Continue\r\n\r\n"), pause_s=0.001),
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
def test_a_server_that_stalls_is_left(reply: Reply) -> None:
    async def scenario() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises((FetchTimeout, FetchFailed)):
            await fetched(reply, policy=IMPATIENT)
        return loop.time() - began

    assert run(scenario()) < 10.0


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
        (head("200 OK", "Transfer-Encoding: chunked") + b"1;", FLOOD),
        (head("200 OK", "Transfer-Encoding: chunked") + b"0\r\nX: ", FLOOD),
        (head("200 OK", "Transfer-Encoding: chunked") + b"0\r\n", b"X: y\r\n" * 5000),
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
        with pytest.raises(AvatarError):
            await fetched(parts(begin, then=repeat(flood)), policy=IMPATIENT)
        return loop.time() - began

    tracemalloc.start()
    try:
        spent_s = run(scenario())
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
        run(fetched(then_close, policy=IMPATIENT))


@pytest.mark.parametrize(
    "reply",
    [
        ok(PICTURE[:5]) + PICTURE[5:],
        ok(PICTURE[:5]) + PICTURE[5:] + ok(b"forged"),
        ok(b"first") + ok(b"forged"),
    ],
)
def test_bytes_behind_the_end_of_an_answer_answer_nobody_else(reply: bytes) -> None:
    async def scenario() -> bytes:
        replies = {"/a": reply, "/b": OK}
        async with serving(replies) as server, Fetcher(LOOPBACK) as fetcher:
            with contextlib.suppress(FetchFailed):
                await fetcher.fetch(server.url("/a"))
            return await fetcher.fetch(server.url("/b"))

    assert run(scenario()) == PICTURE


def test_nor_does_one_that_comes_while_the_connection_idles() -> None:
    async def late(writer: asyncio.StreamWriter) -> None:
        writer.write(ok(b"first"))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(ok(b"forged"))
        await writer.drain()
        await asyncio.sleep(0.3)

    async def scenario() -> tuple[bytes, bytes]:
        async with serving({"/a": late, "/b": OK}) as server, Fetcher(LOOPBACK) as fetcher:
            first = await fetcher.fetch(server.url("/a"))
            await asyncio.sleep(0.15)
            return first, await fetcher.fetch(server.url("/b"))

    assert run(scenario()) == (b"first", PICTURE)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "GZIP", "identity, gzip"])
def test_a_compressed_body_is_not_unpacked(coding: str) -> None:
    squeezed = ok(gzip.compress(PICTURE), f"Content-Encoding: {coding}")
    with pytest.raises(FetchFailed, match="compressed") as caught:
        run(fetched(squeezed))
    assert not caught.value.retryable


def test_a_bomb_behind_an_encoding_is_not_even_read() -> None:
    bomb = ok(gzip.compress(bytes(900_000)), "Content-Encoding: gzip")
    assert len(bomb) < 1500
    with pytest.raises(FetchFailed, match="compressed"):
        run(fetched(bomb, policy=FetchPolicy(max_bytes=10_000, allow=("127.0.0.1",))))


def test_a_transfer_that_is_compressed_is_not_unpacked_either() -> None:
    body = gzip.compress(PICTURE * 1000)
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    reply = head("200 OK", "Transfer-Encoding: gzip, chunked", "Connection: close") + chunked
    with contextlib.suppress(FetchFailed):  # to refuse it is as good
        assert run(fetched(reply)) == body


def test_a_connection_that_is_reset_is_a_failed_fetch() -> None:
    async def reset(writer: asyncio.StreamWriter) -> None:
        writer.write(head("200 OK", "Content-Length: 900") + b"x")
        await writer.drain()
        writer.transport.abort()

    with pytest.raises(FetchFailed, match="broke") as caught:
        run(fetched(reset))
    assert caught.value.retryable
