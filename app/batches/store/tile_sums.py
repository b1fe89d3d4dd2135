"""Average pictures of a batch: sums of tiles, kept in a few rows that add up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from app.batches.store.database import Database
from app.batches.store.tables import averages
from app.records import TILE_PX, Finding

LIKELY: Final = "likely_generated"
REST: Final = "rest"
SHARDS: Final = 4
"""Rows a group is spread over, so that workers seldom wait for each other."""

SHAPE: Final = (TILE_PX, TILE_PX, 3)
_WIDTHS: Final[tuple[type[np.unsignedinteger], ...]] = (np.uint16, np.uint32, np.uint64)


def group(finding: Finding) -> str | None:
    """Whose average a picture goes into; a picture without a scored face goes into none."""
    if finding.outcome != "scored":
        return None
    return LIKELY if finding.verdict == LIKELY else REST


def add(
    c: sa.Connection, database: Database, batch_no: int, shard: int, findings: Iterable[Finding]
) -> None:
    """Add the tiles of ``findings`` to their groups' sums, inside the caller's transaction."""
    tiles: dict[str, list[NDArray[np.uint8]]] = {}
    for finding in findings:
        where = group(finding)
        if where is not None and finding.tile is not None:
            tiles.setdefault(where, []).append(finding.tile)
    for where in sorted(tiles):  # always in the same order, or two workers lock each other out
        _add(c, database, (batch_no, where, shard), tiles[where])


def read(c: sa.Connection, batch_no: int) -> dict[str, tuple[int, NDArray[np.uint64]]]:
    """Group → how many pictures, and the sum of their tiles: uint64 (192, 192, 3)."""
    totals = {of: (0, np.zeros(SHAPE, np.uint64)) for of in (LIKELY, REST)}
    of_batch = sa.select(averages).where(averages.c.batch_no == batch_no)
    for row in c.execute(of_batch):
        count, sums = totals.get(row.of, (0, np.zeros(SHAPE, np.uint64)))
        totals[row.of] = (count + row.pictures, sums + _unpacked(row.sums))
    return totals


def _add(
    c: sa.Connection,
    database: Database,
    key: tuple[int, str, int],
    tiles: list[NDArray[np.uint8]],
) -> None:
    batch_no, of, shard = key
    here: Mapping[str, object] = {"batch_no": batch_no, "of": of, "shard": shard}
    mine = sa.and_(*(averages.c[name] == value for name, value in here.items()))
    empty = database.insert(averages).values(**here, pictures=0, sums=b"").on_conflict_do_nothing()
    c.execute(empty)
    count, packed = c.execute(
        sa.select(averages.c.pictures, averages.c.sums).where(mine).with_for_update()
    ).one()
    sums = _unpacked(packed)
    for tile in tiles:
        sums += tile
    count += len(tiles)
    c.execute(sa.update(averages).where(mine).values(pictures=count, sums=_packed(sums, count)))


def _packed(sums: NDArray[np.uint64], count: int) -> bytes:
    """Little-endian, in the narrowest integers that hold ``count`` times 255."""
    narrowest = next(width for width in _WIDTHS if 255 * count <= np.iinfo(width).max)
    return sums.astype(np.dtype(narrowest).newbyteorder("<")).tobytes()


def _unpacked(packed: bytes) -> NDArray[np.uint64]:
    if not packed:
        return np.zeros(SHAPE, np.uint64)
    width = len(packed) // int(np.prod(SHAPE))
    return np.frombuffer(packed, f"<u{width}").reshape(SHAPE).astype(np.uint64)
