"""Mastodon's events over HTTP to reports on a Mastodon server; all on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.analysis.analyzer import Analyzer
from app.integrations.mastodon.webhook import MAX_BODY_BYTES, sign_body
from app.settings import Settings
from tests.api.analyses.test_router import expect_problem
from tests.api.picture_server import PictureServer, ShadeAnalyzer, wait_until
from tests.api.stub_analyzer import StartServer
from tests.integrations.mastodon.fake_mastodon import (
    SECRET,
    TOKEN,
    FakeMastodon,
    make_account,
    make_event,
    run_fake_mastodon,
)

PATH = "/v1/integrations/mastodon"
PUBLIC_URL = "https://eyeline.example"


@pytest.fixture(scope="module")
def mastodon() -> Iterator[FakeMastodon]:
    with run_fake_mastodon() as fake:
        yield fake


@pytest.fixture(scope="module")
def server_parts(mastodon: FakeMastodon) -> tuple[Settings, Analyzer]:
    settings = {
        "workers": 1, "batch_workers": 1, "fetch_allow": "127.0.0.1", "public_url": PUBLIC_URL,
        "mastodon_url": mastodon.url, "mastodon_token": TOKEN, "mastodon_secret": SECRET,
    }  # fmt: skip
    return Settings.model_validate(settings), ShadeAnalyzer()


def send(client: httpx.Client, body: bytes, secret: str = SECRET) -> httpx.Response:
    return client.post(PATH, content=body, headers={"X-Hub-Signature": sign_body(secret, body)})


def receipt(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 202, response.text
    taken: dict[str, Any] = response.json()
    return taken


def end_of(client: httpx.Client, taken: dict[str, Any]) -> dict[str, Any]:
    """The state of the delivery, once nothing of it is due any more."""
    found: dict[str, Any] = {}

    def is_delivered() -> bool:
        data = client.get(f"/v1/batches/{taken['batch_id']}/webhooks").json()["data"]
        found.update(data[0] if data else {})
        return found.get("state") == "delivered"

    wait_until(is_delivered, "the delivery")
    return found


def test_a_generated_avatar_is_reported_once_and_nothing_else_is(
    client: httpx.Client, picture_server: PictureServer, mastodon: FakeMastodon
) -> None:
    moving = f"{picture_server.address}/accounts/avatars/1/original/a.gif"
    bright = make_account("101", moving, still=picture_server.url(255))
    dark = make_account("102", picture_server.url(1))
    gone = make_account("103", picture_server.url(254))
    mastodon.gone.add("103")
    left = receipt(send(client, make_event("account.created", gone)))
    created = receipt(send(client, make_event("account.created", bright)))
    assert (created["accounts"], created["pictures"]) == (1, 1)
    spared = receipt(send(client, make_event("account.created", dark)))
    for taken in (left, created, spared):
        end_of(client, taken)
    (report,) = mastodon.reports
    assert report["target_account"]["id"] == "101"
    assert report["category"] == "other"
    assert f"{PUBLIC_URL}/v1/batches/{created['batch_id']}/report.html" in report["comment"]
    line = client.get(f"/v1/batches/{created['batch_id']}/results").json()["data"][0]
    assert f"sha256 {line['image']['sha256'][:16]}" in report["comment"]
    assert f"ratio {line['llr']:.1f}" in report["comment"]
    assert (line["custom_id"], line["source"]) == ("101", picture_server.url(255))
    assert "example.com" not in json.dumps(line)  # no e-mail address is kept
    # Mastodon repeats itself, and our own report is an event too.
    again = receipt(send(client, make_event("account.updated", bright)))
    reported = make_event("report.created", {"id": "1", "target_account": bright})
    assert receipt(send(client, reported))["batch_id"] == again["batch_id"] == created["batch_id"]
    # A back-fill brings the account in another batch: the report is recognized.
    page = receipt(send(client, make_event("eyeline.backfill", [bright, dark])))
    assert page["batch_id"] != created["batch_id"]
    end_of(client, page)
    assert len(mastodon.reports) == 1
    assert not [path for path in mastodon.requests if "action" in path]


def test_what_has_no_picture_of_its_own_is_taken_and_left_alone(client: httpx.Client) -> None:
    missing = make_account("104", "https://social.example/avatars/original/missing.png")
    taken = receipt(send(client, make_event("account.created", missing)))
    assert taken == {"accounts": 1, "pictures": 0, "batch_id": None}
    posted = receipt(send(client, make_event("status.created", {"id": "1"})))
    assert posted == {"accounts": 0, "pictures": 0, "batch_id": None}


def test_only_mastodon_is_believed(client: httpx.Client) -> None:
    body = make_event("account.created", make_account("105", "https://social.example/a.png"))
    expect_problem(client.post(PATH, content=body), 401, "unauthorized")
    expect_problem(send(client, body, "another secret"), 403, "forbidden")
    unsigned = client.post(PATH, content=body, headers={b"X-Hub-Signature": b"sha256=\xe4"})
    expect_problem(unsigned, 403, "forbidden")
    expect_problem(send(client, b" " * (MAX_BODY_BYTES + 1)), 413, "too_large")
    for wrong in (b"", b"[]", b"{", b"[" * 100_000, make_event("account.created", [1])):
        expect_problem(send(client, wrong), 422, "invalid_request")


def test_without_a_secret_no_webhook_is_taken(start: StartServer) -> None:
    body = make_event("account.created", make_account("106", "https://social.example/a.png"))
    refusal = expect_problem(send(start(ShadeAnalyzer()), body), 404, "not_found")
    assert "EYELINE_MASTODON_SECRET" in refusal.detail
