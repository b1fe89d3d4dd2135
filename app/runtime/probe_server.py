"""``/livez``, ``/readyz`` and ``/metrics`` of a process that serves no HTTP API, on a thread.

For an orchestrator and a scraper inside the same network: three fixed answers, nothing is read of a
request but its first line and headers.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Self

from prometheus_client import CONTENT_TYPE_LATEST

REQUEST_TIMEOUT_S: Final = 5.0
"""After which a client that sends nothing is dropped."""
STOP_POLL_S: Final = 0.1
MAX_CONNECTIONS: Final = 16
"""Answered at once; further ones are closed."""

log = logging.getLogger("eyeline.probes")

Answer = tuple[HTTPStatus, str, bytes]
"""Status, media type and body."""


class ProbeServer:
    """Answers from its start; a context manager. It is not ready until ``set_ready`` is called."""

    def __init__(self, host: str, port: int) -> None:
        """Raises ``OSError`` if the address cannot be bound."""
        self._health_problem: Callable[[], str | None] = lambda: "the models are loading"
        self._render_metrics: Callable[[], bytes] = lambda: b""
        self._server = _Server((host, port), self._respond)
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            args=(STOP_POLL_S,),
            name="eyeline-probes",
            daemon=True,
        )

    @property
    def port(self) -> int:
        """The port that was bound; another one than was asked for if that was 0."""
        return int(self._server.server_address[1])

    def set_ready(
        self, health_problem: Callable[[], str | None], render_metrics: Callable[[], bytes]
    ) -> None:
        """``health_problem``: why it is unready, or ``None``. Both are called on other threads."""
        self._health_problem, self._render_metrics = health_problem, render_metrics

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _respond(self, path: str) -> Answer:
        if path == "/livez":
            return _json_answer(HTTPStatus.OK, {"status": "ok"})
        if path == "/readyz":
            problem = self._health_problem()
            if problem is None:
                return _json_answer(HTTPStatus.OK, {"status": "ready"})
            content = {"status": "not_ready", "reasons": [problem]}
            return _json_answer(HTTPStatus.SERVICE_UNAVAILABLE, content)
        if path == "/metrics":
            return HTTPStatus.OK, CONTENT_TYPE_LATEST, self._render_metrics()
        return _json_answer(HTTPStatus.NOT_FOUND, {"detail": "/livez, /readyz or /metrics"})


def _json_answer(status: HTTPStatus, content: object) -> Answer:
    return status, "application/json", json.dumps(content).encode()


class _Server(ThreadingHTTPServer):
    """Threads of a bounded number."""

    request_queue_size = 2 * MAX_CONNECTIONS

    def __init__(self, address: tuple[str, int], respond: Callable[[str], Answer]) -> None:
        self.respond = respond
        self._places = threading.Semaphore(MAX_CONNECTIONS)
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def verify_request(self, request: object, client_address: object) -> bool:
        return self._places.acquire(blocking=False)

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no event; a fault of ours answers 500 in ``_Handler``."""


class _Handler(BaseHTTPRequestHandler):
    """One request a connection."""

    timeout = REQUEST_TIMEOUT_S
    server: _Server
    server_version, sys_version = "eyeline", ""

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: probes come every few seconds."""

    def _answer(self, *, with_body: bool) -> None:
        try:
            status, media_type, body = self.server.respond(self.path.partition("?")[0])
        except Exception:
            log.exception("a probe could not be answered")
            status, media_type, body = _json_answer(
                HTTPStatus.INTERNAL_SERVER_ERROR, {"detail": "see the log"}
            )
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if with_body:
            self.wfile.write(body)
