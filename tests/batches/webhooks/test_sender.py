"""Webhooks against a receiver on loopback, verified by the consumers' own library."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook, WebhookVerificationError

from app.batches.store import deletion, queries
from app.batches.store.database import Database, open_database
from app.batches.store.models import Batch, NewBatch, Status
from app.batches.store.tables import batches
from app.batches.webhooks import messages as webhooks
from app.batches.webhooks import outbox
from app.batches.webhooks.messages import Delivery, State
from app.batches.webhooks.outbox import JITTER, WAITS_S, Letter, Outcome
from app.batches.webhooks.sender import Post, Sender, signed
from app.batches.webhooks.webhook_tables import messages, tries
from app.errors import NotFound
from app.fetch import Fetcher, FetchPolicy
from tests.batches.conftest import Opened, ended
from tests.batches.stand_in import pictures
from tests.fetch.servers import LOOPBACK, OK, Reply, Server, empty, redirect, run, serving

KEY = bytes(range(32))
OLD_KEY = bytes(range(64, 128))
NEW = NewBatch(prior=0.5)
SOON = (0.02,) * 7


def secret(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


@pytest.fixture
def database(url: str | None, tmp_path: Path) -> Iterator[Database]:
    opened = open_database(url, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "WAITS_S", SOON)


def batch_in(
    database: Database, url: str | None, status: Status = Status.COMPLETED, name: str = "batch_1"
) -> Batch:
    """A batch that has just ended."""
    row = {
        "id": name,
        "owner": "",
        "body_sha256": "",
        "prior": 0.5,
        "webhook_url": url,
        "list_format": "json",
        "status": status,
        "total": 10,
        "completed": 8,
        "failed": 2,
        "reached": json.dumps({status: 1_780_000_000.25}),
        "changed_at": 0.0,
        "submitter": "",
    }
    database.write(lambda c: c.execute(sa.insert(batches).values(**row)))
    return queries.read(database, name, None)


def announced(database: Database, url: str, name: str = "batch_1") -> Batch:
    batch = batch_in(database, url, name=name)
    webhooks.announce(batch, database.engine)
    return batch


def sender(
    database: Database,
    keys: Sequence[bytes] = (KEY,),
    policy: FetchPolicy = LOOPBACK,
    timeout_s: float = 2.0,
    lease_s: float = 30.0,
) -> Sender:
    @asynccontextmanager
    async def open_post() -> AsyncIterator[Post]:
        async with Fetcher(policy) as fetcher:
            yield fetcher.post

    return Sender(
        database.engine, open_post, keys, poll_s=0.02, timeout_s=timeout_s, lease_s=lease_s
    )


async def settled(database: Database, name: str = "batch_1", tries: int = 0) -> Delivery:
    """The only delivery of a batch, once nobody waits for it and it was tried often enough."""
    while True:
        (delivery,) = await asyncio.to_thread(webhooks.deliveries, database.engine, name)
        if delivery.next_at is None and len(delivery.tries) >= tries:
            return delivery
        await asyncio.sleep(0.02)


def headers_of(server: Server, number: int) -> dict[str, str]:
    lines = server.requests[number].split("\r\n")[1:-2]
    return {key.lower(): value for key, value in (line.split(": ", 1) for line in lines)}


def delivered(
    database: Database, replies: bytes | Reply | Sequence[bytes | Reply], **how: float
) -> tuple[Delivery, Server]:
    """What became of a message to a receiver that answers with ``replies``."""

    async def scenario() -> tuple[Delivery, Server]:
        async with serving({"/hook": replies, "/other": OK}) as server:
            announced(database, server.url("/hook"))
            with sender(database, **how):  # type: ignore[arg-type]
                return await settled(database), server

    return run(scenario(), within_s=60.0)


def test_what_arrives_is_verified_by_the_consumers_library(database: Database) -> None:
    delivery, server = delivered(database, empty("204 No Content"))
    headers, body = headers_of(server, 0), server.bodies[0]
    assert Webhook(secret(KEY)).verify(body, headers) == {
        "type": "batch.completed",
        "timestamp": "2026-05-28T20:26:40.250000Z",
        "data": {
            "id": "batch_1",
            "status": "completed",
            "request_counts": {"total": 10, "completed": 8, "failed": 2},
        },
    }
    with pytest.raises(WebhookVerificationError):
        Webhook(secret(KEY)).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret(OLD_KEY)).verify(body, headers)
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == delivery.id
    assert (delivery.state, delivery.batch_id, delivery.type) == (
        State.DELIVERED,
        "batch_1",
        "batch.completed",
    )
    (attempt,) = delivery.tries
    assert (attempt.number, attempt.status, attempt.error) == (1, 204, None)
    assert 0.0 <= attempt.duration_s < 2.0
    assert abs((attempt.at - datetime.now(UTC)).total_seconds()) < 20


def test_we_sign_as_the_library_does() -> None:
    at = 1_780_000_000
    ours = signed("msg_1", at, b'{"a": "\xc3\xa4"}', [KEY, OLD_KEY])["webhook-signature"]
    theirs = [
        Webhook(secret(key)).sign("msg_1", datetime.fromtimestamp(at, UTC), '{"a": "ä"}')
        for key in (KEY, OLD_KEY)
    ]
    assert ours == " ".join(theirs)


def test_while_a_secret_is_replaced_both_verify(database: Database) -> None:
    async def scenario() -> Server:
        async with serving({"/hook": OK}) as server:
            announced(database, server.url("/hook"))
            with sender(database, keys=(KEY, OLD_KEY)):
                await settled(database)
            return server

    server = run(scenario(), within_s=60.0)
    for key in (KEY, OLD_KEY):
        Webhook(secret(key)).verify(server.bodies[0], headers_of(server, 0))
    with pytest.raises(WebhookVerificationError):
        Webhook(secret(bytes(24))).verify(server.bodies[0], headers_of(server, 0))


@pytest.mark.usefixtures("impatient")
def test_a_receiver_that_fails_first_gets_the_same_message_again(database: Database) -> None:
    async def hang_up(writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def sleep(writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    bad: list[bytes | Reply] = [empty("500 X"), hang_up, sleep, redirect("/other"), empty("404 X")]
    delivery, server = delivered(database, [*bad, empty("200 OK")], timeout_s=1.0)
    assert delivery.state is State.DELIVERED
    assert [t.status for t in delivery.tries] == [500, None, None, 302, 404, 200]
    assert [t.error is None for t in delivery.tries] == [True, False, False, True, True, True]
    assert "1 s" in str(delivery.tries[2].error)
    assert {headers_of(server, n)["webhook-id"] for n in range(6)} == {delivery.id}
    assert len(set(server.bodies)) == 1
    assert all(request.startswith("POST /hook ") for request in server.requests)
    Webhook(secret(KEY)).verify(server.bodies[5], headers_of(server, 5))


@pytest.mark.usefixtures("impatient")
def test_a_receiver_that_never_takes_it_is_given_up(database: Database) -> None:
    delivery, server = delivered(database, redirect("/other", "307 X"))
    assert delivery.state is State.FAILED
    assert len(server.requests) == len(delivery.tries) == len(SOON) + 1
    assert {t.status for t in delivery.tries} == {307}


@pytest.mark.usefixtures("impatient")
def test_410_stops(database: Database) -> None:
    delivery, server = delivered(database, [empty("500 X"), empty("410 Gone"), OK])
    assert delivery.state is State.REFUSED
    assert [t.status for t in delivery.tries] == [500, 410]
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://user:secret@127.0.0.1/",
        "ftp://127.0.0.1/",
    ],
)
def test_where_nothing_may_be_sent_nothing_is_tried_twice(database: Database, target: str) -> None:
    async def scenario() -> Delivery:
        announced(database, target)
        with sender(database, policy=FetchPolicy(max_bytes=1000)):
            return await settled(database)

    delivery = run(scenario(), within_s=60.0)
    assert (delivery.state, len(delivery.tries)) == (State.FAILED, 1)
    assert delivery.tries[0].error
    assert "secret" not in delivery.tries[0].error


def test_sent_again_by_hand(database: Database) -> None:
    async def scenario() -> tuple[Delivery, Delivery, Server]:
        replies = {"/hook": [empty("410 Gone"), OK]}
        async with serving(replies) as server:
            batch = announced(database, server.url("/hook"))
            with sender(database):
                first = await settled(database)
                await asyncio.sleep(1.1)  # timestamps are whole seconds
                again = webhooks.resend(database.engine, batch.id, first.id)
                assert (again.state, again.next_at is None) == (State.WAITING, False)
                return first, await settled(database, tries=2), server

    first, second, server = run(scenario(), within_s=60.0)
    assert (first.state, second.state) == (State.REFUSED, State.DELIVERED)
    assert first.id == second.id
    stamps = [int(headers_of(server, n)["webhook-timestamp"]) for n in range(2)]
    assert stamps[0] < stamps[1]
    for number in range(2):
        Webhook(secret(KEY)).verify(server.bodies[number], headers_of(server, number))
    for wrong in (("batch_1", "msg_none"), ("batch_1", "msg\x00"), ("batch_2", first.id)):
        with pytest.raises(NotFound):
            webhooks.resend(database.engine, *wrong)


def test_announced_twice_is_told_once_and_another_end_again(database: Database) -> None:
    batch = announced(database, "http://127.0.0.1/")
    webhooks.announce(batch, database.engine)
    assert len(webhooks.deliveries(database.engine, batch.id)) == 1
    later = replace(batch, reached={Status.COMPLETED: datetime.now(UTC)}, failed=0)
    webhooks.announce(later, database.engine)
    webhooks.announce(later, database.engine)
    found = webhooks.deliveries(database.engine, batch.id)
    assert len({each.id for each in found}) == 2


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.CANCELLED])
def test_each_way_to_end_has_its_name(database: Database, status: Status) -> None:
    batch = batch_in(database, "http://127.0.0.1/", status)
    webhooks.announce(batch, database.engine)
    assert webhooks.deliveries(database.engine, batch.id)[0].type == f"batch.{status}"


def test_nothing_is_said_of_what_has_not_ended_or_of_which_nobody_wants_to_hear(
    database: Database,
) -> None:
    for name, url, status in (
        ("a", None, Status.COMPLETED),
        ("b", "http://127.0.0.1/", Status.IN_PROGRESS),
    ):
        batch = batch_in(database, url, status, name)
        webhooks.announce(batch, database.engine)
        assert webhooks.deliveries(database.engine, name) == ()


def number_of(database: Database, name: str) -> int:
    return int(queries.find(database, name, None).no)


def rows(database: Database) -> int:
    with database.reading() as c:
        counts = [c.scalar(sa.select(sa.func.count()).select_from(t)) for t in (messages, tries)]
    return sum(count or 0 for count in counts)


def test_all_of_it_goes_with_the_batch(database: Database) -> None:
    batch = announced(database, "http://127.0.0.1/")
    (letter,) = outbox.take(database, 10, 30.0)
    assert outbox.record(database, letter, Outcome(500, None, 0.1)) is State.WAITING
    assert rows(database) == 2
    number = number_of(database, batch.id)
    deletion.bury(database, number)
    webhooks.announce(
        replace(batch, reached={Status.COMPLETED: datetime.now(UTC)}), database.engine
    )
    assert webhooks.deliveries(database.engine, batch.id) == ()
    deletion.erase(database, number)
    assert rows(database) == 0
    # And whoever was sending it meanwhile leaves nothing behind.
    assert outbox.record(database, letter, Outcome(200, None, 0.1)) is None
    outbox.give_back(database, letter)
    assert rows(database) == 0


def test_a_message_is_in_one_hand_at_a_time_and_free_when_that_one_dies(
    database: Database,
) -> None:
    announced(database, "http://127.0.0.1/")
    assert outbox.is_due(database)
    (first,) = outbox.take(database, 10, 30.0)
    assert outbox.take(database, 10, 30.0) == []
    assert not outbox.is_due(database)
    database.write(lambda c: c.execute(sa.update(messages).values(leased_until=0.0)))  # it is over
    (second,) = outbox.take(database, 10, 30.0)
    assert (first.id, first.body) == (second.id, second.body)
    # The first was only slow: it is in the log, and moves nothing.
    outbox.record(database, first, Outcome(500, None, 0.1))
    (delivery,) = webhooks.deliveries(database.engine, "batch_1")
    assert (delivery.state, len(delivery.tries)) == (State.WAITING, 1)
    assert outbox.take(database, 10, 30.0) == []
    # But what arrived has arrived, and the second's failure changes nothing about it.
    assert outbox.record(database, first, Outcome(200, None, 0.1)) is State.DELIVERED
    assert outbox.record(database, second, Outcome(500, None, 0.1)) is State.DELIVERED
    (delivery,) = webhooks.deliveries(database.engine, "batch_1")
    assert (delivery.next_at, [t.number for t in delivery.tries]) == (None, [1, 2, 3])


def test_two_senders_send_each_message_once(database: Database) -> None:
    async def scenario() -> Server:
        async with serving({"/hook": empty("200 OK")}) as server:
            for n in range(30):
                announced(database, server.url("/hook"), f"batch_{n}")
            with sender(database), sender(database):
                for n in range(30):
                    assert (await settled(database, f"batch_{n}")).state is State.DELIVERED
            return server

    server = run(scenario(), within_s=60.0)
    ids = [headers_of(server, n)["webhook-id"] for n in range(len(server.requests))]
    assert len(ids) == len(set(ids)) == 30


def test_what_is_under_way_when_the_process_leaves_is_sent_by_the_next(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.batches.webhooks.sender.LEAVE_S", 0.1)

    async def stuck(writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def scenario() -> Delivery:
        async with serving({"/hook": [stuck, OK]}) as server:
            announced(database, server.url("/hook"))
            leaving = sender(database, timeout_s=10.0)
            await server.asked.wait()
            await asyncio.to_thread(leaving.close)
            with sender(database):
                return await settled(database)

    delivery = run(scenario(), within_s=60.0)
    assert [t.status for t in delivery.tries] == [200]


def test_kill_9_in_the_middle_of_sending(url: str | None, tmp_path: Path) -> None:
    """The next process sends it once the lease of the dead one is over, under the same id."""

    async def stuck(writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def scenario() -> tuple[Delivery, Server]:
        async with serving({"/hook": [stuck, OK]}) as server:
            database = open_database(url, tmp_path)
            announced(database, server.url("/hook"))
            database.close()
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.batches.postman", str(tmp_path), url or "-", "1.0"
            )
            try:
                await server.asked.wait()
            finally:
                os.kill(child.pid, signal.SIGKILL)
                await child.wait()
            database = open_database(url, tmp_path)
            try:
                with sender(database):
                    return await settled(database), server
            finally:
                database.close()

    delivery, server = run(scenario(), within_s=60.0)
    assert [t.status for t in delivery.tries] == [200]
    assert len(server.requests) == 2
    assert headers_of(server, 0)["webhook-id"] == headers_of(server, 1)["webhook-id"]
    Webhook(secret(KEY)).verify(server.bodies[1], headers_of(server, 1))


def test_the_waits_grow_over_hours_and_vary(database: Database) -> None:
    announced(database, "http://127.0.0.1/")
    waits, share = [], iter([1.0 - JITTER, 1.0, 1.0 + JITTER] * 3)
    for _ in WAITS_S:
        (letter,) = _taken_whenever(database)
        began = time.time()
        outbox.record(database, letter, Outcome(500, None, 0.0), jitter=lambda: next(share))
        (delivery,) = webhooks.deliveries(database.engine, "batch_1")
        assert delivery.next_at is not None
        waits.append(delivery.next_at.timestamp() - began)
    factors = [1.0 - JITTER, 1.0, 1.0 + JITTER] * 3
    expected = [wait * factor for wait, factor in zip(WAITS_S, factors, strict=False)]
    assert waits == pytest.approx(expected, abs=1.0)
    assert sum(WAITS_S) > 6 * 3600
    (letter,) = _taken_whenever(database)
    assert outbox.record(database, letter, Outcome(None, "no", 0.0)) is State.FAILED


def test_a_receiver_that_names_a_time_is_not_asked_before(database: Database) -> None:
    announced(database, "http://127.0.0.1/")
    (letter,) = outbox.take(database, 1, 30.0)
    outbox.record(database, letter, Outcome(None, "rest", 0.0, retry_after_s=900.0))
    (delivery,) = webhooks.deliveries(database.engine, "batch_1")
    assert delivery.next_at is not None
    assert delivery.next_at.timestamp() - time.time() == pytest.approx(900.0, abs=5.0)


def _taken_whenever(database: Database) -> list[Letter]:
    """What waits, as if its time had come."""
    due = sa.update(messages).where(messages.c.due_at.is_not(None)).values(due_at=0.0)
    database.write(lambda c: c.execute(due))
    return outbox.take(database, 1, 30.0)


def test_from_a_list_to_its_receiver_and_to_nothing(opened: Opened) -> None:
    async def scenario() -> None:
        async with serving({"/hook": OK}) as server:
            desk = await asyncio.to_thread(opened, on_ended=webhooks.announce)
            new = replace(NEW, webhook_url=server.url("/hook"))
            batch, _ = await asyncio.to_thread(desk.submit, new, pictures(5))
            batch = await asyncio.to_thread(ended, desk, batch)
            there = webhooks.database_of(desk.engine)
            with sender(there):
                delivery = await settled(there, batch.id)
            assert delivery.state is State.DELIVERED
            said = Webhook(secret(KEY)).verify(server.bodies[0], headers_of(server, 0))
            assert said["data"]["request_counts"]["total"] == 5
            await asyncio.to_thread(desk.delete, batch.id, "")
            assert rows(there) == 0

    run(scenario(), within_s=60.0)
