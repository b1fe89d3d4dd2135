"""The drawings that are kept of a batch's flagged pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from app.batches.store import drawing_store, queries
from app.batches.store.database import Database
from app.batches.store.row_codec import decode_failure, decode_item
from app.batches.store.tables import items, results
from app.errors import NotFound, NotYet
from app.records import Item


@dataclass(frozen=True)
class ShownItem:
    """An item whose picture was analyzed. ``sha256``: of the picture, hex.

    ``sheet``: the drawing that is kept of it, JPEG, if there is one.
    """

    item: Item
    sha256: str
    sheet: bytes | None


class BatchDrawings:
    """Reads the drawings of batches; any thread may, and none on an event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def show_item(self, batch_id: str, owner: str, seq: int) -> ShownItem:
        """Raises ``NotFound`` for an item that is not there or has failed, and ``NotYet``."""
        batch_no = queries.find_batch(self._database, batch_id, owner).no
        is_result = sa.and_(results.c.batch_no == items.c.batch_no, results.c.seq == items.c.seq)
        statement = (
            sa.select(items.c.item, results.c.sha256, results.c.failure)
            .outerjoin_from(items, results, is_result)
            .where(items.c.batch_no == batch_no, items.c.seq == seq)
        )
        with self._database.reading() as c:
            row = c.execute(statement).one_or_none()
        if row is None:
            raise NotFound(f"This list has no item {seq}; they are counted from 0.")
        if row.failure is not None:
            detail = decode_failure(row.failure).detail
            raise NotFound(f"Item {seq} has no picture that could be drawn: {detail}")
        if row.sha256 is None:
            raise NotYet(f"Item {seq} has not been analyzed yet; ask again when it has.")
        sheet = drawing_store.read_sheet(self._database, batch_no, seq)
        return ShownItem(decode_item(seq, row.item), bytes(row.sha256).hex(), sheet)

    def read_cut_outs(
        self, batch_id: str, owner: str, sha256s: Iterable[str]
    ) -> dict[str, dict[str, bytes]]:
        """The cut-outs kept of these pictures (hex), by picture and check: JPEG.

        Raises ``NotFound``.
        """
        batch_no = queries.find_batch(self._database, batch_id, owner).no
        return drawing_store.read_cut_outs(self._database, batch_no, sha256s)

    def read_sheets(self, batch_id: str, owner: str, sha256s: Iterable[str]) -> dict[str, bytes]:
        """The sheets kept of these pictures (hex), by picture: JPEG. Raises ``NotFound``."""
        batch_no = queries.find_batch(self._database, batch_id, owner).no
        return drawing_store.read_sheets(self._database, batch_no, sha256s)
