"""Webhooks against a receiver on loopback, verified by the consumers' own library."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook, WebhookVerificationError

from app.batches.store import deletion, queries
from app.batches.store.database import Database, open_database
from app.batches.store.models import Batch, BatchRequest, Status
from app.batches.store.tables import batches
from app.batches.webhooks import messages as webhooks
from app.batches.webhooks import outbox
from app.batches.webhooks.messages import State, WebhookDelivery
from app.batches.webhooks.outbox import JITTER, RETRY_DELAYS_S, DeliveryResult, OutgoingMessage
from app.batches.webhooks.sender import PostFn, WebhookSender, sign_headers
from app.batches.webhooks.webhook_tables import webhook_attempts, webhook_messages
from app.errors import NotFound
from app.fetch.fetcher import Fetcher
from app.fetch.policy import FetchPolicy
from tests.batches.conftest import OpenService, wait_until_ended, wait_until_erased
from tests.batches.fake_tools import picture_items
from tests.fetch.scripted_server import (
    LOOPBACK_POLICY,
    OK_RESPONSE,
    ReplyFn,
    ScriptedServer,
    empty_response,
    redirect_response,
    run_bounded,
    run_server,
)

KEY = bytes(range(32))
OLD_KEY = bytes(range(64, 128))
NEW = BatchRequest(prior=0.5)
SHORT_DELAYS_S = (0.02,) * 7


def secret(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


@pytest.fixture
def database(url: str | None, tmp_path: Path) -> Iterator[Database]:
    opened = open_database(url, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "RETRY_DELAYS_S", SHORT_DELAYS_S)


def insert_ended_batch(
    database: Database,
    url: str | None,
    status: Status = Status.COMPLETED,
    name: str = "batch_1",
    owner: str = "",
) -> Batch:
    """A batch that has just ended."""
    row = {
        "id": name,
        "owner": owner,
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
    return queries.read_batch(database, name, None)


def insert_and_enqueue(database: Database, url: str, name: str = "batch_1") -> Batch:
    batch = insert_ended_batch(database, url, name=name)
    webhooks.enqueue_webhook(batch, database.engine)
    return batch


def open_sender(
    database: Database,
    keys: Sequence[bytes] = (KEY,),
    policy: FetchPolicy = LOOPBACK_POLICY,
    timeout_s: float = 2.0,
    lease_s: float = 30.0,
) -> WebhookSender:
    @asynccontextmanager
    async def open_post() -> AsyncIterator[PostFn]:
        async with Fetcher(policy) as fetcher:
            yield fetcher.post

    return WebhookSender(
        database.engine, open_post, keys, poll_s=0.02, timeout_s=timeout_s, lease_s=lease_s
    )


async def wait_until_settled(
    database: Database, name: str = "batch_1", min_attempts: int = 0
) -> WebhookDelivery:
    """The only delivery of a batch, once nobody waits for it and it was tried often enough."""
    while True:
        (delivery,) = await asyncio.to_thread(webhooks.list_deliveries, database.engine, name)
        if delivery.next_at is None and len(delivery.attempts) >= min_attempts:
            return delivery
        await asyncio.sleep(0.02)


def request_headers(server: ScriptedServer, number: int) -> dict[str, str]:
    lines = server.requests[number].split("\r\n")[1:-2]
    return {key.lower(): value for key, value in (line.split(": ", 1) for line in lines)}


def deliver(
    database: Database,
    replies: bytes | ReplyFn | Sequence[bytes | ReplyFn],
    **sender_options: float,
) -> tuple[WebhookDelivery, ScriptedServer]:
    """What became of a message to a receiver that answers with ``replies``."""

    async def scenario() -> tuple[WebhookDelivery, ScriptedServer]:
        async with run_server({"/hook": replies, "/other": OK_RESPONSE}) as server:
            insert_and_enqueue(database, server.url("/hook"))
            with open_sender(database, **sender_options):  # type: ignore[arg-type]
                return await wait_until_settled(database), server

    return run_bounded(scenario(), within_s=60.0)


def test_what_arrives_is_verified_by_the_consumers_library(database: Database) -> None:
    delivery, server = deliver(database, empty_response("204 No Content"))
    headers, body = request_headers(server, 0), server.bodies[0]
    assert Webhook(secret(KEY)).verify(body, headers) == {
        "type": "batch.completed",
        "timestamp": "2026-05-28T20:26:40.250000Z",
        "data": {
            "id": "batch_1",
            "status": "completed",
            "request_counts": {"total": 10, "completed": 8, "failed": 2},
            "verdicts": {},
            "flagged_threshold": None,
            "metadata": {},
            "finding": None,
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
    (attempt,) = delivery.attempts
    assert (attempt.number, attempt.status, attempt.error) == (1, 204, None)
    assert 0.0 <= attempt.duration_s < 2.0
    assert abs((attempt.at - datetime.now(UTC)).total_seconds()) < 20


def test_we_sign_as_the_library_does() -> None:
    at = 1_780_000_000
    ours = sign_headers("msg_1", at, b'{"a": "\xc3\xa4"}', [KEY, OLD_KEY])["webhook-signature"]
    theirs = [
        Webhook(secret(key)).sign("msg_1", datetime.fromtimestamp(at, UTC), '{"a": "ä"}')
        for key in (KEY, OLD_KEY)
    ]
    assert ours == " ".join(theirs)


def test_while_a_secret_is_replaced_both_verify(database: Database) -> None:
    async def scenario() -> ScriptedServer:
        async with run_server({"/hook": OK_RESPONSE}) as server:
            insert_and_enqueue(database, server.url("/hook"))
            with open_sender(database, keys=(KEY, OLD_KEY)):
                await wait_until_settled(database)
            return server

    server = run_bounded(scenario(), within_s=60.0)
    for key in (KEY, OLD_KEY):
        Webhook(secret(key)).verify(server.bodies[0], request_headers(server, 0))
    with pytest.raises(WebhookVerificationError):
        Webhook(secret(bytes(24))).verify(server.bodies[0], request_headers(server, 0))


@pytest.mark.usefixtures("short_delays")
def test_a_receiver_that_fails_first_gets_the_same_message_again(database: Database) -> None:
    async def hang_up(writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def sleep(writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    bad: list[bytes | ReplyFn] = [
        empty_response("500 X"),
        hang_up,
        sleep,
        redirect_response("/other"),
        empty_response("404 X"),
    ]
    delivery, server = deliver(database, [*bad, empty_response("200 OK")], timeout_s=1.0)
    assert delivery.state is State.DELIVERED
    assert [t.status for t in delivery.attempts] == [500, None, None, 302, 404, 200]
    assert [t.error is None for t in delivery.attempts] == [True, False, False, True, True, True]
    assert "1 s" in str(delivery.attempts[2].error)
    assert {request_headers(server, n)["webhook-id"] for n in range(6)} == {delivery.id}
    assert len(set(server.bodies)) == 1
    assert all(request.startswith("POST /hook ") for request in server.requests)
    Webhook(secret(KEY)).verify(server.bodies[5], request_headers(server, 5))


@pytest.mark.usefixtures("short_delays")
def test_a_receiver_that_never_accepts_is_given_up(database: Database) -> None:
    delivery, server = deliver(database, redirect_response("/other", "307 X"))
    assert delivery.state is State.FAILED
    assert len(server.requests) == len(delivery.attempts) == len(SHORT_DELAYS_S) + 1
    assert {t.status for t in delivery.attempts} == {307}


@pytest.mark.usefixtures("short_delays")
def test_410_stops(database: Database) -> None:
    delivery, server = deliver(
        database, [empty_response("500 X"), empty_response("410 Gone"), OK_RESPONSE]
    )
    assert delivery.state is State.REFUSED
    assert [t.status for t in delivery.attempts] == [500, 410]
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
    async def scenario() -> WebhookDelivery:
        insert_and_enqueue(database, target)
        with open_sender(database, policy=FetchPolicy(max_bytes=1000)):
            return await wait_until_settled(database)

    delivery = run_bounded(scenario(), within_s=60.0)
    assert (delivery.state, len(delivery.attempts)) == (State.FAILED, 1)
    assert delivery.attempts[0].error
    assert "secret" not in delivery.attempts[0].error


def test_sent_again_by_hand(database: Database) -> None:
    async def scenario() -> tuple[WebhookDelivery, WebhookDelivery, ScriptedServer]:
        replies = {"/hook": [empty_response("410 Gone"), OK_RESPONSE]}
        async with run_server(replies) as server:
            batch = insert_and_enqueue(database, server.url("/hook"))
            with open_sender(database):
                first = await wait_until_settled(database)
                await asyncio.sleep(1.1)  # timestamps are whole seconds
                resent = webhooks.resend(database.engine, batch.id, first.id)
                assert (resent.state, resent.next_at is None) == (State.WAITING, False)
                return first, await wait_until_settled(database, min_attempts=2), server

    first, second, server = run_bounded(scenario(), within_s=60.0)
    assert (first.state, second.state) == (State.REFUSED, State.DELIVERED)
    assert first.id == second.id
    stamps = [int(request_headers(server, n)["webhook-timestamp"]) for n in range(2)]
    assert stamps[0] < stamps[1]
    for number in range(2):
        Webhook(secret(KEY)).verify(server.bodies[number], request_headers(server, number))
    for wrong in (("batch_1", "msg_none"), ("batch_1", "msg\x00"), ("batch_2", first.id)):
        with pytest.raises(NotFound):
            webhooks.resend(database.engine, *wrong)


def test_enqueued_twice_is_sent_once_and_another_end_again(database: Database) -> None:
    batch = insert_and_enqueue(database, "http://127.0.0.1/")
    webhooks.enqueue_webhook(batch, database.engine)
    assert len(webhooks.list_deliveries(database.engine, batch.id)) == 1
    later = replace(batch, reached={Status.COMPLETED: datetime.now(UTC)}, failed=0)
    webhooks.enqueue_webhook(later, database.engine)
    webhooks.enqueue_webhook(later, database.engine)
    sent = webhooks.list_deliveries(database.engine, batch.id)
    assert len({each.id for each in sent}) == 2


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.CANCELLED])
def test_each_way_to_end_has_its_name(database: Database, status: Status) -> None:
    batch = insert_ended_batch(database, "http://127.0.0.1/", status)
    webhooks.enqueue_webhook(batch, database.engine)
    assert webhooks.list_deliveries(database.engine, batch.id)[0].type == f"batch.{status}"


def test_nothing_is_enqueued_before_the_end_or_without_a_url(
    database: Database,
) -> None:
    for name, url, status in (
        ("a", None, Status.COMPLETED),
        ("b", "http://127.0.0.1/", Status.IN_PROGRESS),
    ):
        batch = insert_ended_batch(database, url, status, name)
        webhooks.enqueue_webhook(batch, database.engine)
        assert webhooks.list_deliveries(database.engine, name) == ()


def read_batch_no(database: Database, name: str) -> int:
    return int(queries.find_batch(database, name, None).no)


def count_rows(database: Database) -> int:
    with database.reading() as c:
        counts = [
            c.scalar(sa.select(sa.func.count()).select_from(t))
            for t in (webhook_messages, webhook_attempts)
        ]
    return sum(count or 0 for count in counts)


def test_all_of_it_goes_with_the_batch(database: Database) -> None:
    batch = insert_and_enqueue(database, "http://127.0.0.1/")
    (message,) = outbox.claim(database, 10, 30.0)
    assert outbox.record_attempt(database, message, DeliveryResult(500, None, 0.1)) is State.WAITING
    assert count_rows(database) == 2
    number = read_batch_no(database, batch.id)
    deletion.mark_deleted(database, number)
    webhooks.enqueue_webhook(
        replace(batch, reached={Status.COMPLETED: datetime.now(UTC)}), database.engine
    )
    assert webhooks.list_deliveries(database.engine, batch.id) == ()
    deletion.delete_rows(database, number)
    assert count_rows(database) == 0
    # And whoever was sending it meanwhile leaves nothing behind.
    assert outbox.record_attempt(database, message, DeliveryResult(200, None, 0.1)) is None
    outbox.release_lease(database, message)
    assert count_rows(database) == 0


def test_a_message_has_one_lease_and_is_free_when_it_expires(
    database: Database,
) -> None:
    insert_and_enqueue(database, "http://127.0.0.1/")
    assert outbox.has_due(database)
    (first,) = outbox.claim(database, 10, 30.0)
    assert outbox.claim(database, 10, 30.0) == []
    assert not outbox.has_due(database)
    database.write(
        lambda c: c.execute(sa.update(webhook_messages).values(leased_until=0.0))
    )  # it is over
    (second,) = outbox.claim(database, 10, 30.0)
    assert (first.id, first.body) == (second.id, second.body)
    # The first was only slow: it is in the log, and moves nothing.
    outbox.record_attempt(database, first, DeliveryResult(500, None, 0.1))
    (delivery,) = webhooks.list_deliveries(database.engine, "batch_1")
    assert (delivery.state, len(delivery.attempts)) == (State.WAITING, 1)
    assert outbox.claim(database, 10, 30.0) == []
    # But what arrived has arrived, and the second's failure changes nothing about it.
    assert outbox.record_attempt(database, first, DeliveryResult(200, None, 0.1)) is State.DELIVERED
    assert (
        outbox.record_attempt(database, second, DeliveryResult(500, None, 0.1)) is State.DELIVERED
    )
    (delivery,) = webhooks.list_deliveries(database.engine, "batch_1")
    assert (delivery.next_at, [t.number for t in delivery.attempts]) == (None, [1, 2, 3])


def test_two_senders_send_each_message_once(database: Database) -> None:
    async def scenario() -> ScriptedServer:
        async with run_server({"/hook": empty_response("200 OK")}) as server:
            for n in range(30):
                insert_and_enqueue(database, server.url("/hook"), f"batch_{n}")
            with open_sender(database), open_sender(database):
                for n in range(30):
                    assert (
                        await wait_until_settled(database, f"batch_{n}")
                    ).state is State.DELIVERED
            return server

    server = run_bounded(scenario(), within_s=60.0)
    ids = [request_headers(server, n)["webhook-id"] for n in range(len(server.requests))]
    assert len(ids) == len(set(ids)) == 30


def test_messages_in_flight_at_shutdown_are_sent_by_the_next(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.batches.webhooks.sender.DRAIN_TIMEOUT_S", 0.1)

    async def stuck(writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def scenario() -> WebhookDelivery:
        async with run_server({"/hook": [stuck, OK_RESPONSE]}) as server:
            insert_and_enqueue(database, server.url("/hook"))
            first_sender = open_sender(database, timeout_s=10.0)
            await server.request_received.wait()
            await asyncio.to_thread(first_sender.close)
            with open_sender(database):
                return await wait_until_settled(database)

    delivery = run_bounded(scenario(), within_s=60.0)
    assert [t.status for t in delivery.attempts] == [200]


def test_kill_9_in_the_middle_of_sending(url: str | None, tmp_path: Path) -> None:
    """The next process sends it once the lease of the dead one is over, under the same id."""

    async def stuck(writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def scenario() -> tuple[WebhookDelivery, ScriptedServer]:
        async with run_server({"/hook": [stuck, OK_RESPONSE]}) as server:
            database = open_database(url, tmp_path)
            insert_and_enqueue(database, server.url("/hook"))
            database.close()
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.batches.sender_process",
                str(tmp_path),
                url or "-",
                "1.0",
            )
            try:
                await server.request_received.wait()
            finally:
                os.kill(child.pid, signal.SIGKILL)
                await child.wait()
            database = open_database(url, tmp_path)
            try:
                with open_sender(database):
                    return await wait_until_settled(database), server
            finally:
                database.close()

    delivery, server = run_bounded(scenario(), within_s=60.0)
    assert [t.status for t in delivery.attempts] == [200]
    assert len(server.requests) == 2
    assert request_headers(server, 0)["webhook-id"] == request_headers(server, 1)["webhook-id"]
    Webhook(secret(KEY)).verify(server.bodies[1], request_headers(server, 1))


def test_the_waits_grow_over_hours_and_vary(database: Database) -> None:
    insert_and_enqueue(database, "http://127.0.0.1/")
    waits, share = [], iter([1.0 - JITTER, 1.0, 1.0 + JITTER] * 3)
    for _ in RETRY_DELAYS_S:
        (message,) = _claim_before_due(database)
        began = time.time()
        outbox.record_attempt(
            database, message, DeliveryResult(500, None, 0.0), jitter=lambda: next(share)
        )
        (delivery,) = webhooks.list_deliveries(database.engine, "batch_1")
        assert delivery.next_at is not None
        waits.append(delivery.next_at.timestamp() - began)
    factors = [1.0 - JITTER, 1.0, 1.0 + JITTER] * 3
    expected = [wait * factor for wait, factor in zip(RETRY_DELAYS_S, factors, strict=False)]
    assert waits == pytest.approx(expected, abs=1.0)
    assert sum(RETRY_DELAYS_S) > 6 * 3600
    (message,) = _claim_before_due(database)
    assert outbox.record_attempt(database, message, DeliveryResult(None, "no", 0.0)) is State.FAILED


def test_a_receiver_that_names_a_time_is_not_asked_before(database: Database) -> None:
    insert_and_enqueue(database, "http://127.0.0.1/")
    (message,) = outbox.claim(database, 1, 30.0)
    outbox.record_attempt(database, message, DeliveryResult(None, "rest", 0.0, retry_after_s=900.0))
    (delivery,) = webhooks.list_deliveries(database.engine, "batch_1")
    assert delivery.next_at is not None
    assert delivery.next_at.timestamp() - time.time() == pytest.approx(900.0, abs=5.0)


def test_receivers_that_hang_hold_nobody_elses_place(database: Database):
    """A share for each owner, and a smaller one for each receiver."""
    urls = [f"https://{n}.anna.example/" for n in range(20)] + ["https://slow.example/"] * 20
    for n, url in enumerate([*urls, "https://ben.example/"]):
        owner = "ben" if "ben" in url else "anna"
        batch = insert_ended_batch(database, url, name=f"batch_{n}", owner=owner)
        webhooks.enqueue_webhook(batch, database.engine)
    claimed = outbox.claim(database, 32, 30.0)
    assert Counter(message.owner for message in claimed) == {"anna": 8, "ben": 1}
    assert outbox.claim(database, 32, 30.0, claimed) == []
    (first, *rest) = [message for message in claimed if message.owner == "anna"]
    outbox.record_attempt(database, first, DeliveryResult(200, None, 0.0))
    assert len(outbox.claim(database, 32, 30.0, rest)) == 1


def test_two_messages_at_most_are_on_their_way_to_a_receiver(database: Database):
    for n in range(5):
        insert_and_enqueue(database, "https://slow.example/hook", name=f"batch_{n}")
    assert len(outbox.claim(database, 32, 30.0)) == 2


def test_a_message_that_is_held_uses_up_no_attempt(database: Database):
    """Its receiver asked for a pause: nothing is sent before its end, and nothing counted."""

    async def scenario() -> int:
        answers = [empty_response("429 X", "Retry-After: 60"), OK_RESPONSE]
        async with run_server({"/hook": answers}) as server:
            insert_and_enqueue(database, server.url("/hook"))
            with open_sender(database):
                tried = await _wait_for(database, lambda each: bool(each.attempts))
                webhooks.resend(database.engine, "batch_1", tried.id)
                await _wait_for(database, _is_postponed)
            return len(server.requests)

    assert run_bounded(scenario(), within_s=20.0) == 1
    (delivery,) = webhooks.list_deliveries(database.engine, "batch_1")
    assert [each.status for each in delivery.attempts] == [429]
    assert delivery.state is State.WAITING


async def _wait_for(
    database: Database, is_reached: Callable[[WebhookDelivery], bool]
) -> WebhookDelivery:
    while True:
        (delivery,) = webhooks.list_deliveries(database.engine, "batch_1")
        if is_reached(delivery):
            return delivery
        await asyncio.sleep(0.02)


def _is_postponed(delivery: WebhookDelivery) -> bool:
    return delivery.next_at is not None and delivery.next_at.timestamp() > time.time() + 30.0


def _claim_before_due(database: Database) -> list[OutgoingMessage]:
    """What waits, as if its time had come."""
    due = (
        sa.update(webhook_messages).where(webhook_messages.c.due_at.is_not(None)).values(due_at=0.0)
    )
    database.write(lambda c: c.execute(due))
    return outbox.claim(database, 1, 30.0)


def test_a_webhook_from_submission_to_deletion(open_service: OpenService) -> None:
    async def scenario() -> None:
        async with run_server({"/hook": OK_RESPONSE}) as server:
            service = await asyncio.to_thread(open_service, on_ended=webhooks.enqueue_webhook)
            request = replace(NEW, webhook_url=server.url("/hook"))
            batch, _ = await asyncio.to_thread(service.submit, request, picture_items(5))
            batch = await asyncio.to_thread(wait_until_ended, service, batch)
            database = webhooks.database_from_engine(service.engine)
            with open_sender(database):
                delivery = await wait_until_settled(database, batch.id)
            assert delivery.state is State.DELIVERED
            payload = Webhook(secret(KEY)).verify(server.bodies[0], request_headers(server, 0))
            assert payload["data"]["request_counts"]["total"] == 5
            await asyncio.to_thread(service.delete, batch.id, "")
            await asyncio.to_thread(wait_until_erased, service)
            assert count_rows(database) == 0

    run_bounded(scenario(), within_s=60.0)
