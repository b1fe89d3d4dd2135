"""Real servers on loopback that behave as badly as a test asks, byte by byte."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp.abc import AbstractResolver, ResolveResult

from app.fetch import Fetcher, FetchPolicy

T = TypeVar("T")
PICTURE = b"\x89PNG pretend"
LOOPBACK = FetchPolicy(max_bytes=1000, allow=("127.0.0.1",))
IMPATIENT = FetchPolicy(max_bytes=1000, allow=("127.0.0.1",), total_s=0.3, connect_s=0.2)

Reply = Callable[[asyncio.StreamWriter], Awaitable[None]]


def head(status: str, *headers: str) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *headers, "", "")).encode()


def ok(body: bytes, *headers: str) -> bytes:
    return head("200 OK", f"Content-Length: {len(body)}", *headers) + body


def empty(status: str, *headers: str) -> bytes:
    return head(status, "Content-Length: 0", *headers)


def redirect(to: str, status: str = "302 Found") -> bytes:
    return empty(status, f"Location: {to}")


OK = ok(PICTURE)


@dataclass
class Server:
    """Answers each path with fixed bytes, by a function, or with one after another of several.

    Remembers the heads and bodies it was sent; ``at_once``: how many it served side by side.
    """

    replies: Mapping[str, bytes | Reply | Sequence[bytes | Reply]]
    requests: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0
    at_once: int = 0
    port: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    _serving: set[asyncio.Task[Any]] = field(default_factory=set)
    _now: int = 0
    _asked: dict[str, int] = field(default_factory=dict)

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)  # the loop holds on to it weakly only
        task.add_done_callback(self._serving.discard)
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # cancelled: the test is over
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
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
        self.asked.set()
        self._now += 1
        self.at_once = max(self.at_once, self._now)
        try:
            reply = self._reply(request.split(" ")[1])
            if isinstance(reply, bytes):
                writer.write(reply)
                await writer.drain()
                return b"Connection: close" not in reply and b"Content-Length" in reply
            await reply(writer)
            return False
        finally:
            self._now -= 1

    async def leave(self) -> None:
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def _reply(self, path: str) -> bytes | Reply:
        replies = self.replies[path]
        if isinstance(replies, bytes) or callable(replies):
            return replies
        turn = self._asked.get(path, 0)
        self._asked[path] = turn + 1
        return replies[min(turn, len(replies) - 1)]


@asynccontextmanager
async def serving(
    replies: Mapping[str, bytes | Reply | Sequence[bytes | Reply]],
) -> AsyncIterator[Server]:
    server = Server(replies)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await server.leave()


class Table(AbstractResolver):
    """Answers from a table; a list of lists is one answer after another; else no such name."""

    def __init__(self, table: Mapping[str, Sequence[str] | Sequence[Sequence[str]]]) -> None:
        self._table = table
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host not in self._table:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        answers = self._table[host]
        if answers and not isinstance(answers[0], str):
            answers = answers[min(self.asked.count(host), len(answers) - 1)]
        self.asked.append(host)
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


def run(test: Coroutine[Any, Any, T], within_s: float = 20.0) -> T:
    """``test`` to its end, and never for longer than a test may take."""

    async def bounded() -> T:
        async with asyncio.timeout(within_s):
            return await test

    return asyncio.run(bounded())


async def fetched(
    reply: bytes | Reply | Mapping[str, bytes | Reply | Sequence[bytes | Reply]],
    path: str = "/",
    policy: FetchPolicy = LOOPBACK,
) -> bytes:
    """What a fetcher makes of ``reply``, alone or by paths."""
    replies = reply if isinstance(reply, Mapping) else {"/": reply}
    async with serving(replies) as server, Fetcher(policy) as fetcher:
        return await fetcher.fetch(server.url(path))
