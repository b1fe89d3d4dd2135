"""Average pictures of a batch: sums of tiles, kept in a few rows that add up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from app.arrays import RgbArray
from app.batches.store.database import Database
from app.batches.store.tables import averages
from app.evidence import Outcome, Verdict
from app.records import AVERAGE_TILE_PX, PictureRecord

LIKELY: Final = "likely_stylegan"
REST: Final = "rest"
SHARDS: Final = 4
"""Rows a group is spread over, so that workers seldom wait for each other."""

TILE_SHAPE: Final = (AVERAGE_TILE_PX, AVERAGE_TILE_PX, 3)
_WIDTHS: Final[tuple[type[np.unsignedinteger], ...]] = (np.uint16, np.uint32, np.uint64)


def average_group(record: PictureRecord) -> str | None:
    """Whose average a picture goes into; a picture without a scored face goes into none."""
    if record.outcome is not Outcome.SCORED:
        return None
    return LIKELY if record.verdict is Verdict.LIKELY_STYLEGAN else REST


def add_tiles(
    c: sa.Connection,
    database: Database,
    batch_no: int,
    shard: int,
    records: Iterable[PictureRecord],
) -> None:
    """Add the tiles of ``records`` to their groups' sums, inside the caller's transaction."""
    tiles: dict[str, list[RgbArray]] = {}
    for record in records:
        group_name = average_group(record)
        if group_name is not None and record.tile is not None:
            tiles.setdefault(group_name, []).append(record.tile)
    for group_name in sorted(tiles):  # always in the same order, or two workers lock each other out
        _add_to_group(c, database, (batch_no, group_name, shard), tiles[group_name])


def read_sums(c: sa.Connection, batch_no: int) -> dict[str, tuple[int, NDArray[np.uint64]]]:
    """Group → how many pictures, and the sum of their tiles: uint64 (192, 192, 3)."""
    totals = {group_name: (0, np.zeros(TILE_SHAPE, np.uint64)) for group_name in (LIKELY, REST)}
    statement = sa.select(averages).where(averages.c.batch_no == batch_no)
    for row in c.execute(statement):
        count, sums = totals.get(row.of, (0, np.zeros(TILE_SHAPE, np.uint64)))
        totals[row.of] = (count + row.pictures, sums + _unpack(row.sums))
    return totals


def _add_to_group(
    c: sa.Connection,
    database: Database,
    key: tuple[int, str, int],
    tiles: list[RgbArray],
) -> None:
    batch_no, group_name, shard = key
    key_columns: Mapping[str, object] = {"batch_no": batch_no, "of": group_name, "shard": shard}
    this_row = sa.and_(*(averages.c[name] == value for name, value in key_columns.items()))
    insert_empty = (
        database.insert(averages)
        .values(**key_columns, pictures=0, sums=b"")
        .on_conflict_do_nothing()
    )
    c.execute(insert_empty)
    count, packed = c.execute(
        sa.select(averages.c.pictures, averages.c.sums).where(this_row).with_for_update()
    ).one()
    sums = _unpack(packed)
    for tile in tiles:
        sums += tile
    count += len(tiles)
    c.execute(sa.update(averages).where(this_row).values(pictures=count, sums=_pack(sums, count)))


def _pack(sums: NDArray[np.uint64], count: int) -> bytes:
    """Little-endian, in the narrowest integers that hold ``count`` times 255."""
    narrowest = next(width for width in _WIDTHS if 255 * count <= np.iinfo(width).max)
    return sums.astype(np.dtype(narrowest).newbyteorder("<")).tobytes()


def _unpack(packed: bytes) -> NDArray[np.uint64]:
    if not packed:
        return np.zeros(TILE_SHAPE, np.uint64)
    width = len(packed) // int(np.prod(TILE_SHAPE))
    return np.frombuffer(packed, f"<u{width}").reshape(TILE_SHAPE).astype(np.uint64)
