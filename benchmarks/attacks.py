"""Attacks that try to exhaust a service's event loop or file descriptors; run by ``load``.

On loopback, bounded in count and time: ``SENDERS`` callers whose bodies come in one-byte chunks,
and ``IDLE_CONNECTIONS`` that stay open after a response, with a limit of ``DESCRIPTORS`` open
files. Meanwhile /livez is requested ten times a second, each time on a new connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections.abc import Awaitable, Callable
from typing import Any, Final

SENDERS: Final = 20
IDLE_CONNECTIONS: Final = 1_100
DESCRIPTORS: Final = 1_024
ONE_BYTE_CHUNKS: Final = b"1\r\nx\r\n" * 10_000
HEAD: Final = (
    b"POST /v1/analyses HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
PROBE: Final = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"

Attack = Callable[[str, int, float], Awaitable[dict[str, Any]]]


async def send_one_byte_chunks(host: str, port: int, seconds: float) -> dict[str, Any]:
    """``SENDERS`` bodies at a time, each restarted when it is rejected."""
    loop = asyncio.get_running_loop()
    deadline, sent_bytes, bodies = loop.time() + seconds, 0, 0

    async def send_bodies() -> None:
        nonlocal sent_bytes, bodies
        while loop.time() < deadline:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(host, port)
                bodies += 1
                writer.write(HEAD)
                with contextlib.closing(writer):
                    while loop.time() < deadline:
                        writer.write(ONE_BYTE_CHUNKS)
                        await asyncio.wait_for(writer.drain(), 5.0)
                        sent_bytes += len(ONE_BYTE_CHUNKS)

    async with asyncio.timeout(seconds + 10.0), asyncio.TaskGroup() as group:
        for _ in range(SENDERS):
            group.create_task(send_bodies())
    return {"senders": SENDERS, "bodies": bodies, "sent_mb": round(sent_bytes / 1e6, 1)}


async def hold_idle_connections(host: str, port: int, seconds: float) -> dict[str, Any]:
    """Open connections that send one request and then stay idle."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4_096)), hard))
    connections = []
    for _ in range(IDLE_CONNECTIONS):
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 10.0)
            writer.write(PROBE)
            await asyncio.wait_for(reader.read(4_096), 10.0)
            connections.append(writer)
    await asyncio.sleep(seconds)
    for writer in connections:
        writer.transport.abort()
    return {"opened": len(connections), "descriptors": DESCRIPTORS}


async def do_nothing(_: str, __: int, seconds: float) -> dict[str, Any]:
    """What /livez takes on this machine as it is: the others are to be read beside it."""
    await asyncio.sleep(seconds)
    return {}


ATTACKS: Final[dict[str, Attack]] = {
    "none": do_nothing,
    "one_byte_chunks": send_one_byte_chunks,
    "idle_connections": hold_idle_connections,
}
