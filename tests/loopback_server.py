"""A server of HTTP on loopback whose answers a function gives."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class SentRequest:
    """One request. ``headers``: by their names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def path(self) -> str:
        return urlsplit(self.target).path

    @cached_property
    def query(self) -> dict[str, str]:
        """The first value of each name."""
        return first_values(urlsplit(self.target).query)


@dataclass(frozen=True)
class SentAnswer:
    """``headers``: further ones; the length is added."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


JSON_TYPE = {"Content-Type": "application/json"}


def first_values(form: str) -> dict[str, str]:
    """The first value of each name of a query or a form."""
    return {name: values[0] for name, values in parse_qs(form).items()}


@contextmanager
def serve_answers(answer: Callable[[SentRequest], SentAnswer]) -> Iterator[str]:
    """The server's URL; ``answer`` is called on a thread for each connection."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            given = answer(SentRequest(self.command, self.path, headers, body))
            self.send_response(given.status)
            for name, value in {**given.headers, "Content-Length": str(len(given.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(given.body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
