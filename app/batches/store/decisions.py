"""What people said of items: kept beside the results, of which it changes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import sqlalchemy as sa

from app.batches.store.database import Database
from app.batches.store.queries import find_batch, select_row
from app.batches.store.row_codec import decode_decision
from app.batches.store.tables import decisions, items, results
from app.errors import NotFound
from app.evidence import Verdict
from app.records import Decision, DecisionChoice


@dataclass(frozen=True)
class DecisionCounts:
    """Decided items by decision: all of them, and those that are flagged."""

    items: Mapping[DecisionChoice, int]
    flagged: Mapping[DecisionChoice, int]


def set_decision(
    database: Database, batch_id: str, owner: str, seq: int, choice: DecisionChoice, note: str
) -> Decision:
    """Keep the decision instead of an earlier one. Raises ``NotFound``."""

    def transaction(c: sa.Connection) -> Decision:
        batch = _lock_item(c, database, batch_id, owner, seq)
        row = {
            "batch_no": batch.no,
            "seq": seq,
            "choice": choice,
            "decided_by": owner,
            "decided_at": float(batch.now),
            "note": json.dumps(note),
        }
        insert = database.insert(decisions).values(row)
        key = [decisions.c.batch_no, decisions.c.seq]
        c.execute(insert.on_conflict_do_update(index_elements=key, set_=row))
        return decode_decision(choice, owner, batch.now, row["note"])

    return database.write(transaction)


def clear_decision(database: Database, batch_id: str, owner: str, seq: int) -> None:
    """Forget the decision, if there is one. Raises ``NotFound``."""

    def transaction(c: sa.Connection) -> None:
        batch = _lock_item(c, database, batch_id, owner, seq)
        of_item = decisions.c.batch_no == batch.no, decisions.c.seq == seq
        c.execute(sa.delete(decisions).where(*of_item))

    database.write(transaction)


def count_decisions(database: Database, batch_id: str, owner: str) -> DecisionCounts:
    """Raises ``NotFound``."""
    batch = find_batch(database, batch_id, owner)
    of_item = sa.and_(results.c.batch_no == decisions.c.batch_no, results.c.seq == decisions.c.seq)
    is_flagged = sa.case((results.c.verdict == Verdict.LIKELY_STYLEGAN, 1), else_=0)
    statement = (
        sa.select(decisions.c.choice, sa.func.count(), sa.func.sum(is_flagged))
        .outerjoin(results, of_item)
        .where(decisions.c.batch_no == batch.no)
        .group_by(decisions.c.choice)
    )
    with database.reading() as c:
        rows = {row[0]: row for row in c.execute(statement)}
    choices: tuple[DecisionChoice, ...] = get_args(DecisionChoice)
    return DecisionCounts(
        {choice: int(rows[choice][1]) if choice in rows else 0 for choice in choices},
        {choice: int(rows[choice][2]) if choice in rows else 0 for choice in choices},
    )


def _lock_item(
    c: sa.Connection, database: Database, batch_id: str, owner: str, seq: int
) -> sa.Row[*tuple[object, ...]]:
    """The batch's row, held so that nobody erases it meanwhile. Raises ``NotFound``."""
    batch = select_row(c, database, batch_id, owner, locked=True)
    of_item = items.c.batch_no == batch.no, items.c.seq == seq
    if c.scalar(sa.select(items.c.seq).where(*of_item)) is None:
        raise NotFound(f"this batch has no item {seq}: items are numbered from 0 on, as `seq` says")
    return batch
