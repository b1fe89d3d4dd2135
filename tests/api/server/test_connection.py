"""Connections that would keep the service waiting, against a running one."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NoReturn
from urllib.parse import urlsplit

import httpx
import pytest

from app.api.server.connection import FREE_CHUNKS, LINGER_S, MAX_HEAD_BYTES, Connection
from tests.api.stub_analyzer import StartServer, picture_bytes

REQUEST = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
SHORT_HEAD_TIMEOUT_S = 0.5


@pytest.fixture
def impatient(start: StartServer, monkeypatch: pytest.MonkeyPatch) -> httpx.Client:
    monkeypatch.setattr(Connection, "head_timeout_s", SHORT_HEAD_TIMEOUT_S)
    monkeypatch.setattr(Connection, "max_waiting", 20)
    return start(workers=1)


@pytest.fixture
def connect() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def open_connection(client: httpx.Client, stack: ExitStack) -> socket.socket:
    where = urlsplit(str(client.base_url))
    assert where.hostname is not None
    assert where.port is not None
    return stack.enter_context(socket.create_connection((where.hostname, where.port), timeout=30))


def is_closed(connection: socket.socket) -> bool:
    """Waits until there is something to read, or nothing will ever be."""
    try:
        return connection.recv(4096) == b""
    except ConnectionError:
        return True


def send_until_refused(connection: socket.socket) -> NoReturn:
    """Who sends notices that the other side is gone."""
    while True:
        time.sleep(0.05)
        connection.sendall(b"\r\n")


def read_response(connection: socket.socket) -> bytes:
    """Status line of one answer, whose body is read as well if it says how long it is."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(4096)
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    while length and len(body) < int(length[1]):
        body += connection.recv(4096)
    return received[:12]


def test_who_says_nothing_is_let_go(impatient: httpx.Client, connect: ExitStack) -> None:
    began = time.monotonic()
    assert is_closed(open_connection(impatient, connect))
    assert time.monotonic() - began >= SHORT_HEAD_TIMEOUT_S * 0.9


def test_a_head_that_trickles_in_is_not_waited_for(
    impatient: httpx.Client, connect: ExitStack
) -> None:
    connection = open_connection(impatient, connect)
    sent = 0
    try:
        for byte in REQUEST[:-4] + b"X-Slow: " + b"a" * 10_000:
            connection.sendall(bytes([byte]))
            sent += 1
            time.sleep(0.02)
    except ConnectionError:
        pass
    assert sent < 200
    assert is_closed(connection)


def test_the_second_request_of_a_connection_has_a_deadline_too(
    impatient: httpx.Client, connect: ExitStack
) -> None:
    connection = open_connection(impatient, connect)
    connection.sendall(REQUEST)
    assert read_response(connection) == b"HTTP/1.1 200"
    connection.sendall(REQUEST[:10])
    while not is_closed(connection):
        pass


def test_an_idle_connection_that_was_answered_is_kept(
    impatient: httpx.Client, connect: ExitStack
) -> None:
    connection = open_connection(impatient, connect)
    for _ in range(2):
        connection.sendall(REQUEST)
        assert read_response(connection) == b"HTTP/1.1 200"
        time.sleep(2 * SHORT_HEAD_TIMEOUT_S)


@pytest.mark.parametrize("rest", [b"x" * 500, b""], ids=["the rest", "nothing"])
def test_a_refused_body_ends_the_connection_once_the_answer_could_be_read(
    impatient: httpx.Client, connect: ExitStack, rest: bytes
) -> None:
    connection = open_connection(impatient, connect)
    head = b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
    connection.sendall(head + b"x" * 400)
    assert read_response(connection) == b"HTTP/1.1 404"
    connection.sendall(rest)  # arrives, and is dropped
    began = time.monotonic()
    assert is_closed(connection)
    assert time.monotonic() - began < LINGER_S + 5


