"""``/v1/batches/{id}/results``: pages, streams and tables, the same answers in all of them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest

from app.analysis.analyzer import Analyzer
from app.api.batches.schemas import FailedItemOut, ResultOut, ResultPageOut
from app.batches.store.models import BatchRequest
from app.errors import NotFound
from app.runtime.batch_json import ResultFilter, stream_results
from app.settings import Settings
from tests.api.analyses.test_router import expect_problem
from tests.api.picture_server import (
    PictureServer,
    ShadeAnalyzer,
    complete_batch,
    submit_batch,
    wait_until,
)
from tests.api.stub_analyzer import SharedServer, StartServer
from tests.api.test_admission import Gate
from tests.batches import fake_tools as jobs
from tests.batches.conftest import open_service_at

SHADES = [10, 255, 404, 150, 220, 90, 404, 255, 30, 200]
"""One of them twice; 404 is no picture."""


@pytest.fixture(scope="module")
def server_parts() -> tuple[Settings, Analyzer]:
    return Settings(workers=1, batch_workers=2, fetch_allow=("127.0.0.1",)), ShadeAnalyzer()


@pytest.fixture
def batch(client: httpx.Client, picture_server: PictureServer) -> dict[str, Any]:
    rows = [f"@{n},{picture_server.url(shade)},=1+{n}" for n, shade in enumerate(SHADES)]
    body = "\n".join(["handle,avatar,note", *rows])
    headers = {"Content-Type": "text/csv", "Idempotency-Key": "one for all"}
    return complete_batch(client, content=body, headers=headers)


def get_page(client: httpx.Client, batch: dict[str, Any], **query: Any) -> dict[str, Any]:
    response = client.get(f"/v1/batches/{batch['id']}/results", params=query)
    assert response.status_code == 200, response.text
    assert response.headers["vary"] == "Accept"
    document: dict[str, Any] = response.json()
    return document


def get_all_pages(
    client: httpx.Client, batch: dict[str, Any], **query: Any
) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = []
    while True:
        document = get_page(client, batch, **query)
        data += document["data"]
        if not document["has_more"]:
            assert document["next_cursor"] is None
            return data
        query["cursor"] = document["next_cursor"]


def get_ndjson(client: httpx.Client, batch: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    headers = {"Accept": "application/x-ndjson"}
    response = client.get(f"/v1/batches/{batch['id']}/results", params=query, headers=headers)
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.text.endswith("\n")
    return [json.loads(line) for line in response.text.splitlines()]


def test_a_line_is_an_analysis_and_where_it_stood(
    client: httpx.Client, batch: dict[str, Any], picture_server: PictureServer
) -> None:
    results_page = ResultPageOut.model_validate(get_page(client, batch))
    first, third = results_page.data[0], results_page.data[2]
    assert isinstance(first, ResultOut)
    assert (first.seq, first.source, first.custom_id) == (0, picture_server.url(10), "@0")
    assert first.timings_ms is None
    assert first.id.startswith("an_")
    assert isinstance(third, FailedItemOut)
    assert (third.seq, third.custom_id) == (2, "@2")
    assert third.error.code == "fetch_failed"
    assert third.error.retryable is False
    over_http = client.post("/v1/analyses", json={"url": picture_server.url(10), "custom_id": "@0"})
    alone, in_list = over_http.json(), first.model_dump(mode="json")
    for answer in (alone, in_list):
        del answer["id"], answer["timings_ms"]
    undecided = dict.fromkeys(("decision", "decision_by", "decision_at", "decision_note"))
    assert {**alone, **undecided, "seq": 0, "source": first.source} == in_list


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 1000])
@pytest.mark.parametrize("order", ["input", "-llr"])
def test_pages_of_any_size_hold_everything_once(
    client: httpx.Client, batch: dict[str, Any], limit: int, order: str
) -> None:
    data = get_all_pages(client, batch, limit=limit, order=order)
    assert sorted(line["seq"] for line in data) == list(range(len(SHADES)))
    assert data == get_ndjson(client, batch, order=order)[:-1]
    if order == "input":
        assert [line["seq"] for line in data] == sorted(line["seq"] for line in data)
    else:
        llrs = [line["llr"] for line in data if "llr" in line]
        assert llrs == sorted(llrs, reverse=True)
        assert ["error" in line for line in data] == [False] * 8 + [True] * 2


def test_only_what_was_asked_for(client: httpx.Client, batch: dict[str, Any]) -> None:
    likely = get_all_pages(client, batch, verdict="likely_stylegan", limit=2)
    assert [line["seq"] for line in likely] == [1, 4, 7, 9]
    strong = get_all_pages(client, batch, min_llr=3.0, order="-llr")
    assert [line["seq"] for line in strong] == [1, 7]
    assert get_ndjson(client, batch, min_llr=3.0, order="-llr")[:-1] == strong


def test_the_last_line_sums_up(client: httpx.Client, batch: dict[str, Any]) -> None:
    summary = get_ndjson(client, batch, verdict="inconclusive")[-1]["summary"]
    batch_document = client.get(f"/v1/batches/{batch['id']}").json()
    for name in ("id", "status", "request_counts", "outcomes", "verdicts", "cohort"):
        assert summary[name] == batch_document[name]


def test_the_same_picture_is_fetched_and_told_for_each_who_has_it(
    client: httpx.Client, batch: dict[str, Any], picture_server: PictureServer
) -> None:
    lines = get_all_pages(client, batch)
    assert lines[1]["image"] == lines[7]["image"]
    assert lines[1]["id"] != lines[7]["id"]


def test_a_table_is_the_list_itself_with_ours_behind(
    client: httpx.Client, batch: dict[str, Any], picture_server: PictureServer
) -> None:
    headers = {"Accept": "text/csv"}
    response = client.get(f"/v1/batches/{batch['id']}/results", headers=headers)
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert batch["id"] in response.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(response.text, newline="")))
    assert [row["avatar"] for row in rows] == [picture_server.url(shade) for shade in SHADES]
    assert rows[3]["note"] == "'=1+3"
    assert [row["verdict"] for row in rows[:2]] == ["unlikely_stylegan", "likely_stylegan"]
    assert rows[2]["error"] == "fetch_failed"


@pytest.mark.parametrize(
    ("accept", "format_", "kind"),
    [
        ("*/*", None, "application/json"),
        ("text/html, */*;q=0.1", None, "application/json"),
        ("application/x-ndjson", None, "application/x-ndjson"),
        ("text/csv;q=0.9, application/x-ndjson;q=0.5", None, "text/csv; charset=utf-8"),
        ("application/json", "csv", "text/csv; charset=utf-8"),
        ("text/csv", "ndjson", "application/x-ndjson"),
        ("text/csv", "json", "application/json"),
    ],
)
def test_the_caller_chooses_by_accept_or_by_format(
    client: httpx.Client, batch: dict[str, Any], accept: str, format_: str | None, kind: str
) -> None:
    query = {"format": format_} if format_ else {}
    path = f"/v1/batches/{batch['id']}/results"
    response = client.get(path, params=query, headers={"Accept": accept})
    assert response.headers["content-type"] == kind


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0}, {"limit": 1001}, {"limit": "x"}, {"order": "llr"}, {"min_llr": "nan"},
        {"min_llr": "x"}, {"verdict": "guilty"}, {"format": "xml"}, {"cursor": "made up"},
        {"cursor": "x" * 257},
    ],
)  # fmt: skip
def test_a_bad_question_is_told(
    client: httpx.Client, batch: dict[str, Any], query: dict[str, Any]
) -> None:
    response = client.get(f"/v1/batches/{batch['id']}/results", params=query)
    expect_problem(response, 422, "invalid_request")


def test_while_it_runs_what_is_there_is_given(
    start: StartServer, picture_server: PictureServer
) -> None:
    gate = Gate()
    client = start(ShadeAnalyzer(during_analysis=gate), batch_workers=1)
    batch = submit_batch(client, json={"items": picture_server.items(255, 404, 10)})
    path = f"/v1/batches/{batch['id']}"
    gate.wait_for(1)
    wait_until(lambda: client.get(path).json()["request_counts"]["failed"] == 1, "the failed item")
    lines = get_ndjson(client, batch)
    assert [line.get("seq") for line in lines] == [1, None]
    # A page in the list's order waits for the first one, so that nobody passes it over.
    assert get_page(client, batch) == {"data": [], "has_more": False, "next_cursor": None}
    assert [line["seq"] for line in get_page(client, batch, order="-llr")["data"]] == [1]
    assert lines[-1]["summary"]["status"] == "in_progress"
    assert lines[-1]["summary"]["cohort"] is None
    gate.opened.set()
    wait_until(lambda: client.get(path).json()["status"] == "completed", "the end")
    assert len(get_ndjson(client, batch)) == 4


def test_who_stops_reading_leaves_no_place_taken(start: StartServer) -> None:
    client = start(ShadeAnalyzer())
    rows = "".join(f'{{"url": "nothing", "custom_id": "{"x" * 200}{n}"}}\n' for n in range(20_000))
    batch = complete_batch(client, content=rows, headers={"Content-Type": "application/x-ndjson"})
    path = f"/v1/batches/{batch['id']}/results"
    for _ in range(40):  # more than there are places
        with client.stream("GET", path, params={"format": "ndjson"}) as response:
            assert response.status_code == 200
            next(response.iter_bytes())
    wait_until(
        lambda: client.get(path, params={"format": "csv", "min_llr": 9}).status_code == 200,
        "a place",
    )


@pytest.mark.parametrize("ending", ["csv", "ndjson"])
def test_half_of_a_list_is_not_given_out_as_all_of_it(
    tmp_path: Path, ending: Literal["csv", "ndjson"]
) -> None:
    """What is erased while it is read breaks off, and the reader can tell."""
    SharedServer.stop_any()
    tools = jobs.FakeTools(tmp_path / "log")
    with open_service_at(None, tmp_path, tools, workers=0) as service:
        rows = [*jobs.picture_items(1), *map(jobs.failed_item, range(1, 12_000))]
        batch, _ = service.submit(BatchRequest(prior=0.5), rows)
        lines = stream_results(service, batch, ResultFilter(), ending)
        assert next(lines)
        service.delete(batch.id, "")
        with pytest.raises(NotFound):
            list(lines)


def test_a_trailer_tells_how_far_it_is_when_it_is_written(tmp_path: Path) -> None:
    SharedServer.stop_any()
    tools = jobs.FakeTools(tmp_path / "log")
    with open_service_at(None, tmp_path, tools, workers=0) as service:
        rows = [*jobs.picture_items(1), jobs.failed_item(1)]
        batch, _ = service.submit(BatchRequest(prior=0.5), rows)
        lines = stream_results(service, batch, ResultFilter(), "ndjson")
        assert json.loads(next(lines))["seq"] == 1
        service.cancel(batch.id, "")
        assert json.loads(next(lines))["summary"]["status"] == "cancelling"
