"""Drawings of flagged pictures, kept with a list's results, and of a bounded number of pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import sqlalchemy as sa

from app.batches.store.database import Database
from app.batches.store.tables import batches, drawings, results
from app.records import SHEET_DRAWING, PictureRecord

MAX_DRAWN_PICTURES: Final = 500
"""Of a list: the first that are flagged."""
_READ_PICTURES: Final = 50
"""Whose drawings are in memory at once."""


def count_drawn(c: sa.Connection, batch_no: int) -> int:
    """Of how many pictures of a batch drawings are kept."""
    sheets = sa.select(sa.func.count()).where(
        drawings.c.batch_no == batch_no, drawings.c.name == SHEET_DRAWING
    )
    return int(c.scalar(sheets) or 0)


def insert_drawings(
    c: sa.Connection, database: Database, batch_no: int, records: Sequence[PictureRecord]
) -> int:
    """Keep the drawings of ``records``, as far as the list may have more of them.

    How many bytes they hold.
    """
    drawn = [record for record in records if record.drawings]
    if not drawn:
        return 0
    # Commits of the same list take turns here, or each would count without the others.
    c.execute(sa.select(batches.c.no).where(batches.c.no == batch_no).with_for_update())
    room = max(0, MAX_DRAWN_PICTURES - count_drawn(c, batch_no))
    rows: list[dict[str, Any]] = [
        {
            "batch_no": batch_no,
            "sha256": bytes.fromhex(record.sha256),
            "name": name,
            "image": image,
        }
        for record in drawn[:room]
        for name, image in record.drawings.items()
    ]
    if rows:
        c.execute(database.insert(drawings).on_conflict_do_nothing(), rows)
    return sum(len(row["image"]) for row in rows)


def read_sheet(database: Database, batch_no: int, seq: int) -> bytes | None:
    """The sheet that is kept of an item's picture, JPEG; ``None`` if there is none."""
    statement = (
        sa.select(drawings.c.image)
        .join(
            results,
            sa.and_(
                results.c.batch_no == drawings.c.batch_no, results.c.sha256 == drawings.c.sha256
            ),
        )
        .where(
            results.c.batch_no == batch_no,
            results.c.seq == seq,
            drawings.c.name == SHEET_DRAWING,
        )
    )
    with database.reading() as c:
        image = c.scalar(statement)
    return None if image is None else bytes(image)


def read_cut_outs(
    database: Database, batch_no: int, sha256s: Iterable[str]
) -> dict[str, dict[str, bytes]]:
    """The cut-outs that are kept of these pictures (hex), by picture and by check: JPEG."""
    keys = sorted({bytes.fromhex(sha256) for sha256 in sha256s})
    cut_outs: dict[str, dict[str, bytes]] = {}
    for rows in _read_rows(database, batch_no, keys, drawings.c.name != SHEET_DRAWING):
        for row in rows:
            cut_outs.setdefault(bytes(row.sha256).hex(), {})[row.name] = bytes(row.image)
    return cut_outs


def read_sheets(database: Database, batch_no: int, sha256s: Iterable[str]) -> dict[str, bytes]:
    """The sheets that are kept of these pictures (hex), by picture: JPEG."""
    keys = sorted({bytes.fromhex(sha256) for sha256 in sha256s})
    blocks = _read_rows(database, batch_no, keys, drawings.c.name == SHEET_DRAWING)
    return {bytes(row.sha256).hex(): bytes(row.image) for rows in blocks for row in rows}


def _read_rows(
    database: Database, batch_no: int, keys: Sequence[bytes], condition: sa.ColumnElement[bool]
) -> Iterator[Sequence[sa.Row[Any]]]:
    for first in range(0, len(keys), _READ_PICTURES):
        statement = (
            sa.select(drawings)
            .where(
                drawings.c.batch_no == batch_no,
                drawings.c.sha256.in_(keys[first : first + _READ_PICTURES]),
                condition,
            )
            .order_by(drawings.c.sha256, drawings.c.name)
        )
        with database.reading() as c:
            rows = c.execute(statement).all()
        yield rows
