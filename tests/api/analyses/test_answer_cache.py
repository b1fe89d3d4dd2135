"""Equal bytes are not computed twice, where the operator wants that."""

from __future__ import annotations

import hashlib

import pytest

from app.api.analyses.answer_cache import AnswerCache
from app.settings import Settings
from tests.api.stub_analyzer import StartServer, StubAnalyzer, picture_bytes

PNG = picture_bytes()
SHA256 = hashlib.sha256(PNG).hexdigest()
HEADERS = {"Content-Type": "image/png"}


def test_the_one_not_asked_for_longest_makes_room_and_no_picture_is_kept() -> None:
    cache = AnswerCache(2)
    records = [StubAnalyzer()(picture_bytes((10 + n, 10)), 0.5) for n in range(3)]
    for record in records[:2]:
        cache.keep("anna", 0.5, record)
    assert cache.find("anna", records[0].sha256, 0.5) is not None
    cache.keep("anna", 0.5, records[2])
    kept = [cache.find("anna", record.sha256, 0.5) for record in records]
    assert [record is not None for record in kept] == [True, False, True]
    assert kept[0] is not None
    assert (kept[0].analysis, kept[0].thumbnail) == (records[0].analysis, b"")
    assert kept[0].tile is None
    assert cache.find("ben", records[0].sha256, 0.5) is None
    assert cache.find("anna", records[0].sha256, 0.1) is None


def test_the_same_bytes_are_analyzed_once_and_found_by_their_digest(start: StartServer) -> None:
    looks: list[int] = []
    client = start(StubAnalyzer(during_analysis=lambda: looks.append(1)), reuse_answers=10)
    assert client.get(f"/v1/analyses/{SHA256}").status_code == 404
    answers = [
        client.post("/v1/analyses", content=PNG, headers=HEADERS, params=query).json()
        for query in ({}, {"custom_id": "@b"})
    ]
    found = client.get(f"/v1/analyses/{SHA256}").json()
    assert len(looks) == 1
    assert answers[1]["custom_id"] == "@b"
    for answer in (*answers, found):
        assert answer.pop("id").startswith("an_")
        answer.pop("custom_id")
        answer.pop("timings_ms")
    assert answers[0] == answers[1] == found
    assert client.get(f"/v1/analyses/{SHA256}", params={"prior": 0.1}).status_code == 404
    overlay = client.post("/v1/analyses", content=PNG, headers={**HEADERS, "Accept": "image/png"})
    assert overlay.content.startswith(b"\x89PNG")
    assert len(looks) == 2  # a drawing needs the picture


@pytest.mark.parametrize("digest", ["0" * 63, "Z" * 64])
def test_what_is_no_digest_is_refused(start: StartServer, digest: str) -> None:
    client = start(StubAnalyzer())
    assert client.get(f"/v1/analyses/{digest}").status_code == 422


def test_nothing_is_kept_unless_asked_for(start: StartServer) -> None:
    assert Settings().reuse_answers == 0
    client = start(StubAnalyzer())
    client.post("/v1/analyses", content=PNG, headers=HEADERS)
    assert client.get(f"/v1/analyses/{SHA256}").status_code == 404
