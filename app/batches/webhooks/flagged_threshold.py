"""A list has as many flagged items as its caller wants to be told of, while it runs.

What is recorded, and the message, are part of the transaction that stores the results: either all
of it happened or nothing, and it happens once in the life of a batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa

from app.batches.store.database import Database
from app.batches.store.queries import batch_from_row, select_current
from app.batches.store.tables import batches
from app.batches.webhooks.messages import insert_message
from app.evidence import Verdict

FLAGGED_THRESHOLD_TYPE: Final = "batch.flagged_threshold"


def is_reached(threshold: int | None, verdicts: Mapping[str, int]) -> bool:
    """Whether so many items are flagged; never where no ``threshold`` was asked for."""
    return threshold is not None and verdicts.get(Verdict.LIKELY_STYLEGAN, 0) >= threshold


def record_reached(c: sa.Connection, database: Database, batch_no: int) -> None:
    """Record it, and enqueue the message if there is a webhook.

    The caller holds the batch's row, whose counts are those of this moment.
    """
    columns = {"flagged_at": database.now, "flagged_revision": batches.c.revision}
    c.execute(sa.update(batches).where(batches.c.no == batch_no).values(**columns))
    batch = batch_from_row(c.execute(select_current(database, batch_no)).one())
    assert batch.flagged_at is not None
    insert_message(c, database, batch_no, batch, FLAGGED_THRESHOLD_TYPE, batch.flagged_at)
