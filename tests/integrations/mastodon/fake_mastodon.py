"""A Mastodon server on loopback, as far as its moderators' API is asked here.

Shapes of accounts and reports follow Mastodon's serializers (REST::Admin::AccountSerializer,
REST::AccountSerializer, REST::Admin::ReportSerializer); events those of its webhooks.
"""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

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

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(urlsplit(self.path).query)

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def _answer(self, form: str) -> None:
            assert self.headers["Authorization"] == f"Bearer {TOKEN}"
            path = urlsplit(self.path).path
            fake.requests.append(f"{self.command} {path}")
            query = {name: values[0] for name, values in parse_qs(form).items()}
            status, answer = fake.answer(self.command, path, query)
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        fake.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()
