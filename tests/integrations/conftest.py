"""A service over HTTP for the plugins of other programs: what it answers is set by each test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.loopback_server import JSON_TYPE, SentAnswer, SentRequest, serve_answers


@dataclass
class ScriptedService:
    """``answers``: by path, a status and a body; a body of bytes is sent as it is."""

    url: str = ""
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    """Path, query, and JSON body of each."""
    keys: set[str | None] = field(default_factory=set)


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    scripted = ScriptedService()

    def answer(request: SentRequest) -> SentAnswer:
        body = json.loads(request.body) if request.method == "POST" else None
        scripted.requests.append((request.path, request.query, body))
        scripted.keys.add(request.headers.get("authorization"))
        status, content = scripted.answers.get(request.path, (404, {}))
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        return SentAnswer(status, data, JSON_TYPE)

    with serve_answers(answer) as scripted.url:
        yield scripted
