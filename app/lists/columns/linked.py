"""Lines between accounts in a column of the list itself: each cell names the accounts of its line.

The same lines may come as a second file (``edges``); both are kept in one place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from app.errors import TooLarge
from app.lists.columns.account_values import clean_id
from app.lists.columns.names import cached_by_name, split_name
from app.lists.columns.vocabulary import words
from app.lists.notes import ListNotes
from app.records import Item, OwnEdge

LINKED: Final = "linked_with"
"""What the column is called where it is told how a list was read."""
MAX_EDGES: Final = 1_000_000
"""Lines that a list may bring, in a column; and as many in a file."""
MAX_NAME_CHARS: Final = 256
MAX_CELL_CHARS: Final = 10_000
"""Of names in one cell; JSON's are cut there."""
_NAMES: Final = words(
    "linkedwith linkedto linkedaccounts connectedwith connectedto connectedaccounts "
    "relatedto relatedaccounts"
)
_SEPARATORS: Final = re.compile(r"[\s,;|]+")
_READ_NOTES: Final = (
    "1 line between accounts was read from the list.",
    "{n} lines between accounts were read from the list.",
)
_CUT_NOTES: Final = (
    f"1 row names more linked accounts than {MAX_CELL_CHARS:,} characters hold; the others were "
    "left out. Send such lines as `edges`.",
    f"{{n}} rows name more linked accounts than {MAX_CELL_CHARS:,} characters hold; the others "
    "were left out. Send such lines as `edges`.",
)


@cached_by_name
def is_linked_name(name: str) -> bool:
    """Whether a column of this name says with which accounts an account is linked."""
    return "".join(split_name(name)[0]) in _NAMES


def linked_columns(names: Sequence[str]) -> tuple[int, ...]:
    """The columns of ``names`` that do."""
    return tuple(i for i, name in enumerate(names) if is_linked_name(name))


def join_names(values: Sequence[Any]) -> str | None:
    """A list of ids and names in JSON as one cell; ``None`` if it holds none."""
    return " ".join(str(each) for each in values if isinstance(each, (str, int))) or None


class LinkedReader:
    """Adds to items the lines that their rows name, at most ``MAX_EDGES`` in all."""

    def __init__(self, columns: Sequence[int], notes: ListNotes) -> None:
        self._columns, self._notes = columns, notes
        self._count = 0

    def add_edges(self, item: Item, cells: Sequence[str]) -> Item:
        """``item`` with a line to every account in its cells. Raises ``TooLarge``."""
        source = (item.custom_id or item.source)[:MAX_NAME_CHARS]
        names = dict.fromkeys(
            clean_id(name)
            for column in self._columns
            if column < len(cells)
            for name in self._split(cells[column])
        )
        edges = tuple(
            OwnEdge(source, name) for name in names if source and 0 < len(name) <= MAX_NAME_CHARS
        )
        for _ in edges:
            self._notes.tally(*_READ_NOTES)
        self._count += len(edges)
        if self._count > MAX_EDGES:
            raise TooLarge(f"There are more than {MAX_EDGES:,} lines in `{LINKED}`; send fewer.")
        return replace(item, edges=edges) if edges else item

    def _split(self, cell: str) -> list[str]:
        names = _SEPARATORS.split(cell[:MAX_CELL_CHARS])
        if len(cell) < MAX_CELL_CHARS:
            return names
        self._notes.tally(*_CUT_NOTES)
        return names[:-1]  # the last one may be cut in two
