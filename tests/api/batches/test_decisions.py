"""``PUT /v1/batches/{id}/items/{seq}/decision``: in results and exports, and of no effect."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import httpx
import pytest

from app.analysis.analyzer import Analyzer
from app.api.batches.schemas import ResultPageOut
from app.runtime.decision_json import DecisionSummaryOut
from app.settings import Settings
from tests.api.analyses.test_router import expect_problem
from tests.api.picture_server import PictureServer, ShadeAnalyzer, complete_batch

DECISION_MEMBERS = ("decision", "decision_by", "decision_at", "decision_note")
KEY = {"Authorization": "Bearer moderators-hold-it"}
READER = {"Authorization": "Bearer readers-look-only"}
OTHER = {"Authorization": "Bearer somebody-elses-key"}
KEYS = (
    "moderators-hold-it:name=desk,readers-look-only:name=desk:scopes=read,"
    "somebody-elses-key:name=other"
)


@pytest.fixture(scope="module")
def server_parts() -> tuple[Settings, Analyzer]:
    settings = Settings(workers=1, batch_workers=2, fetch_allow=("127.0.0.1",), api_keys=KEYS)
    return settings, ShadeAnalyzer()


@pytest.fixture
def desk(client: httpx.Client) -> httpx.Client:
    client.headers.update(KEY)
    return client


@pytest.fixture
def path(desk: httpx.Client, picture_server: PictureServer) -> str:
    items = picture_server.items(10, 255, 404, 200)
    batch = complete_batch(desk, json={"items": items}, headers={"Idempotency-Key": "one"})
    return f"/v1/batches/{batch['id']}"


def put(client: httpx.Client, path: str, seq: object, **body: Any) -> httpx.Response:
    return client.put(f"{path}/items/{seq}/decision", json=body)


def lines_of(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    text = client.get(f"{path}/results", params={"format": "ndjson"}).text
    return [json.loads(line) for line in text.splitlines()]


def test_a_decision_stands_in_every_form_of_results_and_moves_nothing(
    desk: httpx.Client, path: str
) -> None:
    batch, before = desk.get(path).json(), lines_of(desk, path)
    answer = put(desk, path, 1, decision="real", note="=met in person")
    assert answer.status_code == 200
    kept = answer.json()
    assert (kept["seq"], kept["decision"], kept["decision_by"]) == (1, "real", "desk")
    assert kept["decision_note"] == "=met in person"
    assert put(desk, path, 2, decision="unsure").json()["decision_note"] is None

    after = lines_of(desk, path)
    assert {name: after[1][name] for name in DECISION_MEMBERS} == {
        name: kept[name] for name in DECISION_MEMBERS
    }
    assert after[2]["decision"] == "unsure"
    assert after[0]["decision"] is None
    page = ResultPageOut.model_validate(desk.get(f"{path}/results").json())
    assert [line.decision for line in page.data] == [None, "real", "unsure", None]
    table = desk.get(f"{path}/results", params={"format": "csv"}).text
    rows = list(csv.DictReader(io.StringIO(table, newline="")))
    assert [row["decision"] for row in rows] == ["", "real", "unsure", ""]
    assert rows[1]["decision_note"] == "'=met in person"
    assert rows[1]["decision_at"] == kept["decision_at"]

    for line in (*before, *after):
        for name in DECISION_MEMBERS:
            line.pop(name, None)
    assert after == before
    assert desk.get(path).json() == batch

    summary = DecisionSummaryOut.model_validate(desk.get(f"{path}/decisions").json())
    assert summary.counts == {"generated": 0, "real": 1, "unsure": 1}
    assert (summary.flagged.real, summary.flagged.total) == (1, 2)
    assert put(desk, path, 1, decision=None).json()["decision_at"] is None
    assert desk.delete(f"{path}/items/2/decision").status_code == 204
    assert desk.delete(f"{path}/items/2/decision").status_code == 204
    assert {line.get("decision") for line in lines_of(desk, path)} == {None}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"decision": "guilty"},
        {"decision": "real", "note": "x" * 2001},
        {"decision": "real", "because": "of it"},
        {"decision": "real", "note": 7},
    ],
)
def test_what_is_no_decision_is_refused(
    desk: httpx.Client, path: str, body: dict[str, Any]
) -> None:
    expect_problem(put(desk, path, 0, **body), 422, "invalid_request")


def test_who_may_decide_and_what(desk: httpx.Client, path: str) -> None:
    assert put(desk, path, 0, decision="real", note="x" * 2000).status_code == 200
    expect_problem(put(desk, path, 4, decision="real"), 404, "not_found")
    expect_problem(put(desk, path, -1, decision="real"), 422, "invalid_request")
    url = f"{path}/items/0/decision"
    foreign = desk.put(url, json={"decision": "real"}, headers=OTHER)
    expect_problem(foreign, 404, "not_found")
    expect_problem(desk.delete(url, headers=READER), 403, "forbidden")
    assert desk.get(f"{path}/decisions", headers=READER).status_code == 200
    expect_problem(desk.put(url, content="decision=real"), 415, "unsupported_media_type")
    json_type = {"Content-Type": "application/json"}
    too_long = desk.put(url, content=b" " * 65_537, headers=json_type)
    expect_problem(too_long, 413, "too_large")