def test_an_answer_that_refuses_a_body_says_that_it_ends_the_connection(
    impatient: httpx.Client, connect: ExitStack
) -> None:
    connection = open_connection(impatient, connect)
    connection.sendall(b"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
    assert b"connection: close" in connection.recv(4096)
    whole = open_connection(impatient, connect)
    head = b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
    whole.sendall(head + b"x" * 1000)
    assert b"connection: close" not in whole.recv(4096)


def test_a_body_in_tiny_chunks_is_refused_and_delays_nobody(
    impatient: httpx.Client, connect: ExitStack
) -> None:
    connection = open_connection(impatient, connect)
    connection.sendall(
        b"POST /v1/analyses HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    with contextlib.suppress(ConnectionError):
        connection.sendall(b"1\r\nx\r\n" * (2 * FREE_CHUNKS))
    while not is_closed(connection):
        pass
    assert impatient.get("/livez").status_code == 200


def test_a_body_in_small_chunks_arrives_whole(impatient: httpx.Client) -> None:
    picture = picture_bytes((200, 150))
    chunks = (picture[start : start + 20] for start in range(0, len(picture), 20))
    response = impatient.post("/v1/analyses", content=chunks, headers={"Content-Type": "image/png"})
    assert response.status_code == 200


def test_of_too_many_connections_the_longest_idle_is_closed(
    start: StartServer, monkeypatch: pytest.MonkeyPatch, connect: ExitStack
) -> None:
    client = start(workers=1)
    monkeypatch.setattr(Connection, "max_connections", 20)
    crowd = []
    for _ in range(60):
        connection = open_connection(client, connect)
        connection.sendall(REQUEST)
        assert read_response(connection) == b"HTTP/1.1 200"
        crowd.append(connection)
    assert all(is_closed(connection) for connection in crowd[:39])
    crowd[-1].sendall(REQUEST)
    assert read_response(crowd[-1]) == b"HTTP/1.1 200"
    assert client.get("/livez").status_code == 200


def test_pipelined_requests_are_answered_in_their_order(
    impatient: httpx.Client, connect: ExitStack
) -> None:
    connection = open_connection(impatient, connect)
    connection.sendall(REQUEST * 300)
    received = b""
    while received.count(b"HTTP/1.1 200 OK") < 300:
        data = connection.recv(65_536)
        assert data
        received += data


def test_a_slow_body_has_its_own_deadline_not_this_one(
    impatient: httpx.Client, connect: ExitStack
) -> None:
    picture = picture_bytes()
    connection = open_connection(impatient, connect)
    connection.sendall(
        b"POST /v1/analyses HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
        b"Content-Length: %d\r\n\r\n" % len(picture)
    )
    time.sleep(2 * SHORT_HEAD_TIMEOUT_S)
    connection.sendall(picture)
    assert read_response(connection) == b"HTTP/1.1 200"


def test_a_crowd_that_owes_its_heads_shuts_nobody_out(
    start: StartServer, monkeypatch: pytest.MonkeyPatch, connect: ExitStack
) -> None:
    monkeypatch.setattr(Connection, "max_waiting", 20)
    client = start(workers=1)
    crowd = [open_connection(client, connect) for _ in range(100)]
    for connection in crowd:
        connection.sendall(REQUEST[:-2])
    assert client.get("/livez").status_code == 200
    assert all(is_closed(connection) for connection in crowd[:75])  # the oldest made room
    crowd[-1].sendall(b"\r\n")
    assert read_response(crowd[-1]) == b"HTTP/1.1 200"


def test_who_never_reads_an_answer_is_let_go(
    start: StartServer, monkeypatch: pytest.MonkeyPatch, connect: ExitStack
) -> None:
    monkeypatch.setattr(Connection, "stall_timeout_s", 0.3)
    where = urlsplit(str(start(workers=1).base_url))
    connection = connect.enter_context(socket.socket())
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect((where.hostname, where.port))
    connection.sendall(REQUEST.replace(b"/livez", b"/openapi.json") * 200)
    with pytest.raises(ConnectionError):
        send_until_refused(connection)


def test_a_vast_head_is_refused(impatient: httpx.Client, connect: ExitStack) -> None:
    connection = open_connection(impatient, connect)
    connection.sendall(REQUEST[:-2] + b"X-Long: " + b"a" * 2 * MAX_HEAD_BYTES)
    assert read_response(connection) == b"HTTP/1.1 400"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50),
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
    ],
    ids=["two lengths", "two hosts", "no host", "TLS", "zero byte"],
)
def test_what_is_no_http_is_refused_and_nothing_else_happens(
    impatient: httpx.Client, connect: ExitStack, head: bytes
) -> None:
    connection = open_connection(impatient, connect)
    connection.sendall(head)
    assert read_response(connection) == b"HTTP/1.1 400"
    assert impatient.get("/livez").status_code == 200
