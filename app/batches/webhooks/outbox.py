"""Messages that are due: taken by one sender at a time, and what came of sending them."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from app.batches.store.database import Database
from app.batches.webhooks.messages import State
from app.batches.webhooks.webhook_tables import webhook_attempts, webhook_messages

RETRY_DELAYS_S: Final = (5.0, 30.0, 120.0, 600.0, 3_600.0, 10_800.0, 28_800.0)
"""Between one try and the next: eight tries over about twelve hours."""
JITTER: Final = 0.2
"""Each wait is up to this share shorter or longer: what failed together returns one by one."""
HTTP_GONE: Final = 410

_random: Final = random.SystemRandom()


@dataclass(frozen=True)
class OutgoingMessage:
    """A message in the hands of one sender. ``lease``: what shows that it still is."""

    batch_no: int
    id: str
    url: str
    body: bytes
    lease: str


@dataclass(frozen=True)
class DeliveryResult:
    """What came of one try. ``is_final``: no other try could end differently."""

    status: int | None
    error: str | None
    duration_s: float
    retry_after_s: float = 0.0
    is_final: bool = False

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def has_due(database: Database) -> bool:
    """Whether there is anything to take; holds nobody up."""
    with database.reading() as c:
        return c.execute(_select_due(database).limit(1)).first() is not None


def claim(database: Database, limit: int, lease_s: float) -> list[OutgoingMessage]:
    """Up to ``limit`` messages that are due, for ``lease_s``, in which nobody else gets them."""

    def transaction(c: sa.Connection) -> list[OutgoingMessage]:
        due = _select_due(database).order_by(webhook_messages.c.due_at).limit(limit)
        claimed = [
            OutgoingMessage(row.batch_no, row.id, row.url, row.body, uuid.uuid4().hex)
            for row in c.execute(due.with_for_update(skip_locked=True)).all()
        ]
        for message in claimed:
            lease_columns = {"lease": message.lease, "leased_until": database.now + lease_s}
            c.execute(
                sa.update(webhook_messages).where(*_message_filter(message)).values(**lease_columns)
            )
        return claimed

    return database.write(transaction)


def record_attempt(
    database: Database,
    message: OutgoingMessage,
    result: DeliveryResult,
    jitter: Callable[[], float] = lambda: _random.uniform(1.0 - JITTER, 1.0 + JITTER),
) -> State | None:
    """Write down a try and what follows; ``None`` if the message is gone with its batch.

    A sender that was so slow that another one has the message by now only adds to the log, unless
    what it sent has arrived.
    """

    def transaction(c: sa.Connection) -> State | None:
        row = c.execute(
            sa.select(webhook_messages).where(*_message_filter(message)).with_for_update()
        ).one_or_none()
        if row is None:
            return None
        now = c.scalar(sa.select(database.now))
        assert now is not None
        c.execute(
            sa.insert(webhook_attempts).values(
                batch_no=message.batch_no,
                message=message.id,
                number=row.tries + 1,
                at=now - result.duration_s,
                status=result.status,
                error=result.error,
                duration_s=result.duration_s,
            )
        )
        values: dict[str, Any] = {"tries": row.tries + 1}
        if row.lease == message.lease or result.is_delivered:
            values |= _next_columns(row.round, result, now, jitter) | _NO_LEASE
        c.execute(sa.update(webhook_messages).where(*_message_filter(message)).values(**values))
        return State(values.get("state", row.state))

    return database.write(transaction)


def release_lease(database: Database, message: OutgoingMessage) -> None:
    """Nothing came of it, and the sender leaves: it is due for whoever comes next."""
    conditions = (*_message_filter(message), webhook_messages.c.lease == message.lease)
    database.write(
        lambda c: c.execute(sa.update(webhook_messages).where(*conditions).values(**_NO_LEASE))
    )


def _select_due(database: Database) -> sa.Select[Any]:
    return sa.select(webhook_messages).where(
        webhook_messages.c.due_at <= database.now, webhook_messages.c.leased_until <= database.now
    )


def _next_columns(
    round_: int, result: DeliveryResult, now: float, jitter: Callable[[], float]
) -> dict[str, Any]:
    """What the message is to be after a try that was number ``round_ + 1`` of its round."""
    if result.is_delivered:
        return {"state": State.DELIVERED, "due_at": None}
    if result.status == HTTP_GONE:
        return {"state": State.REFUSED, "due_at": None}
    if result.is_final or round_ >= len(RETRY_DELAYS_S):
        return {"state": State.FAILED, "due_at": None}
    wait_s = max(RETRY_DELAYS_S[round_] * jitter(), result.retry_after_s)
    return {"state": State.WAITING, "due_at": now + wait_s, "round": round_ + 1}


_NO_LEASE: Final[dict[str, Any]] = {"lease": None, "leased_until": 0.0}


def _message_filter(message: OutgoingMessage) -> tuple[sa.ColumnElement[bool], ...]:
    return webhook_messages.c.batch_no == message.batch_no, webhook_messages.c.id == message.id
