"""How far the work is behind: what an operator is warned by. Of everybody's batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from app.batches.execution.chunks import ACTIVE_STATUSES
from app.batches.store.database import Database
from app.batches.store.models import Status
from app.batches.store.tables import batches
from app.batches.webhooks.messages import State
from app.batches.webhooks.webhook_tables import webhook_messages


@dataclass(frozen=True)
class Backlog:
    """``queue_age_s``: since the unfinished list that waits longest had its last progress.

    0 where no list is unfinished. ``webhooks``: messages that are kept, by state, every state.
    """

    queue_age_s: float
    webhooks: Mapping[State, int]


def read_backlog(database: Database) -> Backlog:
    """By the database's own clock."""
    unfinished = batches.c.status.in_((*ACTIVE_STATUSES, Status.FINALIZING))
    age = sa.select(database.now - sa.func.min(batches.c.changed_at)).where(unfinished)
    by_state = sa.select(webhook_messages.c.state, sa.func.count()).group_by(
        webhook_messages.c.state
    )
    with database.reading() as c:
        queue_age_s = c.scalar(age)
        counts = {State(state): int(number) for state, number in c.execute(by_state)}
    return Backlog(max(0.0, queue_age_s or 0.0), dict.fromkeys(State, 0) | counts)
