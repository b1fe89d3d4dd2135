"""Webhooks of batches, received on loopback and verified by the consumers' own library."""

from __future__ import annotations

import base64
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from app.analysis.analyzer import Analyzer
from app.api.batches.schemas import DeliveriesOut, DeliveryOut
from app.api.batches.webhooks import MAX_ATTEMPTS, MAX_ATTEMPTS_PER_MINUTE, _check_pace
from app.api.webhook_messages import WebhookMessage
from app.batches.webhooks.messages import DeliveryAttempt, State, WebhookDelivery
from app.errors import InvalidRequest, RateLimited
from app.settings import Settings
from tests.api.analyses.test_router import expect_problem
from tests.api.picture_server import PictureServer, ShadeAnalyzer, complete_batch, wait_until
from tests.api.stub_analyzer import StartServer
from tests.loopback_server import SentAnswer, SentRequest, serve_answers

DOCUMENTATION = Path(__file__).resolve().parents[3] / "docs" / "integrations.md"
SECRET = "whsec_" + base64.b64encode(b"a secret of 24 bytes or more").decode()


@dataclass
class WebhookReceiver:
    """Answers with ``status`` and keeps what came."""

    url: str = ""
    status: int = 204
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def verify(self, number: int) -> dict[str, Any]:
        headers, body = self.requests[number]
        payload: dict[str, Any] = Webhook(SECRET).verify(body, headers)
        return payload


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    webhook_receiver = WebhookReceiver()

    def answer(request: SentRequest) -> SentAnswer:
        webhook_receiver.requests.append((dict(request.headers), request.body))
        return SentAnswer(webhook_receiver.status)

    with serve_answers(answer) as address:
        webhook_receiver.url = f"{address}/hook?token=1"
        yield webhook_receiver


@pytest.fixture(scope="module")
def server_parts() -> tuple[Settings, Analyzer]:
    settings = Settings.model_validate(
        {"workers": 1, "batch_workers": 1, "fetch_allow": "127.0.0.1", "webhook_secret": SECRET}
    )
    return settings, ShadeAnalyzer()


def get_deliveries(client: httpx.Client, batch: dict[str, Any]) -> list[DeliveryOut]:
    document = client.get(f"/v1/batches/{batch['id']}/webhooks").json()
    return DeliveriesOut.model_validate(document).data


def test_the_end_is_told_signed_and_thin(
    client: httpx.Client, picture_server: PictureServer, receiver: WebhookReceiver
) -> None:
    items = picture_server.items(255, 404)
    body = {"items": items, "metadata": {"case": "7"}}
    options = {"webhook_url": receiver.url, "flagged_threshold": "1"}
    batch = complete_batch(client, json=body, params=options)
    assert batch["webhook_url"] == receiver.url
    wait_until(lambda: len(receiver.requests) == 2, "the webhooks")
    payloads = {each["type"]: each for each in map(receiver.verify, range(2))}
    assert payloads.keys() == {"batch.flagged_threshold", "batch.completed"}
    early = payloads["batch.flagged_threshold"]["data"]
    assert (early["id"], early["status"], early["verdicts"]) == (
        batch["id"], "in_progress", {"likely_stylegan": 1},
    )  # fmt: skip
    assert (early["flagged_threshold"], early["metadata"], early["finding"]) == (
        1, {"case": "7"}, None,
    )  # fmt: skip
    payload = payloads["batch.completed"]
    for each in payloads.values():
        assert WebhookMessage.model_validate(each).type == each["type"]
    counts = {"total": 2, "completed": 1, "failed": 1}
    data = payload["data"]
    assert (data["id"], data["status"], data["request_counts"]) == (
        batch["id"],
        "completed",
        counts,
    )
    assert data["verdicts"] == batch["verdicts"]
    assert data["metadata"] == {"case": "7"}
    assert data["finding"]
    wait_until(
        lambda: {each.state for each in get_deliveries(client, batch)} == {"delivered"}, "the log"
    )
    deliveries = get_deliveries(client, batch)
    assert [each.type for each in deliveries] == ["batch.completed", "batch.flagged_threshold"]
    assert {each.id for each in deliveries} == {
        headers["webhook-id"] for headers, _ in receiver.requests
    }
    for delivery in deliveries:
        (once,) = delivery.tries
        assert (once.number, once.status, once.error) == (1, 204, None)


def test_a_message_can_be_sent_again_under_its_id(
    client: httpx.Client, picture_server: PictureServer, receiver: WebhookReceiver
) -> None:
    receiver.status = 500
    batch = complete_batch(
        client, json={"items": picture_server.items(1)}, params={"webhook_url": receiver.url}
    )
    wait_until(lambda: any(each.tries for each in get_deliveries(client, batch)), "the first try")
    (delivery,) = get_deliveries(client, batch)
    assert delivery.state == "waiting"
    assert delivery.next_at is not None
    receiver.status = 200
    path = f"/v1/batches/{batch['id']}/webhooks/resend"
    again = DeliveryOut.model_validate(client.post(path).json())
    assert again.id == delivery.id
    wait_until(lambda: get_deliveries(client, batch)[0].state == "delivered", "the second try")
    assert [each.status for each in get_deliveries(client, batch)[0].tries] == [500, 200]
    named = client.post(path, params={"message": delivery.id})
    assert named.json()["id"] == delivery.id
    wait_until(lambda: len(receiver.requests) == 3, "the third try")
    assert {headers["webhook-id"] for headers, _ in receiver.requests} == {delivery.id}
    assert receiver.verify(2) == receiver.verify(0)
    expect_problem(client.post(path, params={"message": "msg_none"}), 404, "not_found")


