"""Equal bytes are not computed twice, where the operator wants that."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from app.api.analyses.answer_cache import PAUSE_S, AnswerCache
from app.batches.answers import AnswerKey, AnswerStore
from app.batches.store.outage import database_unavailable
from app.errors import DatabaseUnavailable
from app.evidence import Depth
from app.records import PictureRecord
from app.settings import Settings
from tests.api.stub_analyzer import StartServer, StubAnalyzer, picture_bytes

PNG = picture_bytes()
SHA256 = hashlib.sha256(PNG).hexdigest()
HEADERS = {"Content-Type": "image/png"}


class FakeStore(AnswerStore):
    """Keeps in memory; answers nothing while it is ``away``."""

    def __init__(self) -> None:
        self.kept: dict[AnswerKey, bytes] = {}
        self.away = False
        self.calls = 0

    def find(self, key: AnswerKey) -> bytes | None:
        self._call()
        return self.kept.get(key)

    def keep(self, key: AnswerKey, analysis: bytes, *, max_answers: int, retention_s: int) -> None:
        self._call()
        self.kept[key] = analysis

    def _call(self) -> None:
        self.calls += 1
        if self.away:
            raise database_unavailable()


async def read(function: Callable[..., Any], *arguments: object) -> Any:
    return function(*arguments)


def test_the_answer_alone_is_kept_and_found_by_the_bytes() -> None:
    store = FakeStore()
    record = StubAnalyzer()(PNG, 0.5)
    one = AnswerCache(store, read, 9, 60, "one calibration")
    other = AnswerCache(store, read, 9, 60, "another calibration")

    async def scenario() -> list[PictureRecord | None]:
        await one.keep("anna", 0.5, record)
        return [
            await one.reuse("anna", PNG, 0.5),
            await one.reuse("ben", PNG, 0.5),
            await one.reuse("anna", PNG, 0.1),
            await other.reuse("anna", PNG, 0.5),
        ]

    found, *others = asyncio.run(scenario())
    assert found is not None
    assert (found.analysis, found.width, found.height) == (
        record.analysis, record.width, record.height,
    )  # fmt: skip
    assert (found.thumbnail, found.overlay, found.tile is None) == (b"", b"", False)
    assert others == [None] * 3
    assert list(store.kept.values()) == [record.analysis]


def test_a_database_that_is_away_is_not_asked_again_for_a_while() -> None:
    store, now = FakeStore(), [0.0]
    record = StubAnalyzer()(PNG, 0.5)
    cache = AnswerCache(store, read, 9, 60, "", clock=lambda: now[0])

    async def scenario() -> PictureRecord | None:
        store.away = True
        for _ in range(3):
            assert await cache.reuse("anna", PNG, 0.5) is None
            await cache.keep("anna", 0.5, record)
        assert store.calls == 1
        with pytest.raises(DatabaseUnavailable):
            await cache.find("anna", SHA256, 0.5)  # who asks for nothing else is told
        store.away, now[0] = False, PAUSE_S
        await cache.keep("anna", 0.5, record)
        return await cache.reuse("anna", PNG, 0.5)

    assert asyncio.run(scenario()) is not None


def test_the_same_bytes_are_analyzed_once_and_found_by_their_digest(start: StartServer) -> None:
    analyzer = StubAnalyzer()
    client = start(analyzer, reuse_answers=10)
    assert client.get(f"/v1/analyses/{SHA256}").status_code == 404
    answers = [
        client.post("/v1/analyses", content=PNG, headers=HEADERS, params=query).json()
        for query in ({}, {"custom_id": "@b"})
    ]
    found = client.get(f"/v1/analyses/{SHA256}").json()
    assert analyzer.depths == [Depth.NEEDED]
    assert answers[1]["custom_id"] == "@b"
    for answer in (*answers, found):
        assert answer.pop("id").startswith("an_")
        answer.pop("custom_id")
        answer.pop("timings_ms")
    assert answers[0] == answers[1] == found
    assert client.get(f"/v1/analyses/{SHA256}", params={"prior": 0.1}).status_code == 404
    overlay = client.post("/v1/analyses", content=PNG, headers={**HEADERS, "Accept": "image/png"})
    assert overlay.content.startswith(b"\x89PNG")
    client.post("/v1/analyses", content=PNG, headers=HEADERS, params={"depth": "full"})
    # A drawing needs the picture and a look at all of it, and so does whoever asks for that.
    assert analyzer.depths == [Depth.NEEDED, Depth.FULL, Depth.FULL]


@pytest.mark.parametrize("digest", ["0" * 63, "Z" * 64])
def test_what_is_no_digest_is_refused(start: StartServer, digest: str) -> None:
    client = start(StubAnalyzer())
    assert client.get(f"/v1/analyses/{digest}").status_code == 422


def test_nothing_is_kept_unless_asked_for(start: StartServer) -> None:
    assert Settings().reuse_answers == 0
    client = start(StubAnalyzer())
    client.post("/v1/analyses", content=PNG, headers=HEADERS)
    assert client.get(f"/v1/analyses/{SHA256}").status_code == 404
