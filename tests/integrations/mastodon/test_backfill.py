from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from app.errors import FetchFailed
from app.integrations.mastodon.backfill import iter_pages, send_page
from app.integrations.mastodon.reports import open_client
from app.integrations.mastodon.webhook import check_signature, read_accounts, read_items
from tests.integrations.mastodon.fake_mastodon import (
    SECRET,
    TOKEN,
    FakeMastodon,
    make_account,
    run_fake_mastodon,
)
from tests.loopback_server import SentAnswer, SentRequest, serve_answers


@pytest.fixture
def mastodon() -> Iterator[FakeMastodon]:
    with run_fake_mastodon() as fake:
        yield fake


def test_every_account_is_read_once_in_pages(mastodon: FakeMastodon) -> None:
    mastodon.accounts = [make_account(str(n), f"https://f.example/{n}.png") for n in range(1, 8)]
    client = open_client(mastodon.url, TOKEN)
    pages = list(iter_pages(client, origin="local", limit=3))
    assert [[each["id"] for each in page] for page in pages] == [
        ["7", "6", "5"], ["4", "3", "2"], ["1"],
    ]  # fmt: skip
    assert "example.com" not in json.dumps(pages)
    items = read_items(pages[0])
    assert [(item.custom_id, item.source) for item in items] == [
        (str(n), f"https://f.example/{n}.png") for n in (7, 6, 5)
    ]
    assert items[0].account["created_at"].startswith("2024-01-01")
    (rest,) = iter_pages(client, origin="local", before_id="2", limit=3)
    assert [each["id"] for each in rest] == ["1"]
    mastodon.status = 403
    with pytest.raises(FetchFailed, match="scopes"):
        list(iter_pages(client, origin="local"))


def test_a_page_is_sent_signed_and_a_busy_service_is_waited_for() -> None:
    answers: list[tuple[int, dict[str, str]]] = [(429, {"Retry-After": "7"}), (202, {}), (403, {})]
    bodies: list[bytes] = []

    def answer(request: SentRequest) -> SentAnswer:
        check_signature(SECRET, request.body, request.headers["x-hub-signature"])
        bodies.append(request.body)
        status, headers = answers[len(bodies) - 1]
        receipt = b'{"accounts": 1, "pictures": 1, "batch_id": "batch_1"}'
        return SentAnswer(status, receipt, headers)

    slept: list[float] = []
    accounts = [make_account("1", "https://f.example/1.png")]
    with serve_answers(answer) as url:
        receipt = send_page(url, SECRET, accounts, slept.append)
        assert receipt["batch_id"] == "batch_1"
        assert slept == [7.0]
        with pytest.raises(FetchFailed, match="refused a page \\(403\\)"):
            send_page(url, SECRET, accounts, slept.append)
    assert [read_accounts(body) for body in bodies] == [accounts] * 3
    with pytest.raises(FetchFailed, match="does not answer"):
        send_page(url, SECRET, accounts, slept.append)
