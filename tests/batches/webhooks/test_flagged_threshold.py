"""Who wants to hear of many flagged items is told once, while the list runs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from app.batches.execution.chunks import ChunkKey, begin_run
from app.batches.service import BatchService
from app.batches.store import queries
from app.batches.store.database import Database
from app.batches.store.models import Batch, BatchRequest
from app.batches.store.result_store import ItemOutcome, _commit_outcomes, commit_outcomes
from app.batches.webhooks.flagged_threshold import FLAGGED_THRESHOLD_TYPE, is_reached
from app.batches.webhooks.messages import database_from_engine, enqueue_webhook
from app.batches.webhooks.webhook_tables import webhook_messages
from app.evidence import Verdict
from app.records import Item
from tests.batches.conftest import OpenService, wait_until_ended
from tests.batches.fake_tools import bytes_of, picture_items, record_of

ITEMS = 24
FLAGGED = [
    seq for seq in range(ITEMS) if record_of(bytes_of(seq)).verdict is Verdict.LIKELY_STYLEGAN
]
REQUEST = BatchRequest(prior=0.5, webhook_url="https://hooks.example/a", metadata={"case": "7"})
TIRED = Item(ITEMS, url := "https://pictures.example/tired", url=url)


def read_messages(service: BatchService, event_type: str) -> list[dict[str, Any]]:
    """The bodies of a kind."""
    statement = sa.select(webhook_messages.c.body).where(webhook_messages.c.type == event_type)
    with database_from_engine(service.engine).reading() as c:
        return [json.loads(body) for body in c.scalars(statement)]


def outcomes(first: int, end: int) -> list[ItemOutcome]:
    return [ItemOutcome(seq, record_of(bytes_of(seq))) for seq in range(first, end)]


@pytest.mark.parametrize(
    ("threshold", "flagged", "expected"), [(None, 9, False), (3, 2, False), (3, 3, True)]
)
def test_a_threshold_is_reached_with_the_item_that_makes_it_full(
    threshold: int | None, flagged: int, expected: bool
) -> None:
    assert is_reached(threshold, {"likely_stylegan": flagged, "inconclusive": 9}) is expected


def test_told_once_whatever_is_retried_and_how_it_ends(open_service: OpenService) -> None:
    service = open_service(on_ended=enqueue_webhook)
    request = replace(REQUEST, flagged_threshold=2)
    batch, _ = service.submit(request, [*picture_items(ITEMS), TIRED])
    first = wait_until_ended(service, batch)
    again = wait_until_ended(service, service.retry_failed(batch.id, ""))
    assert (first.flagged_at, first.flagged_revision) == (again.flagged_at, again.flagged_revision)
    assert first.flagged_at is not None
    assert first.flagged_revision is not None
    assert first.flagged_revision < first.revision < again.revision
    (message,) = read_messages(service, FLAGGED_THRESHOLD_TYPE)
    data = message["data"]
    assert (data["id"], data["status"], data["metadata"]) == (
        batch.id, "in_progress", {"case": "7"},
    )  # fmt: skip
    assert data["flagged_threshold"] == 2 <= data["verdicts"]["likely_stylegan"] <= len(FLAGGED)
    counts = data["request_counts"]
    assert sum(data["verdicts"].values()) == counts["completed"] <= counts["total"] == ITEMS + 1
    assert message["timestamp"] == first.flagged_at.isoformat().replace("+00:00", "Z")
    assert len(read_messages(service, "batch.completed")) == 2


def test_who_has_no_webhook_or_too_few_gets_no_message(open_service: OpenService) -> None:
    service = open_service()
    silent, too_few = (
        service.submit(request, picture_items(ITEMS))[0]
        for request in (
            replace(REQUEST, webhook_url=None, flagged_threshold=len(FLAGGED)),
            replace(REQUEST, flagged_threshold=len(FLAGGED) + 1),
        )
    )
    assert wait_until_ended(service, silent).flagged_at is not None
    assert wait_until_ended(service, too_few).flagged_at is None
    assert read_messages(service, FLAGGED_THRESHOLD_TYPE) == []


def test_a_crash_before_the_commit_tells_nobody_and_a_repeated_run_tells_once(
    open_service: OpenService,
) -> None:
    service = open_service(workers=0)
    request = replace(REQUEST, flagged_threshold=2)
    batch, _ = service.submit(request, picture_items(ITEMS))
    database = database_from_engine(service.engine)
    run = begin_run(database, ChunkKey(batch.id, 0, 0, 0))
    assert run is not None
    below, rest = outcomes(0, FLAGGED[1]), outcomes(FLAGGED[1], ITEMS)

    def crash(c: sa.Connection) -> None:
        _commit_outcomes(c, database, run, rest, mark_progress=False)
        raise InterruptedError

    commit_outcomes(database, run, below)
    with pytest.raises(InterruptedError):
        database.write(crash)
    assert read_batch(database, batch).flagged_at is None
    assert read_messages(service, FLAGGED_THRESHOLD_TYPE) == []
    for _ in range(2):
        commit_outcomes(database, run, [*below, *rest])
    (message,) = read_messages(service, FLAGGED_THRESHOLD_TYPE)
    assert message["data"]["request_counts"]["completed"] == ITEMS
    assert read_batch(database, batch).verdicts["likely_stylegan"] == len(FLAGGED)


def read_batch(database: Database, batch: Batch) -> Batch:
    return queries.read_batch(database, batch.id, None)
