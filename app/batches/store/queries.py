"""Reads batches: status, counts, request and time left."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from app.batches.store.database import Database
from app.batches.store.models import (
    ENDED_STATUSES,
    PACE_WINDOW_S,
    Batch,
    BatchRequest,
    Status,
)
from app.batches.store.tables import batches
from app.errors import InvalidRequest, NotFound


@dataclass(frozen=True)
class BatchCounts:
    """``by_status``: by status, every status. ``waiting_items``: items without a result yet."""

    by_status: Mapping[Status, int]
    waiting_items: int


def count_batches(database: Database) -> BatchCounts:
    """Of everybody's batches."""
    waiting = sa.func.sum(
        sa.case(
            (batches.c.status.in_(ENDED_STATUSES), 0),
            else_=batches.c.total - batches.c.completed - batches.c.failed,
        )
    )
    statement = sa.select(batches.c.status, sa.func.count(), waiting).group_by(batches.c.status)
    with database.reading() as c:
        rows = c.execute(statement).all()
    by_status = dict.fromkeys(Status, 0) | {Status(row[0]): int(row[1]) for row in rows}
    return BatchCounts(by_status, sum(int(row[2]) for row in rows))


BatchRow = sa.Row[*tuple[Any, ...]]


@dataclass(frozen=True)
class BatchPage:
    """Batches, the newest first. ``next_cursor``: where the next page begins, if there is one."""

    batches: tuple[Batch, ...]
    next_cursor: str | None


def find_batch(database: Database, batch_id: str, owner: str | None) -> BatchRow:
    """The row of a batch; ``owner`` ``None``: of any owner. Raises ``NotFound``."""
    with database.reading() as c:
        return select_row(c, database, batch_id, owner)


def read_batch(database: Database, batch_id: str, owner: str | None) -> Batch:
    """Raises ``NotFound``."""
    return batch_from_row(find_batch(database, batch_id, owner))


def read_batch_page(
    database: Database, owner: str | Collection[str] | None, cursor: str | None, limit: int
) -> BatchPage:
    """Of one or several owners, or of everybody (``None``).

    Raises ``InvalidRequest`` for an invalid cursor.
    """
    not_expired = sa.or_(batches.c.expires_at.is_(None), batches.c.expires_at > database.now)
    statement = sa.select(batches, database.now.label("now")).where(not_expired)
    if owner is not None:
        owners = [owner] if isinstance(owner, str) else list(owner)
        statement = statement.where(batches.c.owner.in_(owners))
    if cursor is not None:
        if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
            raise InvalidRequest("invalid cursor: use the one of the page before")
        statement = statement.where(batches.c.no < int(cursor))
    with database.reading() as c:
        rows = c.execute(statement.order_by(batches.c.no.desc()).limit(limit + 1)).all()
    next_cursor = str(rows[limit - 1].no) if len(rows) > limit else None
    return BatchPage(tuple(batch_from_row(row) for row in rows[:limit]), next_cursor)


def batch_from_row(row: BatchRow) -> Batch:
    """A row of ``batches``, with ``now``."""
    request = BatchRequest(
        prior=row.prior,
        base_rate=row.base_rate,
        owner=row.owner,
        webhook_url=row.webhook_url,
        metadata=json.loads(row.metadata),
        idempotency_key=row.idempotency_key,
        body_sha256=row.body_sha256,
        list_format=row.list_format,
        columns=tuple(json.loads(row.columns)),
        notes=tuple(json.loads(row.notes)),
        title=row.title,
        flagged_threshold=row.flagged_threshold,
    )
    reached = {Status(name): _datetime_from_s(at) for name, at in json.loads(row.reached).items()}
    return Batch(
        id=row.id,
        status=Status(row.status),
        request=request,
        total=row.total,
        completed=row.completed,
        failed=row.failed,
        outcomes=json.loads(row.outcomes),
        verdicts=json.loads(row.verdicts),
        reached=reached,
        expires_at=None if row.expires_at is None else _datetime_from_s(row.expires_at),
        eta_s=_estimate_eta_s(row),
        cohort=None if row.cohort is None else json.loads(row.cohort),
        revision=row.revision,
        error=row.error,
        flagged_at=None if row.flagged_at is None else _datetime_from_s(row.flagged_at),
        flagged_revision=row.flagged_revision,
    )


def select_current(database: Database, batch_no: int) -> sa.Select[Any]:
    """The row of a batch as ``batch_from_row`` takes it."""
    return sa.select(batches, database.now.label("now")).where(batches.c.no == batch_no)


def request_from_row(row: BatchRow) -> BatchRequest:
    """The request that created the batch."""
    return batch_from_row(row).request


def select_row(
    c: sa.Connection,
    database: Database,
    batch_id: str,
    owner: str | None,
    *,
    locked: bool = False,
) -> BatchRow:
    """Inside the caller's transaction, which holds the row if ``locked``.

    Raises ``NotFound``; to its owner a batch is gone once it has expired, before it is deleted.
    """
    row = None
    if "\x00" not in batch_id:  # Postgres would refuse to look for it
        statement = sa.select(batches, database.now.label("now")).where(batches.c.id == batch_id)
        row = c.execute(statement.with_for_update() if locked else statement).one_or_none()
    if row is None or (owner is not None and (owner != row.owner or is_expired(row))):
        raise NotFound("there is no such batch; results expire some time after a batch has ended")
    return row


def is_expired(row: BatchRow) -> bool:
    """Whether a batch has expired."""
    return row.expires_at is not None and bool(row.expires_at <= row.now)


def _estimate_eta_s(row: BatchRow) -> float | None:
    """Seconds until the last item, at the pace of the last window."""
    if row.status not in (Status.IN_PROGRESS, Status.FINALIZING):
        return None
    remaining: int = row.total - row.completed - row.failed
    pace = row.pace
    if pace is None and row.paced_from is not None and row.paced_items:
        pace = row.paced_items / max(row.now - row.paced_from, 0.1)
    if not pace:
        return None if remaining else 0.0
    idle_s = max(0.0, row.now - row.paced_from - PACE_WINDOW_S) if row.paced_from else 0.0
    return float(remaining / pace + idle_s)


def _datetime_from_s(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
