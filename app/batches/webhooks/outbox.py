"""The outbox: messages that are due, claimed by one sender at a time, and their results."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import sqlalchemy as sa

from app.batches.store.database import Database
from app.batches.store.tables import batches
from app.batches.webhooks.messages import State
from app.batches.webhooks.webhook_tables import webhook_attempts, webhook_messages

RETRY_DELAYS_S: Final = (5.0, 30.0, 120.0, 600.0, 3_600.0, 10_800.0, 28_800.0)
"""Between attempts: eight of them over about twelve hours."""
MAX_SENDS_PER_OWNER: Final = 8
MAX_SENDS_PER_RECEIVER: Final = 2
"""Messages in flight of one owner, and to one host and port; of a sender."""
CANDIDATES: Final = 256
"""Due messages that are looked at to find some whose owner has a place."""
JITTER: Final = 0.2
"""Each delay is up to this share shorter or longer, so that attempts spread."""
HTTP_GONE: Final = 410

_random: Final = random.SystemRandom()


@dataclass(frozen=True)
class OutgoingMessage:
    """A message claimed by one sender. ``lease``: shows that the claim still holds.

    ``owner``: of its batch.
    """

    batch_no: int
    owner: str
    id: str
    url: str
    body: bytes
    lease: str


@dataclass(frozen=True)
class DeliveryResult:
    """The result of one attempt. ``is_final``: no other attempt could end differently."""

    status: int | None
    error: str | None
    duration_s: float
    retry_after_s: float = 0.0
    is_final: bool = False

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def has_due(database: Database) -> bool:
    """Whether there is anything to claim; blocks nobody."""
    with database.reading() as c:
        return c.execute(_select_due(database).limit(1)).first() is not None


def claim(
    database: Database,
    limit: int,
    lease_s: float,
    in_flight: Collection[OutgoingMessage] = (),
) -> list[OutgoingMessage]:
    """Claim up to ``limit`` due messages for ``lease_s``, a share of each owner and receiver.

    ``in_flight``: those that this sender has claimed before and not yet sent.
    """

    def transaction(c: sa.Connection) -> list[OutgoingMessage]:
        shares = _Shares(in_flight)
        due = _select_due(database).order_by(webhook_messages.c.due_at).limit(CANDIDATES)
        due = due.where(batches.c.owner.not_in(shares.owners_at_limit()))
        rows = c.execute(due.with_for_update(skip_locked=True, of=webhook_messages)).all()
        claimed = [
            OutgoingMessage(row.batch_no, row.owner, row.id, row.url, row.body, uuid.uuid4().hex)
            for row in rows
            if shares.take(row.owner, row.url)
        ][:limit]
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
    """Store an attempt and what follows; ``None`` if the message is gone with its batch.

    A sender whose lease has passed to another only adds to the log, unless its message arrived.
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


def postpone(database: Database, message: OutgoingMessage, seconds: float) -> None:
    """End a claim without an attempt: the message is due in ``seconds``."""
    conditions = (*_message_filter(message), webhook_messages.c.lease == message.lease)
    columns = {**_NO_LEASE, "due_at": database.now + seconds}
    database.write(
        lambda c: c.execute(sa.update(webhook_messages).where(*conditions).values(**columns))
    )


def release_lease(database: Database, message: OutgoingMessage) -> None:
    """End a claim without an attempt: the message is due for any sender."""
    conditions = (*_message_filter(message), webhook_messages.c.lease == message.lease)
    database.write(
        lambda c: c.execute(sa.update(webhook_messages).where(*conditions).values(**_NO_LEASE))
    )


def _select_due(database: Database) -> sa.Select[Any]:
    return (
        sa.select(webhook_messages, batches.c.owner)
        .join(batches, batches.c.no == webhook_messages.c.batch_no)
        .where(
            webhook_messages.c.due_at <= database.now,
            webhook_messages.c.leased_until <= database.now,
        )
    )


class _Shares:
    """Who has how many messages in flight: receivers that hang hold nobody else's place."""

    def __init__(self, in_flight: Collection[OutgoingMessage]) -> None:
        self._by_owner = Counter(message.owner for message in in_flight)
        self._by_receiver = Counter(_receiver(m.owner, m.url) for m in in_flight)

    def owners_at_limit(self) -> list[str]:
        return [owner for owner, count in self._by_owner.items() if count >= MAX_SENDS_PER_OWNER]

    def take(self, owner: str, url: str) -> bool:
        """Whether there is a place for one more, which is then taken."""
        receiver = _receiver(owner, url)
        if self._by_owner[owner] >= MAX_SENDS_PER_OWNER:
            return False
        if self._by_receiver[receiver] >= MAX_SENDS_PER_RECEIVER:
            return False
        self._by_owner[owner] += 1
        self._by_receiver[receiver] += 1
        return True


def _receiver(owner: str, url: str) -> tuple[str, str]:
    return owner, urlsplit(url).netloc


def _next_columns(
    round_: int, result: DeliveryResult, now: float, jitter: Callable[[], float]
) -> dict[str, Any]:
    """The message's columns after attempt number ``round_ + 1`` of its round."""
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
