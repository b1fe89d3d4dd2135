"""Probes of a process without the HTTP API."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator

import pytest

from app.runtime import probe_server
from app.runtime.probe_server import ProbeServer


@pytest.fixture
def server() -> Iterator[ProbeServer]:
    with ProbeServer("127.0.0.1", 0) as probes:
        yield probes


def ask(server: ProbeServer, path: str, method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(method, path)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body


def test_it_lives_while_it_loads_and_is_ready_afterwards(server: ProbeServer) -> None:
    assert ask(server, "/livez") == (200, b'{"status": "ok"}')
    status, body = ask(server, "/readyz")
    assert (status, b"the models are loading" in body) == (503, True)
    server.set_ready(lambda: None, lambda: b"eyeline_up 1\n")
    assert ask(server, "/readyz?verbose") == (200, b'{"status": "ready"}')
    assert ask(server, "/metrics") == (200, b"eyeline_up 1\n")
    assert ask(server, "/readyz", "HEAD") == (200, b"")
    assert ask(server, "/else")[0] == 404
    assert ask(server, "/livez", "POST")[0] == 501
    server.set_ready(lambda: "the batch database does not answer", lambda: b"")
    assert b"does not answer" in ask(server, "/readyz")[1]


def test_a_fault_is_an_answer_and_a_line_of_the_log(
    server: ProbeServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.set_ready(lambda: None, lambda: bytes(1 // 0))
    assert ask(server, "/metrics")[0] == 500
    assert "ZeroDivisionError" in caplog.text
    assert ask(server, "/livez")[0] == 200


def test_more_connections_than_it_takes_are_closed(
    server: ProbeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = ("127.0.0.1", server.port)
    silent = [socket.create_connection(address) for _ in range(probe_server.MAX_CONNECTIONS)]
    try:
        with socket.create_connection(address, timeout=10) as one_more:
            assert one_more.recv(1) == b""
    finally:
        for connection in silent:
            connection.close()


def test_a_port_that_is_taken_is_an_os_error(server: ProbeServer) -> None:
    with pytest.raises(OSError, match="in use"):
        ProbeServer("127.0.0.1", server.port)
