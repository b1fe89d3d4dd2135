"""A list as a table: its columns, and its rows as they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

SAMPLE_ROWS: Final = 100
"""Rows that are read before the columns are chosen."""
SAMPLE_MAX_CHARS: Final = 1 << 20
"""What they may hold together: wide rows make a smaller sample."""
ROW_MAX_BYTES: Final = 1 << 16
"""A row's cells in UTF-8, or of delimited text its lines."""
ROW_TOO_LARGE: Final = "is larger than a row may be."
_CELL_COST_CHARS: Final = 50

T = TypeVar("T")


def take_sample(
    rows: Iterator[T], size_chars: Callable[[T], int], max_rows: int = SAMPLE_ROWS
) -> list[T]:
    """The first of ``rows``: ``max_rows``, or fewer that are beyond ``SAMPLE_MAX_CHARS``."""
    sample: list[T] = []
    total_chars = 0
    while len(sample) < max_rows and total_chars < SAMPLE_MAX_CHARS:
        row = next(rows, None)
        if row is None:
            break
        sample.append(row)
        total_chars += size_chars(row)
    return sample


def utf8_bytes(text: str) -> int:
    """The length of ``text`` in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


class ListRow(NamedTuple):
    """``cells`` under the list's columns. ``defect``: why it cannot be used, if it cannot.

    A defect is the end of a sentence that begins with "Line 7 " or "Item 7 ". ``fallback``: a
    smaller variant of the row's picture, where the reader chose among several itself.
    """

    line: int | None
    cells: Sequence[str]
    defect: str | None = None
    fallback: str = ""

    def size_chars(self) -> int:
        """What it holds, for a sample."""
        return sum(map(len, self.cells)) + _CELL_COST_CHARS * len(self.cells)


@dataclass(frozen=True)
class ListTable:
    """``names``: of the columns, by which their meaning is found; empty where a list has none.

    ``columns``: the names under which a row's cells are kept and given back; empty where an item
    holds all of it anyway. ``is_platform_list``: rows are a platform's accounts, so an empty
    picture means that the account has none. ``how_to_ask``: what to send instead, for a refusal.
    """

    format: str
    names: tuple[str, ...]
    columns: tuple[str, ...]
    rows: Iterator[ListRow]
    is_platform_list: bool = False
    how_to_ask: str = ""
