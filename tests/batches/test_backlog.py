"""How far the work is behind, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from app.batches.backlog import read_backlog
from app.batches.store.models import BatchRequest
from app.batches.store.tables import batches
from app.batches.webhooks.messages import State, database_from_engine, enqueue_webhook
from tests.batches.conftest import OpenService, wait_until_ended
from tests.batches.fake_tools import picture_items


def test_the_list_that_waits_longest_gives_the_age(open_service: OpenService) -> None:
    service = open_service(workers=0)
    database = database_from_engine(service.engine)
    assert read_backlog(database).queue_age_s == 0.0
    for age_s in (40.0, 90.0):
        batch, _ = service.submit(BatchRequest(prior=0.5), picture_items(3))
        change = sa.update(batches).where(batches.c.id == batch.id)
        database.write(lambda c: c.execute(change.values(changed_at=database.now - age_s)))  # noqa: B023
    assert 90.0 <= read_backlog(database).queue_age_s < 120.0


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
