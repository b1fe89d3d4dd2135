"""The description against a running service: every check of schemathesis, whatever is sent.

What fits the description and what does not, single requests and chains of them, with a key and
without. One of its checks is off: that whatever fits is accepted. Any bytes fit a picture's body,
any words a URL, and most of them are rightly refused.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.settings import Settings
from tests.api.stub_analyzer import StubAnalyzer, serve_app

KEY = "correct horse battery staple"
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
OPTIONS = (
    "--checks=all",
    "--exclude-checks=positive_data_acceptance",
    "--max-examples=3",
    "--seed=1",
    "--generation-database=none",
    "--no-shrink",
    "--no-color",
    "--warnings=off",
)


LOOPBACK = "127.0.0.1"


@pytest.fixture(scope="module")
def keyed() -> Iterator[httpx.Client]:
    """Fetches from nowhere: what is generated may name any host. None is even looked up."""
    settings = Settings(workers=1, api_keys=KEY, fetch_only="nowhere.invalid")
    with serve_app(settings, StubAnalyzer()) as client, record_outgoing() as outgoing:
        yield client
    assert outgoing == []


@contextmanager
def record_outgoing() -> Iterator[list[tuple[object, ...]]]:
    """Each name that this process looks up meanwhile, and each address it connects to, but ours."""
    outgoing: list[tuple[object, ...]] = []
    is_recording = True

    def audit_hook(event: str, arguments: tuple[object, ...]) -> None:
        if is_recording and event in ("socket.getaddrinfo", "socket.connect", "socket.sendto"):
            target = arguments[0] if event == "socket.getaddrinfo" else arguments[1]
            if (target[0] if isinstance(target, tuple) else target) != LOOPBACK:
                outgoing.append((event, target))

    sys.addaudithook(audit_hook)  # which stays for as long as the process does
    try:
        yield outgoing
    finally:
        is_recording = False


def test_a_look_up_would_be_seen() -> None:
    with record_outgoing() as seen:
        socket.getaddrinfo("127.0.0.2", 80, flags=socket.AI_NUMERICHOST)
    socket.getaddrinfo("127.0.0.3", 80, flags=socket.AI_NUMERICHOST)
    assert seen == [("socket.getaddrinfo", "127.0.0.2")]


@pytest.mark.parametrize("host", ["example.com", "nowhere.invalid.example", "93.184.215.14"])
def test_whatever_is_sent_names_nobody_who_is_asked(keyed: httpx.Client, host: str) -> None:
    """Refused by its spelling, in a single request and in a list."""
    url = f"http://{host}/avatar.jpg"
    refused = keyed.post("/v1/analyses", json={"url": url}, headers=auth_header())
    assert (refused.status_code, refused.json()["code"]) == (403, "url_blocked")
    sent = keyed.post("/v1/batches", json={"items": [{"url": url}]}, headers=auth_header())
    assert sent.status_code == 202
    batch = sent.json()
    while batch["status"] not in ("completed", "failed", "cancelled"):
        time.sleep(0.02)
        batch = keyed.get(sent.headers["location"], headers=auth_header()).json()
    assert batch["request_counts"]["failed"] == 1


@pytest.mark.slow
def test_no_request_breaks_the_contract(keyed: httpx.Client, tmp_path: Path) -> None:
    description = f"{keyed.base_url}/openapi.json"
    run = subprocess.run(
        [SCHEMATHESIS, "run", description, "-H", f"Authorization: Bearer {KEY}", *OPTIONS],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "NO_PROXY": "127.0.0.1", "PYTHONWARNINGS": "ignore"},
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert "No issues found" in run.stdout
    assert 'status="500"' not in keyed.get("/metrics", headers=auth_header()).text


def auth_header() -> dict[str, str]:
    return {"Authorization": f"Bearer {KEY}"}


def test_a_method_that_is_not_there_is_told_which_are(keyed: httpx.Client) -> None:
    for path, methods in keyed.get("/openapi.json").json()["paths"].items():
        refused = keyed.request(
            "PATCH", path.replace("{batch_id}", "batch_0"), headers=auth_header()
        )
        assert refused.status_code == 405
        assert refused.json()["code"] == "method_not_allowed"
        expected = {name.upper() for name in methods} | ({"HEAD"} if "get" in methods else set())
        assert set(refused.headers["allow"].split(", ")) == expected


def test_every_get_answers_head_without_a_body(keyed: httpx.Client) -> None:
    """The same status and headers; an event stream ends at once."""
    sent = keyed.post(
        "/v1/batches", json={"items": [{"url": "http://example.com/a.jpg"}]}, headers=auth_header()
    )
    batch_id = sent.json()["id"]
    while keyed.get(sent.headers["location"], headers=auth_header()).json()["status"] != (
        "completed"
    ):
        time.sleep(0.02)
    for path, methods in keyed.get("/openapi.json").json()["paths"].items():
        if "get" not in methods:
            continue
        url = path.replace("{batch_id}", batch_id)
        head = keyed.head(url, headers=auth_header())
        assert head.content == b""
        got = keyed.get(url, headers=auth_header())
        assert head.status_code == got.status_code, path
        assert head.headers.get("content-type") == got.headers.get("content-type"), path
    assert keyed.head("/v1/batches/none", headers=auth_header()).status_code == 404
    assert keyed.head("/v1/analyses", headers=auth_header()).status_code == 405
