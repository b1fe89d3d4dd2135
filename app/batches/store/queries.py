"""How a batch stands, as it is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from app.batches.store.database import Database
from app.batches.store.models import ENDED, Batch, NewBatch, Status
from app.batches.store.result_store import PACE_S
from app.batches.store.tables import batches
from app.errors import InvalidRequest, NotFound


@dataclass(frozen=True)
class Census:
    """``batches``: by status, every status. ``waiting``: items without a result yet."""

    batches: Mapping[Status, int]
    waiting: int


def census(engine: sa.Engine) -> Census:
    """Of everybody's batches. Raises what the database's driver raises."""
    waiting = sa.func.sum(
        sa.case(
            (batches.c.status.in_(ENDED), 0),
            else_=batches.c.total - batches.c.completed - batches.c.failed,
        )
    )
    of = sa.select(batches.c.status, sa.func.count(), waiting).group_by(batches.c.status)
    with engine.connect() as connection:
        # SQLite begins every transaction for writing unless it is told that this one only reads.
        rows = connection.execution_options(reading=True).execute(of).all()
    found = dict.fromkeys(Status, 0) | {Status(row[0]): int(row[1]) for row in rows}
    return Census(found, sum(int(row[2]) for row in rows))


Row = sa.Row[*tuple[Any, ...]]


@dataclass(frozen=True)
class Listing:
    """Batches, the newest first. ``next_cursor``: where the next page begins, if there is one."""

    batches: tuple[Batch, ...]
    next_cursor: str | None


def find(database: Database, batch_id: str, owner: str | None) -> Row:
    """The row of a batch; ``owner`` ``None`` is the house itself. Raises ``NotFound``."""
    with database.reading() as c:
        return row_of(c, database, batch_id, owner)


def read(database: Database, batch_id: str, owner: str | None) -> Batch:
    """Raises ``NotFound``."""
    return told(find(database, batch_id, owner))


def listing(database: Database, owner: str, cursor: str | None, limit: int) -> Listing:
    """Raises ``InvalidRequest`` for a cursor that was made up."""
    kept = sa.or_(batches.c.expires_at.is_(None), batches.c.expires_at > database.now)
    of = sa.select(batches, database.now.label("now")).where(batches.c.owner == owner, kept)
    if cursor is not None:
        if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
            raise InvalidRequest("this cursor was not given out here")
        of = of.where(batches.c.no < int(cursor))
    with database.reading() as c:
        rows = c.execute(of.order_by(batches.c.no.desc()).limit(limit + 1)).all()
    more = str(rows[limit - 1].no) if len(rows) > limit else None
    return Listing(tuple(told(row) for row in rows[:limit]), more)


def told(row: Row) -> Batch:
    """A row of ``batches`` (and ``now``) as it is told."""
    new = NewBatch(
        prior=row.prior,
        owner=row.owner,
        webhook_url=row.webhook_url,
        metadata=json.loads(row.metadata),
        idempotency_key=row.idempotency_key,
        body_sha256=row.body_sha256,
        list_format=row.list_format,
        columns=tuple(json.loads(row.columns)),
    )
    reached = {Status(name): _time(at) for name, at in json.loads(row.reached).items()}
    return Batch(
        id=row.id,
        status=Status(row.status),
        new=new,
        total=row.total,
        completed=row.completed,
        failed=row.failed,
        outcomes=json.loads(row.outcomes),
        verdicts=json.loads(row.verdicts),
        reached=reached,
        expires_at=None if row.expires_at is None else _time(row.expires_at),
        eta_s=_eta(row),
        cohort=None if row.cohort is None else json.loads(row.cohort),
        revision=row.revision,
        error=row.error,
    )


def new_of(row: Row) -> NewBatch:
    """What was asked for."""
    return told(row).new


def row_of(
    c: sa.Connection,
    database: Database,
    batch_id: str,
    owner: str | None,
    *,
    locked: bool = False,
) -> Row:
    """Inside the caller's transaction, which holds the row if ``locked``.

    Raises ``NotFound``; to an owner a batch is gone once its time is over, whoever erases it when.
    """
    row = None
    if "\x00" not in batch_id:  # Postgres would refuse to look for it
        of = sa.select(batches, database.now.label("now")).where(batches.c.id == batch_id)
        row = c.execute(of.with_for_update() if locked else of).one_or_none()
    if row is None or (owner is not None and (owner != row.owner or is_over(row))):
        raise NotFound("there is no such batch; results expire some time after a batch has ended")
    return row


def is_over(row: Row) -> bool:
    """Whether a batch's time is over: it is to be erased."""
    return row.expires_at is not None and bool(row.expires_at <= row.now)


def _eta(row: Row) -> float | None:
    """Seconds until the last item, at the pace of the last stretch."""
    if row.status not in (Status.IN_PROGRESS, Status.FINALIZING):
        return None
    left: int = row.total - row.completed - row.failed
    pace = row.pace
    if pace is None and row.paced_from is not None and row.paced_items:
        pace = row.paced_items / max(row.now - row.paced_from, 0.1)
    if not pace:
        return None if left else 0.0
    waited = max(0.0, row.now - row.paced_from - PACE_S) if row.paced_from else 0.0
    return float(left / pace + waited)


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
