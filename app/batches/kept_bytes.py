"""What an owner keeps: the rows of all lists, and the results that were stored of them.

Counted with each list as it is written, so that it costs a sum over lists and not over rows.
"""

from __future__ import annotations

import sqlalchemy as sa

from app.batches.store.tables import batches


def read_kept_bytes(c: sa.Connection, owner: str) -> int:
    """Of all lists of ``owner`` that are not erased."""
    total = sa.func.coalesce(sa.func.sum(batches.c.kept_bytes), 0)
    return int(c.scalar(sa.select(total).where(batches.c.owner == owner)) or 0)
