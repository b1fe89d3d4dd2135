"""A whole ``eyeline serve`` with everything in it, told to stop while it is busy."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.batches.service import BatchService
from tests.batches.fake_tools import FakeTools as JobsStandIn

PICTURE = Path(__file__).resolve().parents[2] / "fixtures" / "faces" / "astronaut_ffhq_48px.jpg"
KEY = "hush correct horse"
CALLER_COUNT = 6
ANSWERS_BEFORE_STOP = 12
"""Answers that come before it is told to stop."""


@contextmanager
def run_serve_process(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """In a process group of its own: a service manager tells all of a group to stop at once."""
    environment = {
        **os.environ,
        "EYELINE_API_KEYS": f"{KEY}:name=test",
        "EYELINE_DATA_DIR": str(data_dir),
        "EYELINE_WORKERS": "2",
        "EYELINE_FETCH_ONLY": "hush.invalid",
    }
    command = [sys.executable, "-m", "app", "serve", "--port", "0"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


class ConcurrentCallers:
    """Callers that send pictures until the door is shut, and remember what they were answered."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._data = PICTURE.read_bytes()
        self.answers: Counter[int] = Counter()
        self.answered = threading.Semaphore(0)
        self._threads = [threading.Thread(target=self._call) for _ in range(CALLER_COUNT)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(60)

    def _call(self) -> None:
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "image/jpeg"}
        while True:
            try:  # a connection each: one that idles may be closed at any moment
                response = httpx.post(
                    f"{self._url}/v1/analyses?custom_id=hush",
                    content=self._data,
                    headers=headers,
                    timeout=60,
                    trust_env=False,
                )
            except httpx.TransportError:
                return
            self.answers[response.status_code] += 1
            self.answered.release()


class HalfSentList:
    """A list of which half has arrived; ``finish`` sends the rest and says what was answered."""

    ROWS = b"user,avatar\n" + b"".join(
        b"a%d,http://user.example/%d.jpg\n" % (n, n) for n in range(50)
    )

    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        assert where.hostname is not None
        assert where.port is not None
        self._connection = socket.create_connection((where.hostname, where.port), timeout=60)
        head = (
            f"POST /v1/batches HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n"
            f"Content-Type: text/csv\r\nContent-Length: {len(self.ROWS)}\r\n"
            "Expect: 100-continue\r\n\r\n"
        )
        self._connection.sendall(head.encode())
        assert self._connection.recv(100).startswith(b"HTTP/1.1 100")  # it is being read
        self._connection.sendall(self.ROWS[: len(self.ROWS) // 2])

    def finish(self) -> tuple[int, dict[str, Any]]:
        self._connection.sendall(self.ROWS[len(self.ROWS) // 2 :])
        with self._connection, self._connection.makefile("rb") as answer:
            status = int(answer.readline().split()[1])
            return status, json.loads(answer.read().partition(b"\r\n\r\n")[2])


def children_of(pid: int) -> list[str]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [child for task in tasks for child in (task / "children").read_text().split()]


@pytest.mark.slow
def test_told_to_stop_under_load_it_answers_whatever_it_began(tmp_path: Path) -> None:
    log: list[dict[str, Any]] = []
    crowd: ConcurrentCallers | None = None
    stopper: threading.Thread | None = None
    with run_serve_process(tmp_path) as process:
        children: list[str] = []
        sent: list[tuple[int, dict[str, Any]]] = []

        def stop_when_busy(crowd: ConcurrentCallers, url: str) -> None:
            for _ in range(ANSWERS_BEFORE_STOP):
                crowd.answered.acquire(timeout=60)
            half = HalfSentList(url)
            children.extend(children_of(process.pid))
            os.killpg(process.pid, signal.SIGTERM)
            crowd.join()  # the door is shut
            sent.append(half.finish())

        assert process.stderr is not None
        for line in process.stderr:
            if not line.startswith("{"):  # MediaPipe's C++
                continue
            log.append(json.loads(line))
            if found := re.search(r"running on (http://[0-9.:]+)", log[-1]["event"]):
                blocked = httpx.post(
                    f"{found[1]}/v1/analyses",
                    json={"url": "http://user.example/hush?token=hush"},
                    headers={"Authorization": f"Bearer {KEY}"},
                    trust_env=False,
                )
                assert blocked.status_code == 403
                wrong = {"Authorization": "Bearer hush hush hush hush"}
                refused = httpx.get(f"{found[1]}/v1/model", headers=wrong, trust_env=False)
                assert refused.status_code == 401
                crowd = ConcurrentCallers(found[1])
                stopper = threading.Thread(target=stop_when_busy, args=(crowd, found[1]))
                stopper.start()
        assert crowd is not None
        assert stopper is not None
        crowd.join()
        stopper.join(60)
        assert process.wait(60) in (0, -signal.SIGTERM)
    requests = [line for line in log if line["event"] == "request"]
    begun = Counter(r["status"] for r in requests if r["path"] == "/v1/analyses")
    assert crowd.answers[200] >= ANSWERS_BEFORE_STOP
    assert crowd.answers[200] == begun[200]
    assert crowd.answers.keys() <= {200, 429}
    assert begun.keys() <= {200, 403, 429}  # nobody was left without an answer
    assert children  # pictures were decoded apart, and no decoder outlives the service
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    assert all(re.fullmatch(r"req_[0-9a-f]{24}", r["request_id"]) for r in requests)
    assert "hush" not in json.dumps(log)
    assert {r.get("key") for r in requests} == {"test", None}  # one was refused
    assert [r["batch"] for r in requests if r["path"] == "/v1/batches"] == [sent[0][1]["id"]]
    ((status, batch),) = sent
    assert (status, batch["request_counts"]["total"]) == (202, 50)
    with closing(open_idle_service(tmp_path)) as desk:  # what was answered outlives who answered
        assert desk.get(batch["id"], "test").total == 50


def open_idle_service(data_dir: Path) -> BatchService:
    """A desk over what a service left behind, at which nobody works."""
    return BatchService.open(
        database_url=None,
        data_dir=data_dir,
        tools=JobsStandIn(data_dir / "log", 0.0).tools(),
        workers=0,
        retention_s=3600,
        max_waiting_items=1_000,
    )