def test_sending_again_has_a_pace_and_an_end() -> None:
    now = datetime(2026, 1, 9, tzinfo=UTC)

    def sent(times: int, seconds_ago: float) -> WebhookDelivery:
        attempts = tuple(
            DeliveryAttempt(n, now - timedelta(seconds=seconds_ago), 500, None, 0.1)
            for n in range(times)
        )
        return WebhookDelivery("msg_1", "batch_1", "t", "u", State.WAITING, now, None, attempts)

    _check_pace(sent(MAX_ATTEMPTS_PER_MINUTE - 1, 1.0), now)
    _check_pace(sent(MAX_ATTEMPTS - 1, 61.0), now)
    with pytest.raises(RateLimited) as too_often:
        _check_pace(sent(MAX_ATTEMPTS_PER_MINUTE, 59.0), now)
    assert too_often.value.retry_after_s == 60
    with pytest.raises(InvalidRequest):
        _check_pace(sent(MAX_ATTEMPTS, 3600.0), now)


def test_nothing_is_sent_that_nobody_asked_for(
    client: httpx.Client, picture_server: PictureServer
) -> None:
    batch = complete_batch(client, json={"items": picture_server.items(1)})
    assert get_deliveries(client, batch) == []
    path = f"/v1/batches/{batch['id']}/webhooks/resend"
    expect_problem(client.post(path), 409, "not_yet")


@pytest.mark.parametrize(
    ("url", "status", "code"),
    [
        ("ftp://example.com/", 400, "url_invalid"),
        ("file:///etc/passwd", 400, "url_invalid"),
        ("https://user:password@example.com/", 400, "url_invalid"),
        ("http://example.com:22/", 403, "url_blocked"),
    ],
)
def test_a_url_that_could_never_be_told_is_refused_at_once(
    client: httpx.Client, picture_server: PictureServer, url: str, status: int, code: str
) -> None:
    response = client.post(
        "/v1/batches", json={"items": picture_server.items(1), "webhook_url": url}
    )
    expect_problem(response, status, code)


def test_without_a_secret_the_operator_is_named(
    start: StartServer, picture_server: PictureServer
) -> None:
    body = {"items": picture_server.items(1), "webhook_url": "https://example.com/"}
    refusal = expect_problem(
        start(ShadeAnalyzer()).post("/v1/batches", json=body), 422, "invalid_request"
    )
    assert "EYELINE_WEBHOOK_SECRET" in json.dumps(refusal.model_dump())


def test_the_receiver_in_the_documentation_forwards_what_was_flagged(
    client: httpx.Client, picture_server: PictureServer, receiver: WebhookReceiver
) -> None:
    """``receiver`` stands for the rules engine, the text of docs/integrations.md for itself."""
    (text,) = re.findall(r"```python\n(.*?)```", DOCUMENTATION.read_text(encoding="utf-8"), re.S)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        "SERVICE_URL": str(client.base_url), "SERVICE_KEY": "key", "RULES_KEY": "rules",
        "WEBHOOK_SECRET": SECRET, "ITEM_TYPE": "avatar", "RULES_URL": receiver.url,
        "PORT": str(port), "NO_PROXY": "127.0.0.1",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-c", text], env=environment, stderr=subprocess.PIPE
    )
    try:
        wait_until(lambda: _answers(port), "the receiver")
        batch = complete_batch(
            client,
            json={"items": picture_server.items(255, 1), "webhook_url": f"http://127.0.0.1:{port}"},
        )
        wait_until(lambda: bool(receiver.requests), "the rules engine")
    finally:
        process.terminate()
        _, log = process.communicate()
    headers, body = receiver.requests[0]
    assert headers["x-api-key"] == "rules"
    (item,) = json.loads(body)["items"]
    line = client.get(f"/v1/batches/{batch['id']}/results").json()["data"][0]
    assert (item["id"], item["typeId"]) == ("@255", "avatar")
    assert item["data"] == {
        "images": [picture_server.url(255)], "sha256": line["image"]["sha256"],
        "llr_ordinary": line["against"]["ordinary"]["llr"],
        "llr_framed": line["against"]["framed"]["llr"],
    }  # fmt: skip
    assert b'POST / HTTP/1.1" 401' in log, "an unsigned message is refused"


def _answers(port: int) -> bool:
    """Whether the receiver listens; what it is sent is not signed."""
    try:
        httpx.post(f"http://127.0.0.1:{port}/", content=b"{}", trust_env=False)
    except httpx.TransportError:
        return False
    return True
