"""An AT protocol server on loopback, as far as it is asked here: AppView, PDS and Ozone in one."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.loopback_server import JSON_TYPE, SentAnswer, SentRequest, serve_answers

MODERATOR = "did:plc:moderator"
LABELER = "did:plc:labeler"
OWNER = "did:plc:owner"
NOW = "2024-01-01T00:00:00.000Z"


def make_profile(number: int) -> dict[str, Any]:
    return {
        "did": f"did:plc:user{number}", "handle": f"user{number}.example",
        "avatar": f"https://cdn.bsky.app/img/avatar/plain/did:plc:user{number}/bafkrei{number}@jpeg",
        "createdAt": NOW, "indexedAt": NOW, "description": "words that nobody needs", "labels": [],
    }  # fmt: skip


@dataclass
class FakePds:
    """``events``: what Ozone took, each ``externalId`` once."""

    url: str = ""
    profiles: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    proxies: list[str | None] = field(default_factory=list)

    def answer(self, method: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        match method.rsplit(".", 1)[1]:
            case "resolveHandle":
                return 200, {"did": OWNER}
            case "getFollowers" if query["actor"] == "owner.example":
                page, cursor = self._page(query)
                owner = {**make_profile(0), "did": OWNER}
                return 200, {"subject": owner, "followers": page, **cursor}
            case "getList":
                page, cursor = self._page(query)
                items = [{"uri": f"at://{OWNER}/i/{n}", "subject": p} for n, p in enumerate(page)]
                view = {
                    "uri": query["list"], "cid": "bafy", "creator": make_profile(0), "name": "L",
                    "purpose": "app.bsky.graph.defs#curatelist", "indexedAt": NOW,
                }  # fmt: skip
                return 200, {"list": view, "items": items, **cursor}
            case "createSession" if body["password"] == "app-password":
                tokens = {"accessJwt": make_token(), "refreshJwt": make_token()}
                return 200, {"did": MODERATOR, "handle": "mod.example", **tokens}
            case "getSession":
                return 200, {"did": MODERATOR, "handle": "mod.example"}
            case "emitEvent":
                if body["externalId"] in {event["externalId"] for event in self.events}:
                    return 400, {"error": "DuplicateExternalId", "message": "taken before"}
                self.events.append(body)
                taken = {name: body[name] for name in ("event", "subject", "createdBy")}
                return 200, {"id": 1, "subjectBlobCids": [], "createdAt": NOW, **taken}
        return 400, {"error": "InvalidRequest", "message": "Profile not found"}

    def _page(self, query: dict[str, str]) -> tuple[list[dict[str, Any]], dict[str, str]]:
        """Two at a time, whatever is asked for: pages may be shorter than their limit."""
        start = int(query.get("cursor", "0"))
        more = start + 2 < len(self.profiles)
        return self.profiles[start : start + 2], {"cursor": str(start + 2)} if more else {}


def make_token() -> str:
    """A JWT that nobody verifies here."""
    claims = {"exp": int(time.time()) + 3600, "iat": 0, "sub": MODERATOR, "scope": "access"}
    parts = ({"alg": "ES256K", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
    return b".".join([*encoded, b"c2ln"]).decode()


@contextmanager
def run_fake_pds() -> Iterator[FakePds]:
    fake = FakePds(profiles=[make_profile(n) for n in range(1, 6)])

    def answer(request: SentRequest) -> SentAnswer:
        method = request.path.removeprefix("/xrpc/")
        if method.startswith("tools.ozone"):
            fake.proxies.append(request.headers.get("atproto-proxy"))
        body = json.loads(request.body) if request.method == "POST" else None
        status, content = fake.answer(method, request.query, body)
        return SentAnswer(status, json.dumps(content).encode(), JSON_TYPE)

    with serve_answers(answer) as fake.url:
        yield fake
