"""Lines between accounts that a caller brings: ``source,target,weight``, one a row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import BinaryIO, Final

from app.errors import ListUnreadable, TooLarge
from app.lists.byte_stream import plain_opener
from app.lists.columns.account_values import clean_id
from app.lists.columns.linked import MAX_EDGES, MAX_NAME_CHARS
from app.lists.columns.table import ListRow, ListTable
from app.lists.csv_reader import read_table
from app.lists.notes import ListNotes
from app.lists.text_reader import open_text
from app.records import OwnEdge

MAX_EDGES_BYTES: Final = 128 * 2**20
_NAMES: Final = {
    "source": frozenset({"source", "src", "from", "follower", "account_a", "a"}),
    "target": frozenset({"target", "dst", "to", "followed", "followee", "account_b", "b"}),
    "weight": frozenset({"weight", "count", "value"}),
}
_UNUSABLE_NOTES: Final = (
    "1 row of the lines that you brought has no two names, or a weight that is no number above 0.",
    "{n} rows of the lines that you brought have no two names, or a weight that is no number "
    "above 0.",
)


def read_edges(file: BinaryIO, notes: ListNotes) -> Iterator[OwnEdge]:
    """The lines in a CSV or TSV, with or without a header; the file stays open meanwhile.

    Rows that cannot be used are left out and counted in ``notes``. Raises ``ListUnreadable`` and
    ``TooLarge`` while it is read.
    """
    table = read_table(open_text(plain_opener(file, MAX_EDGES_BYTES)), None, notes)
    places, rows = _find_columns(table)
    count = 0
    for row in rows:
        edge = None if row.defect is not None else _read_edge(row.cells, places)
        if edge is None:
            notes.tally(*_UNUSABLE_NOTES)
            continue
        count += 1
        if count > MAX_EDGES:
            raise TooLarge(f"There are more than {MAX_EDGES:,} lines in `edges`; send fewer.")
        yield edge


def _find_columns(table: ListTable) -> tuple[tuple[int, int, int | None], Iterator[ListRow]]:
    """Where source, target and weight stand: by the header, or else in that order."""
    rows = iter(table.rows)
    # The first row may have been taken for a header, or a header for the first row.
    first = ListRow(1, table.names) if any(table.names) else next(rows, None)
    if first is None or len(first.cells) < 2:
        raise ListUnreadable("The lines in `edges` need two columns: source,target,weight.")
    names = [name.strip().casefold() for name in first.cells]
    found = {
        role: next((i for i, name in enumerate(names) if name in known), None)
        for role, known in _NAMES.items()
    }
    source, target = found["source"], found["target"]
    if source is not None and target is not None:
        return (source, target, found["weight"]), rows
    return (0, 1, 2 if len(names) > 2 else None), chain([first], rows)


def _read_edge(cells: Sequence[str], places: tuple[int, int, int | None]) -> OwnEdge | None:
    source, target = (clean_id(cells[i]) if i < len(cells) else "" for i in places[:2])
    place = places[2]
    text = cells[place].strip() if place is not None and place < len(cells) else ""
    try:
        weight = float(text) if text else 1.0
    except ValueError:
        return None
    names_fit = 0 < len(source) <= MAX_NAME_CHARS and 0 < len(target) <= MAX_NAME_CHARS
    if not names_fit or not math.isfinite(weight) or weight <= 0.0:
        return None
    return OwnEdge(source, target, weight)
