"""A list as a table: its columns, and its rows as they are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

SAMPLE_ROWS: Final = 100
"""Rows that are read before the columns are chosen."""


class ListRow(NamedTuple):
    """``cells`` under the list's columns. ``defect``: why it cannot be used, if it cannot.

    A defect is the end of a sentence that begins with "Line 7 " or "Item 7 ". ``fallback``: a
    smaller variant of the row's picture, where the reader chose among several itself.
    """

    line: int | None
    cells: Sequence[str]
    defect: str | None = None
    fallback: str = ""


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
