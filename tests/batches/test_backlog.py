"""How far the work is behind, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
import yaml

from app.batches.backlog import read_backlog
from app.batches.store.models import BatchRequest
from app.batches.store.tables import batches
from app.batches.webhooks.messages import State, database_from_engine, enqueue_webhook
from app.records import Item
from tests.batches.conftest import OpenService, wait_until_ended
from tests.batches.fake_tools import failed_item, picture_items
from tests.conftest import ROOT


def test_the_list_that_waits_longest_gives_the_age(open_service: OpenService) -> None:
    service = open_service(workers=0)
    database = database_from_engine(service.engine)
    assert read_backlog(database).queue_age_s == 0.0
    for age_s in (40.0, 90.0):
        batch, _ = service.submit(BatchRequest(prior=0.5), picture_items(3))
        change = sa.update(batches).where(batches.c.id == batch.id)
        database.write(lambda c: c.execute(change.values(changed_at=database.now - age_s)))  # noqa: B023
    assert 90.0 <= read_backlog(database).queue_age_s < 120.0


def test_the_autoscaler_counts_what_waits(open_service: OpenService) -> None:
    """The query of the manifest, on the tables as they are."""
    path = ROOT / "deploy" / "keda" / "scaledobject.yaml"
    (scaled, _) = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    (trigger,) = scaled["spec"]["triggers"]
    service = open_service(workers=0)
    lists: tuple[list[Item], ...] = ([], [failed_item(0)], list(picture_items(5)))
    for items, waiting in zip(lists, (0, 1, 1 + 5 + 1), strict=True):
        service.submit(BatchRequest(prior=0.5), items) if items else None
        with service.engine.connect() as c:
            query = sa.text(trigger["metadata"]["query"])
            assert c.execution_options(reading=True).scalar(query) == waiting


def test_what_has_ended_waits_for_nothing_but_its_webhook(open_service: OpenService) -> None:
    service = open_service(workers=1)
    database = database_from_engine(service.engine)
    request = BatchRequest(prior=0.5, webhook_url="https://hooks.example/a")
    batch = wait_until_ended(service, service.submit(request, picture_items(2))[0])
    enqueue_webhook(batch, service.engine)
    backlog = read_backlog(database)
    assert backlog.queue_age_s == 0.0
    assert backlog.webhooks == {**dict.fromkeys(State, 0), State.WAITING: 1}
    assert batch.reached[batch.status] <= datetime.now(UTC)
