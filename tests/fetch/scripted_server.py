"""Real servers on loopback that behave as badly as a test asks, byte by byte."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp.abc import AbstractResolver, ResolveResult

from app.fetch.fetcher import Fetcher
from app.fetch.policy import FetchPolicy

T = TypeVar("T")
PICTURE = b"\x89PNG pretend"
LOOPBACK_POLICY = FetchPolicy(max_bytes=1000, allow=("127.0.0.1",))
SHORT_TIMEOUT_POLICY = FetchPolicy(max_bytes=1000, allow=("127.0.0.1",), total_s=0.3, connect_s=0.2)

ReplyFn = Callable[[asyncio.StreamWriter], Awaitable[None]]


def response_head(status: str, *headers: str) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *headers, "", "")).encode()


def ok_response(body: bytes, *headers: str) -> bytes:
    return response_head("200 OK", f"Content-Length: {len(body)}", *headers) + body


def empty_response(status: str, *headers: str) -> bytes:
    return response_head(status, "Content-Length: 0", *headers)


def redirect_response(to: str, status: str = "302 Found") -> bytes:
    return empty_response(status, f"Location: {to}")


OK_RESPONSE = ok_response(PICTURE)


@dataclass
class ScriptedServer:
    """Answers each path with fixed bytes, by a function, or with one after another of several.

    Remembers the heads and bodies it was sent; ``max_concurrent``: how many it served side by side.
    """

    replies: Mapping[str, bytes | ReplyFn | Sequence[bytes | ReplyFn]]
    requests: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0
    max_concurrent: int = 0
    port: int = 0
    request_received: asyncio.Event = field(default_factory=asyncio.Event)
    _serving: set[asyncio.Task[Any]] = field(default_factory=set)
    _active: int = 0
    _reply_counts: dict[str, int] = field(default_factory=dict)

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)  # the loop holds on to it weakly only
        task.add_done_callback(self._serving.discard)
        self.connections += 1
        try:
            while await self._serve_request(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # cancelled: the test is over
        finally:
            writer.close()

    async def _serve_request(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.requests.append(request)
        length = next(
            (
                int(line[15:])
                for line in request.split("\r\n")
                if line.startswith("Content-Length:")
            ),
            0,
        )
        self.bodies.append(await reader.readexactly(length))
        self.request_received.set()
        self._active += 1
        self.max_concurrent = max(self.max_concurrent, self._active)
        try:
            reply = self._next_reply(request.split(" ")[1])
            if isinstance(reply, bytes):
                writer.write(reply)
                await writer.drain()
                return b"Connection: close" not in reply and b"Content-Length" in reply
            await reply(writer)
            return False
        finally:
            self._active -= 1

    async def cancel_connections(self) -> None:
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def _next_reply(self, path: str) -> bytes | ReplyFn:
        replies = self.replies[path]
        if isinstance(replies, bytes) or callable(replies):
            return replies
        turn = self._reply_counts.get(path, 0)
        self._reply_counts[path] = turn + 1
        return replies[min(turn, len(replies) - 1)]


@asynccontextmanager
async def run_server(
    replies: Mapping[str, bytes | ReplyFn | Sequence[bytes | ReplyFn]],
) -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer(replies)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await server.cancel_connections()


class TableResolver(AbstractResolver):
    """Answers from a table; a list of lists is one answer after another; else no such name."""

    def __init__(self, table: Mapping[str, Sequence[str] | Sequence[Sequence[str]]]) -> None:
        self._table = table
        self.queries: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host not in self._table:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        answers = self._table[host]
        if answers and not isinstance(answers[0], str):
            answers = answers[min(self.queries.count(host), len(answers) - 1)]
        self.queries.append(host)
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in answers
        ]

    async def close(self) -> None:
        pass


def run_bounded(test: Coroutine[Any, Any, T], within_s: float = 20.0) -> T:
    """``test`` to its end, and never for longer than a test may take."""

    async def bounded() -> T:
        async with asyncio.timeout(within_s):
            return await test

    return asyncio.run(bounded())


async def fetch_reply(
    reply: bytes | ReplyFn | Mapping[str, bytes | ReplyFn | Sequence[bytes | ReplyFn]],
    path: str = "/",
    policy: FetchPolicy = LOOPBACK_POLICY,
) -> bytes:
    """What a fetcher makes of ``reply``, alone or by paths."""
    replies = reply if isinstance(reply, Mapping) else {"/": reply}
    async with run_server(replies) as server, Fetcher(policy) as fetcher:
        return await fetcher.fetch(server.url(path))
