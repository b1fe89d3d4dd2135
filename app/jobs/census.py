"""How many batches there are, and how much of them waits: for whoever watches the house."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from app.jobs.records import ENDED, Status
from app.jobs.tables import batches


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
