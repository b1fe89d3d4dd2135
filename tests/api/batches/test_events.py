"""``/v1/batches/{id}/events``: progress that can be taken up again where it broke off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.api.batches import state
from app.runtime.batch_json import BatchOut
from tests.api.analyses.test_router import expect_problem
from tests.api.picture_server import (
    PictureServer,
    ShadeAnalyzer,
    complete_batch,
    submit_batch,
    wait_until,
)
from tests.api.stub_analyzer import StartServer
from tests.api.test_admission import Gate


@dataclass(frozen=True)
class ServerEvent:
    kind: str
    id: int
    batch: BatchOut


def read_events(response: httpx.Response) -> Iterator[ServerEvent]:
    """As an EventSource reads them."""
    event_fields: dict[str, str] = {}
    for line in response.iter_lines():
        if not line and "data" in event_fields:
            batch = BatchOut.model_validate(json.loads(event_fields["data"]))
            yield ServerEvent(event_fields["event"], int(event_fields["id"]), batch)
            event_fields = {}
        elif line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            event_fields[name] = value


def events_path(batch: dict[str, Any]) -> str:
    return f"/v1/batches/{batch['id']}/events"


def test_progress_until_the_end_then_the_stream_closes(
    start: StartServer, picture_server: PictureServer
) -> None:
    gate = Gate()
    client = start(ShadeAnalyzer(during_analysis=gate))
    batch = submit_batch(client, json={"items": picture_server.items(*range(30))})
    with client.stream("GET", events_path(batch)) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        stream = read_events(response)
        first = next(stream)
        assert (first.kind, first.batch.id) == ("progress", batch["id"])
        gate.opened.set()
        rest = list(stream)
    assert {event.kind for event in rest[:-1]} <= {"progress"}
    assert rest[-1].kind == "completed"
    assert rest[-1].batch.request_counts.completed == 30
    assert rest[-1].batch.cohort is not None
    ids = [event.id for event in (first, *rest)]
    assert ids == sorted(set(ids))
    assert all(event.id == event.batch.revision for event in rest)


def test_nothing_is_told_twice_after_a_break(
    client: httpx.Client, picture_server: PictureServer
) -> None:
    batch = complete_batch(client, json={"items": picture_server.items(1, 2, 3)})
    with client.stream("GET", events_path(batch)) as response:
        (only,) = read_events(response)
    assert (only.kind, only.id) == ("completed", batch["revision"])
    before = {"Last-Event-ID": str(only.id - 1)}
    with client.stream("GET", events_path(batch), headers=before) as response:
        assert [event.id for event in read_events(response)] == [only.id]
    repeated = client.get(events_path(batch), headers={"Last-Event-ID": str(only.id)})
    assert (repeated.status_code, repeated.content) == (204, b"")


def test_many_flagged_items_are_an_event_of_their_own_told_once(
    client: httpx.Client, picture_server: PictureServer
) -> None:
    items = picture_server.items(255, 1, 254)
    batch = complete_batch(client, json={"items": items, "flagged_threshold": 2})
    assert batch["flagged_threshold"] == 2
    assert batch["flagged_threshold_at"] is not None
    with client.stream("GET", events_path(batch)) as response:
        flagged, end = read_events(response)
    assert (flagged.kind, end.kind, end.id) == (
        "flagged_threshold", "completed", batch["revision"],
    )  # fmt: skip
    assert flagged.id < end.id
    assert flagged.batch.verdicts["likely_stylegan"] >= 2
    known = {"Last-Event-ID": str(flagged.id)}
    with client.stream("GET", events_path(batch), headers=known) as response:
        assert [event.id for event in read_events(response)] == [end.id]


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "many"])
def test_a_threshold_that_is_none_is_told(
    client: httpx.Client, picture_server: PictureServer, wrong: object
) -> None:
    body = {"items": picture_server.items(1), "flagged_threshold": wrong}
    refusal = expect_problem(client.post("/v1/batches", json=body), 422, "invalid_request")
    assert refusal.errors is not None
    assert refusal.errors[0].pointer == "#/flagged_threshold"


def test_taken_up_in_the_middle(start: StartServer, picture_server: PictureServer) -> None:
    gate = Gate()
    client = start(ShadeAnalyzer(during_analysis=gate), batch_workers=1)
    batch = submit_batch(client, json={"items": picture_server.items(404, 1)})
    with client.stream("GET", events_path(batch)) as response:
        first = next(read_events(response))
    gate.opened.set()
    with client.stream(
        "GET", events_path(batch), headers={"Last-Event-ID": str(first.id)}
    ) as response:
        ids = [event.id for event in read_events(response)]
    assert ids
    assert min(ids) > first.id


def test_an_id_of_another_life_starts_anew(
    client: httpx.Client, picture_server: PictureServer
) -> None:
    batch = complete_batch(client, json={"items": picture_server.items(1)})
    retried = {"Last-Event-ID": str(batch["revision"] + 1000)}
    answer = client.get(events_path(batch), headers=retried)
    assert answer.status_code == 204  # it has ended, and nothing newer will come


@pytest.mark.parametrize("wrong", ["x", "-1", "1.5", str(2**63)])
def test_an_id_that_is_none_is_told(
    client: httpx.Client, picture_server: PictureServer, wrong: str
) -> None:
    batch = complete_batch(client, json={"items": picture_server.items(1)})
    answer = client.get(events_path(batch), headers={"Last-Event-ID": wrong})
    expect_problem(answer, 422, "invalid_request")


def test_an_erased_batch_ends_its_stream(start: StartServer, picture_server: PictureServer) -> None:
    gate = Gate()
    client = start(ShadeAnalyzer(during_analysis=gate), batch_workers=1)
    batch = submit_batch(client, json={"items": picture_server.items(*range(9))})
    with client.stream("GET", events_path(batch)) as response:
        stream = read_events(response)
        next(stream)
        gate.wait_for(1)
        with httpx.Client(base_url=client.base_url, trust_env=False) as other:
            assert other.delete(f"/v1/batches/{batch['id']}").status_code == 204
        gate.opened.set()
        assert all(event.kind == "progress" for event in stream)


def test_listeners_are_bounded_and_leave_their_place(
    start: StartServer, picture_server: PictureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "MAX_LISTENERS", 2)
    gate = Gate()
    client = start(ShadeAnalyzer(during_analysis=gate), batch_workers=1)
    batch = submit_batch(client, json={"items": picture_server.items(1)})
    with (
        client.stream("GET", events_path(batch)) as one,
        client.stream("GET", events_path(batch)) as two,
    ):
        streams = [read_events(one), read_events(two)]  # a reader that is dropped hangs up
        assert [next(each).kind for each in streams] == ["progress", "progress"]
        expect_problem(client.get(events_path(batch)), 429, "busy")
    gate.opened.set()
    wait_until(lambda: client.get(events_path(batch)).status_code == 200, "a place")
