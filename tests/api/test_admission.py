"""More requests than places; events decide the order here, not clocks."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest

from app.api.admission import AdmissionLimit
from app.errors import Busy
from app.settings import Settings
from tests.api.stub_analyzer import StartServer, StubAnalyzer, picture_bytes, serve_app

PNG = picture_bytes()
HEADERS = {"Content-Type": "image/png"}


class Gate:
    """Holds every examination until it is opened, and counts those that came."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.arrived = threading.Semaphore(0)

    def __call__(self) -> None:
        self.arrived.release()
        assert self.opened.wait(30)

    def wait_for(self, count: int) -> None:
        for _ in range(count):
            assert self.arrived.acquire(timeout=30)


def post(client: httpx.Client) -> httpx.Response:
    return client.post("/v1/analyses", content=PNG, headers=HEADERS)


def requests_in_flight(client: httpx.Client) -> int:
    lines = client.get("/metrics").text.splitlines()
    return round(
        float(next(x for x in lines if x.startswith("eyeline_requests_inside")).split()[-1])
    )


def count_admitted(limit: AdmissionLimit, owner: str) -> int:
    """How many of a hundred attempts of ``owner`` are admitted; none is released."""
    admitted = 0
    for _ in range(100):
        try:
            limit.acquire(owner)
        except Busy:
            continue
        admitted += 1
    return admitted


def test_without_other_owners_one_has_all() -> None:
    assert count_admitted(AdmissionLimit(16, "things"), "") == 16


def test_one_owner_has_half_and_the_last_quarter_is_for_who_has_none() -> None:
    limit = AdmissionLimit(16, "things", is_shared=True)
    assert count_admitted(limit, "a") == 8
    assert count_admitted(limit, "b") == 4
    assert [count_admitted(limit, owner) for owner in "cdefg"] == [1, 1, 1, 1, 0]
    limit.release("b")
    assert count_admitted(limit, "a") == 0
    assert count_admitted(limit, "g") == 1


@pytest.mark.parametrize("capacity", [1, 2, 3, 4])
def test_a_small_limit_is_shared_too(capacity: int) -> None:
    limit = AdmissionLimit(capacity, "things", is_shared=True)
    assert count_admitted(limit, "a") == -(-capacity // 2)
    assert count_admitted(limit, "b") >= min(1, capacity - 1)


def test_alive_while_every_worker_is_busy_and_busy_beyond_the_queue(start: StartServer) -> None:
    gate = Gate()
    client = start(StubAnalyzer(during_analysis=gate), workers=1, queue_size=1)
    with ThreadPoolExecutor(2) as callers:
        first = callers.submit(post, client)
        gate.wait_for(1)
        second = callers.submit(post, client)
        while requests_in_flight(client) < 2:
            pass
        # One is being examined, one waits; no clock has to tell that these answer all the same.
        assert client.get("/livez").json() == {"status": "ok"}
        assert client.get("/readyz").status_code == 200
        refused = post(client)
        assert refused.status_code == 429
        assert refused.json()["code"] == "busy"
        assert refused.json()["retryable"] is True
        assert int(refused.headers["retry-after"]) >= 1
        assert not first.done()
        gate.opened.set()
        assert [first.result().status_code, second.result().status_code] == [200, 200]
    assert requests_in_flight(client) == 0
    assert post(client).status_code == 200
    assert "eyeline_queue_refusals_total 1.0" in client.get("/metrics").text


def test_busy_is_said_before_a_byte_of_the_body_is_sent(start: StartServer) -> None:
    gate = Gate()
    client = start(StubAnalyzer(during_analysis=gate), workers=1, queue_size=0)
    with ThreadPoolExecutor(1) as callers:
        first = callers.submit(post, client)
        gate.wait_for(1)
        head = b"POST /v1/analyses HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
        with _connect(client) as connection:
            connection.sendall(head + b"Content-Length: 1000\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 429"
        gate.opened.set()
        assert first.result().status_code == 200


def test_a_large_body_does_not_drown_the_refusal(start: StartServer) -> None:
    gate = Gate()
    client = start(StubAnalyzer(during_analysis=gate), workers=1, queue_size=0)
    with ThreadPoolExecutor(1) as callers:
        first = callers.submit(post, client)
        gate.wait_for(1)
        refused = client.post("/v1/analyses", content=b"x" * 4_000_000, headers=HEADERS)
        assert refused.status_code == 429
        gate.opened.set()
        assert first.result().status_code == 200


def test_a_caller_who_leaves_leaves_no_place_taken(start: StartServer) -> None:
    client = start(StubAnalyzer(), workers=1, queue_size=0)
    for _ in range(3):
        with _connect(client) as connection:
            connection.sendall(
                b"POST /v1/analyses HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
                b"Content-Length: 1000\r\n\r\nhalf"
            )
            while requests_in_flight(client) < 1:
                pass
        while requests_in_flight(client) > 0:
            pass
    assert post(client).status_code == 200


def test_a_failed_examination_leaves_no_place_taken(start: StartServer) -> None:
    client = start(StubAnalyzer(), workers=1, queue_size=0)
    for _ in range(3):
        assert client.post("/v1/analyses", content=b"no", headers=HEADERS).status_code == 415
    assert post(client).status_code == 200


def test_stopping_finishes_what_was_begun() -> None:
    gate = Gate()
    analyzer = StubAnalyzer(during_analysis=gate)
    seen_closed: list[bool] = []

    def open_when_nobody_is_let_in(client: httpx.Client) -> None:
        while _is_listening(client):
            pass
        seen_closed.append(analyzer.closed)
        gate.opened.set()

    with ThreadPoolExecutor(2) as callers:
        with serve_app(Settings(workers=1), analyzer) as client:
            caller = httpx.Client(base_url=client.base_url, timeout=30, trust_env=False)
            answer = callers.submit(post, caller)
            gate.wait_for(1)
            callers.submit(open_when_nobody_is_let_in, client)
        assert answer.result().status_code == 200
        caller.close()
    assert seen_closed == [False]
    assert analyzer.closed


def _is_listening(client: httpx.Client) -> bool:
    try:
        _connect(client).close()
    except ConnectionError:
        return False
    return True


def _connect(client: httpx.Client) -> socket.socket:
    where = urlsplit(str(client.base_url))
    assert where.hostname is not None
    assert where.port is not None
    return socket.create_connection((where.hostname, where.port), timeout=30)
