"""Webhook messages: they tell a caller's own server what became of a batch.

A message is stored in the database with the batch and sent by ``sender``. It says little: its
receiver asks for the rest, with its own key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from app.batches.store.database import Database
from app.batches.store.models import Batch
from app.batches.store.tables import batches
from app.batches.webhooks.webhook_tables import webhook_attempts, webhook_messages
from app.errors import NotFound


class State(StrEnum):
    """How far a message is."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    """After the last attempt, or because its URL is not allowed."""
    REFUSED = "refused"
    """Its receiver answered 410: it wants no more messages."""


@dataclass(frozen=True)
class DeliveryAttempt:
    """One attempt: the receiver's ``status``, or the ``error`` instead of one."""

    number: int
    at: datetime
    status: int | None
    error: str | None
    duration_s: float


@dataclass(frozen=True)
class WebhookDelivery:
    """A message with all its attempts. ``next_at``: when it is sent next, while it is waiting."""

    id: str
    batch_id: str
    type: str
    url: str
    state: State
    created_at: datetime
    next_at: datetime | None
    attempts: tuple[DeliveryAttempt, ...]


def database_from_engine(engine: sa.Engine) -> Database:
    """The database of a service's engine, for tables beside the batches."""
    return Database(engine, "", engine, shared=engine.dialect.name == "postgresql")


def enqueue_webhook(batch: Batch, engine: sa.Engine, finding: str | None = None) -> None:
    """Enqueue a message that ``batch`` has ended; twice is once. ``finding``: of the whole list.

    A batch that ends again after a retry has another message.
    """
    if batch.request.webhook_url is None or not batch.has_ended:
        return
    at = batch.reached[batch.status]
    database = database_from_engine(engine)

    def transaction(c: sa.Connection) -> None:
        # A deletion deletes this row first: nothing is added to a deleted batch.
        lock_row = sa.select(batches.c.no).where(batches.c.id == batch.id).with_for_update()
        batch_no = c.scalar(lock_row)
        if batch_no is not None:
            insert_message(c, database, batch_no, batch, f"batch.{batch.status}", at, finding)

    database.write(transaction)


def insert_message(
    c: sa.Connection,
    database: Database,
    batch_no: int,
    batch: Batch,
    event_type: str,
    at: datetime,
    finding: str | None = None,
) -> None:
    """Insert a message of what happened to ``batch`` at that time, if it has a webhook.

    In the transaction of the caller, who holds the batch's row. The same again is the same message.
    """
    if batch.request.webhook_url is None:
        return
    digest = hashlib.sha256(f"{batch.id} {event_type} {at.timestamp():.6f}".encode()).hexdigest()
    row = {
        "batch_no": batch_no,
        "id": f"msg_{digest[:24]}",
        "type": event_type,
        "url": batch.request.webhook_url,
        "body": _encode_body(batch, event_type, at, finding),
        "state": State.WAITING,
        "created_at": database.now,
        "due_at": database.now,
    }
    c.execute(database.insert(webhook_messages).values(**row).on_conflict_do_nothing())


def list_deliveries(engine: sa.Engine, batch_id: str) -> tuple[WebhookDelivery, ...]:
    """The messages of a batch, sent or waiting; the newest first."""
    statement = sa.select(webhook_messages).join(
        batches, batches.c.no == webhook_messages.c.batch_no
    )
    statement = statement.where(batches.c.id == batch_id).order_by(
        webhook_messages.c.created_at.desc(), webhook_messages.c.id
    )
    with database_from_engine(engine).reading() as c:
        return tuple(_delivery_from_row(c, batch_id, row) for row in c.execute(statement).all())


def resend(engine: sa.Engine, batch_id: str, message_id: str) -> WebhookDelivery:
    """Send a message again now, in any state; it keeps its id. Raises ``NotFound``."""
    database = database_from_engine(engine)

    def transaction(c: sa.Connection) -> WebhookDelivery:
        if "\x00" in message_id:  # Postgres would refuse to look for it
            raise NotFound("There is no such delivery of this batch.")
        batch_no = sa.select(batches.c.no).where(batches.c.id == batch_id).scalar_subquery()
        conditions = (webhook_messages.c.batch_no == batch_no, webhook_messages.c.id == message_id)
        columns = {"state": State.WAITING, "due_at": database.now, "round": 0}
        if not c.execute(sa.update(webhook_messages).where(*conditions).values(**columns)).rowcount:
            raise NotFound("There is no such delivery of this batch.")
        return _delivery_from_row(
            c, batch_id, c.execute(sa.select(webhook_messages).where(*conditions)).one()
        )

    return database.write(transaction)


def _encode_body(batch: Batch, event_type: str, at: datetime, finding: str | None) -> bytes:
    counts = {"total": batch.total, "completed": batch.completed, "failed": batch.failed}
    payload = {
        "type": event_type,
        "timestamp": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "data": {
            "id": batch.id,
            "status": batch.status,
            "request_counts": counts,
            "verdicts": dict(batch.verdicts),
            "flagged_threshold": batch.request.flagged_threshold,
            "metadata": dict(batch.request.metadata),
            "finding": finding,
        },
    }
    return json.dumps(payload, separators=(",", ":")).encode()


def _delivery_from_row(c: sa.Connection, batch_id: str, row: sa.Row[Any]) -> WebhookDelivery:
    statement = sa.select(webhook_attempts).where(
        webhook_attempts.c.batch_no == row.batch_no, webhook_attempts.c.message == row.id
    )
    attempt_rows: Sequence[sa.Row[Any]] = c.execute(
        statement.order_by(webhook_attempts.c.number)
    ).all()
    return WebhookDelivery(
        id=row.id,
        batch_id=batch_id,
        type=row.type,
        url=row.url,
        state=State(row.state),
        created_at=_datetime_from_s(row.created_at),
        next_at=None if row.due_at is None else _datetime_from_s(row.due_at),
        attempts=tuple(
            DeliveryAttempt(t.number, _datetime_from_s(t.at), t.status, t.error, t.duration_s)
            for t in attempt_rows
        ),
    )


def _datetime_from_s(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
