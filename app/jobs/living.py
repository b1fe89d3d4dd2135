"""Who is alive: what every process says of itself now and then, by the database's clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from app.jobs.database import Database
from app.jobs.tables import workers

DEAD_S: Final = 10.0
"""Silence after which a process is taken for dead. Being wrong costs work, never results."""


@dataclass(frozen=True)
class Living:
    """Processes that said so lately. ``working``: those with threads for batches."""

    executors: frozenset[str]
    working: int

    def among(self, database: Database, executor: str) -> frozenset[str]:
        """Those that may have work in hand, ``executor`` (this process) always.

        With SQLite there is this process and no other, however lately another one beat.
        """
        here = frozenset({executor})
        return self.executors | here if database.shared else here


def living(database: Database) -> Living:
    """By the database's clock."""
    since = database.now - DEAD_S
    of = sa.select(workers.c.executor, workers.c.threads).where(workers.c.seen_at > since)
    with database.reading() as c:
        rows = c.execute(of).all()
    return Living(frozenset(row.executor for row in rows), sum(row.threads > 0 for row in rows))


def silent(database: Database) -> list[str]:
    """Processes that have said nothing for too long, and never that they would leave."""
    of = sa.select(workers.c.executor).where(workers.c.seen_at <= database.now - DEAD_S)
    with database.reading() as c:
        return list(c.scalars(of))
