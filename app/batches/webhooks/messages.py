"""Telling a caller's own server that a batch has ended: what is sent, and what became of it.

A message is written down in the database with the batch and sent by ``sender``. It says little:
its receiver asks for the rest, with its own key.
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
from app.batches.webhooks.webhook_tables import messages, tries
from app.errors import NotFound


class State(StrEnum):
    """How far a message is."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Given up after the last try, or because its URL may not be reached."""
    REFUSED = "refused"
    """Its receiver answered 410: it wants no more of this."""


@dataclass(frozen=True)
class Try:
    """One attempt: the receiver's ``status``, or the ``error`` instead of one."""

    number: int
    at: datetime
    status: int | None
    error: str | None
    duration_s: float


@dataclass(frozen=True)
class Delivery:
    """A message with all its tries. ``next_at``: when it is sent next, while it is waiting."""

    id: str
    batch_id: str
    type: str
    url: str
    state: State
    created_at: datetime
    next_at: datetime | None
    tries: tuple[Try, ...]


def database_of(engine: sa.Engine) -> Database:
    """The database behind a desk's engine, for what is kept beside the batches."""
    return Database(engine, "", None, shared=engine.dialect.name == "postgresql")


def announce(batch: Batch, engine: sa.Engine) -> None:
    """Write down that ``batch`` has ended, for its receiver; twice is once.

    A batch that ends again, because what failed was tried again, is told of again.
    """
    url = batch.new.webhook_url
    if url is None or not batch.ended:
        return
    at = batch.reached[batch.status]
    kind, body = f"batch.{batch.status}", _body(batch, at)
    name = hashlib.sha256(f"{batch.id} {kind} {at.timestamp():.6f}".encode()).hexdigest()
    database = database_of(engine)

    def written(c: sa.Connection) -> None:
        # Whoever deletes a batch deletes its row first: nothing is added behind their back.
        held = sa.select(batches.c.no).where(batches.c.id == batch.id).with_for_update()
        number = c.scalar(held)
        if number is None:
            return
        row = {
            "batch_no": number,
            "id": f"msg_{name[:24]}",
            "type": kind,
            "url": url,
            "body": body,
            "state": State.WAITING,
            "created_at": database.now,
            "due_at": database.now,
        }
        c.execute(database.insert(messages).values(**row).on_conflict_do_nothing())

    database.write(written)


def deliveries(engine: sa.Engine, batch_id: str) -> tuple[Delivery, ...]:
    """What was, or is to be, sent about a batch; the newest first."""
    of = sa.select(messages).join(batches, batches.c.no == messages.c.batch_no)
    of = of.where(batches.c.id == batch_id).order_by(messages.c.created_at.desc(), messages.c.id)
    with database_of(engine).reading() as c:
        return tuple(_delivery(c, batch_id, row) for row in c.execute(of).all())


def resend(engine: sa.Engine, batch_id: str, message_id: str) -> Delivery:
    """Send a message again now, whatever became of it; it keeps its id. Raises ``NotFound``."""
    database = database_of(engine)

    def again(c: sa.Connection) -> Delivery:
        if "\x00" in message_id:  # Postgres would refuse to look for it
            raise NotFound("There is no such delivery of this batch.")
        number = sa.select(batches.c.no).where(batches.c.id == batch_id).scalar_subquery()
        mine = (messages.c.batch_no == number, messages.c.id == message_id)
        anew = {"state": State.WAITING, "due_at": database.now, "round": 0}
        if not c.execute(sa.update(messages).where(*mine).values(**anew)).rowcount:
            raise NotFound("There is no such delivery of this batch.")
        return _delivery(c, batch_id, c.execute(sa.select(messages).where(*mine)).one())

    return database.write(again)


def _body(batch: Batch, at: datetime) -> bytes:
    counts = {"total": batch.total, "completed": batch.completed, "failed": batch.failed}
    said = {
        "type": f"batch.{batch.status}",
        "timestamp": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "data": {"id": batch.id, "status": batch.status, "request_counts": counts},
    }
    return json.dumps(said, separators=(",", ":")).encode()


def _delivery(c: sa.Connection, batch_id: str, row: sa.Row[Any]) -> Delivery:
    of = sa.select(tries).where(tries.c.batch_no == row.batch_no, tries.c.message == row.id)
    made: Sequence[sa.Row[Any]] = c.execute(of.order_by(tries.c.number)).all()
    return Delivery(
        id=row.id,
        batch_id=batch_id,
        type=row.type,
        url=row.url,
        state=State(row.state),
        created_at=_time(row.created_at),
        next_at=None if row.due_at is None else _time(row.due_at),
        tries=tuple(Try(t.number, _time(t.at), t.status, t.error, t.duration_s) for t in made),
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
