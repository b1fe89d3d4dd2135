"""A Mastodon server on loopback, as far as its moderators' API is asked here.

Shapes of accounts and reports follow Mastodon's serializers (REST::Admin::AccountSerializer,
REST::AccountSerializer, REST::Admin::ReportSerializer); events those of its webhooks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.loopback_server import JSON_TYPE, SentAnswer, SentRequest, first_values, serve_answers

TOKEN = "a token of the moderators' own"
SECRET = "the secret that stands beside the webhook"


@dataclass
class FakeMastodon:
    """``reports``, ``notes``: what was filed. ``gone``: ids of accounts that are not there.

    ``status``: answers every request with this one, if it is given.
    """

    url: str = ""
    accounts: list[dict[str, Any]] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)
    status: int | None = None

    def answer(self, method: str, path: str, query: dict[str, str]) -> tuple[int, Any]:
        if self.status is not None:
            return self.status, {"error": "This action is outside the authorized scopes"}
        match [method, *path.strip("/").split("/")]:
            case ["GET", "api", "v2", "admin", "accounts"]:
                older = [
                    each
                    for each in sorted(self.accounts, key=lambda each: -int(each["id"]))
                    if "max_id" not in query or int(each["id"]) < int(query["max_id"])
                ]
                return 200, older[: int(query["limit"])]
            case ["GET", "api", "v1", "admin", "reports"]:
                is_resolved = "resolved" in query
                return 200, [
                    each
                    for each in self.reports
                    if each["target_account"]["id"] == query["target_account_id"]
                    and each["action_taken"] is is_resolved
                ]
            case ["POST", "api", "v1", "reports"] if query["account_id"] not in self.gone:
                self.reports.append(make_report(query))
                return 200, self.reports[-1]
            case ["POST", "api", "v1", "accounts", account_id, "note"]:
                self.notes[account_id] = query["comment"]
                return 200, {"id": account_id, "note": query["comment"]}
        return 404, {"error": "Record not found"}


def make_report(query: dict[str, str]) -> dict[str, Any]:
    return {
        "id": "1", "action_taken": False, "action_taken_at": None, "category": query["category"],
        "comment": query["comment"], "forwarded": False, "created_at": "2024-01-01T00:00:00.000Z",
        "target_account": {"id": query["account_id"], "username": "someone"},
        "statuses": [], "rules": [],
    }  # fmt: skip


def make_account(account_id: str, avatar: str, still: str | None = None) -> dict[str, Any]:
    """An account as the admin API shows it. ``still``: the avatar that does not move."""
    name = f"user{account_id}"
    return {
        "id": account_id, "username": name, "domain": None,
        "created_at": "2024-01-01T00:00:00.000Z", "email": f"{name}@example.com",
        "ip": "192.0.2.1", "ips": [{"ip": "192.0.2.1", "used_at": "2024-01-01T00:00:00.000Z"}],
        "role": {"id": "-99", "name": "", "permissions": "65536", "color": ""},
        "confirmed": True, "suspended": False, "silenced": False, "sensitized": False,
        "disabled": False, "approved": True, "locale": "en", "invite_request": None,
        "account": {
            "id": account_id, "username": name, "acct": name, "display_name": "", "locked": False,
            "bot": False, "created_at": "2024-01-01T00:00:00.000Z", "note": "<p></p>",
            "url": f"https://social.example/@{name}", "avatar": avatar,
            "avatar_static": still or avatar, "header": "https://social.example/missing.png",
            "header_static": "https://social.example/missing.png", "followers_count": 3,
            "following_count": 5, "statuses_count": 8, "last_status_at": None, "emojis": [],
            "fields": [],
        },
    }  # fmt: skip


def make_event(name: str, subject: object) -> bytes:
    event = {"event": name, "created_at": "2024-01-01T00:00:00.000Z", "object": subject}
    return json.dumps(event).encode()


@contextmanager
def run_fake_mastodon() -> Iterator[FakeMastodon]:
    fake = FakeMastodon()

    def answer(request: SentRequest) -> SentAnswer:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        fake.requests.append(f"{request.method} {request.path}")
        form = first_values(request.body.decode()) if request.method == "POST" else request.query
        status, content = fake.answer(request.method, request.path, form)
        return SentAnswer(status, json.dumps(content).encode(), JSON_TYPE)

    with serve_answers(answer) as fake.url:
        yield fake
