"""A whole ``eyeline serve`` process: what it logs, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.api.stub_analyzer import picture_bytes

SERVE = """
from app.analysis import child_pool
from tests.api.stub_analyzer import StubAnalyzer

def raise_if_broken():
    if broken:
        raise RuntimeError("boom")

broken = []
child_pool.open_analyzer = lambda *_: StubAnalyzer(during_analysis=raise_if_broken)
from app.__main__ import cli
from app.api.operations import router as operations

@operations.public_router.post("/break")
async def break_down() -> None:
    broken.append(True)

cli(["serve", "--port", "0"])
"""


HEADERS = {"Content-Type": "image/png", "X-Request-Id": "mine-1", "Authorization": "Bearer hush"}


@contextmanager
def run_stub_service(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", SERVE]
    environment = os.environ | {"EYELINE_DATA_DIR": str(data_dir)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def send_requests(url: str) -> None:
    """One answer, one refusal, and one fault of ours."""

    def analyse(client: httpx.Client) -> int:
        query = {"custom_id": "@hush"}
        return client.post("/v1/analyses", content=picture_bytes(), params=query).status_code

    with httpx.Client(base_url=url, trust_env=False, headers=HEADERS, timeout=30) as client:
        assert analyse(client) == 200
        body = {"url": "http://hush.internal:1/hush"}
        kind = {"Content-Type": "application/json"}
        assert client.post("/v1/analyses", json=body, headers=kind).status_code == 403
        client.post("/break")
        assert analyse(client) == 500


def test_a_process_logs_json_lines_without_secrets_and_stops_when_told(tmp_path: Path) -> None:
    log: list[dict[str, Any]] = []
    with run_stub_service(tmp_path) as process:
        assert process.stderr is not None
        for line in process.stderr:
            log.append(json.loads(line))
            if found := re.search(r"running on (http://[0-9.:]+)", log[-1]["event"]):
                send_requests(found[1])
                process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGTERM)
    requests = [line for line in log if line["event"] == "request"]
    assert [r["status"] for r in requests] == [200, 403, 200, 500]
    assert [r["code"] for r in requests] == ["none", "url_blocked", "none", "internal"]
    assert {r["request_id"] for r in requests} == {"mine-1"}
    assert {r["path"] for r in requests} == {"/v1/analyses", "/break"}
    broken = next(line for line in log if line["event"] == "unexpected")
    assert broken["request_id"] == "mine-1"
    assert "boom" in broken["exception"]
    assert "hush" not in json.dumps(log)
