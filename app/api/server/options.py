"""Running the server: its protocol, its limits on descriptors, and its log."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
import sys
import time
from typing import Any, Final, cast

import uvicorn
from fastapi import FastAPI

from app.api.server.connection import MAX_CONNECTIONS, Connection

RESERVED_DESCRIPTORS: Final = 256
"""Of the process's limit, kept for databases, pictures that are fetched, files and children."""
ACCEPT_BACKLOG: Final = 64
"""Connections accepted in a turn of the loop: fewer than the reserve, so that it is not used up."""
LISTEN_BACKLOG: Final = 2_048
"""Connections that the kernel holds until they are accepted."""
EXIT_NOT_STARTED: Final = 3
LOG_INTERVAL_S: Final = 60.0


class LogThrottle(logging.Filter):
    """Lets a message that callers can provoke pass once in ``LOG_INTERVAL_S``."""

    MESSAGES: Final = ("socket.accept() out of system resource", "Invalid HTTP request received.")

    def __init__(self) -> None:
        super().__init__()
        self._passed_at: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        message = next((m for m in self.MESSAGES if str(record.msg).startswith(m)), None)
        if message is None:
            return True
        now = time.monotonic()
        if now - self._passed_at.get(message, -LOG_INTERVAL_S) < LOG_INTERVAL_S:
            return False
        self._passed_at[message] = now
        return True


def raise_descriptor_limit() -> int:
    """Raise the soft limit on open files to the hard one; how many connections that allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(16, min(MAX_CONNECTIONS, hard - RESERVED_DESCRIPTORS))


def uvicorn_options() -> dict[str, Any]:
    """For uvicorn; also raises the limit on open files and throttles what callers can log."""
    Connection.max_connections = raise_descriptor_limit()
    throttle = LogThrottle()
    for name in ("asyncio", "uvicorn.error"):
        logging.getLogger(name).filters = [throttle]
    return {
        "http": cast(type[asyncio.Protocol], Connection),
        "ws": "none",
        "backlog": ACCEPT_BACKLOG,
        "proxy_headers": False,
        "server_header": False,
    }


class Server(uvicorn.Server):
    """uvicorn's, with a longer queue in the kernel than it accepts in a turn."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        for server in self.servers:
            for listener in server.sockets:
                with contextlib.closing(listener.dup()) as duplicate:
                    duplicate.listen(LISTEN_BACKLOG)


def run_server(app: FastAPI, host: str, port: int, keep_alive_s: int) -> None:
    """Serve ``app`` until a signal; exits with 3 if it does not start."""
    server = Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            timeout_keep_alive=keep_alive_s,
            **uvicorn_options(),
        )
    )
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(EXIT_NOT_STARTED)
