"""Lines between accounts that a caller brought with a list, packed ten thousand at a time."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

import sqlalchemy as sa

from app.batches.store.database import Database
from app.batches.store.tables import own_edges
from app.records import OwnEdge

_PACKED: Final = 10_000


def pack_edges(edges: Iterable[OwnEdge]) -> Iterator[bytes]:
    """``edges`` in parts, compressed; raises what reading them raises."""
    source = iter(edges)
    while portion := list(islice(source, _PACKED)):
        yield zlib.compress(json.dumps(portion, separators=(",", ":")).encode())


def insert_part(c: sa.Connection, batch_no: int, part: int, data: bytes) -> None:
    """A part of the lines of a batch whose list is being read."""
    c.execute(sa.insert(own_edges).values(batch_no=batch_no, part=part, data=data))


def iter_edges(database: Database, batch_no: int) -> Iterator[OwnEdge]:
    """The lines of a batch, in the order in which they came."""
    part = 0
    while True:
        of_part = own_edges.c.batch_no == batch_no, own_edges.c.part == part
        with database.reading() as c:
            data = c.scalar(sa.select(own_edges.c.data).where(*of_part))
        if data is None:
            return
        yield from (OwnEdge(*each) for each in json.loads(zlib.decompress(bytes(data))))
        part += 1
