"""A list as rows of cells, before anybody asks which cell means what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

SAMPLE_ROWS: Final = 100
"""Rows that are looked at to find out which column holds what."""


class Row(NamedTuple):
    """``cells`` under the list's columns. ``complaint``: why it cannot be used, if it cannot.

    A complaint is a sentence's end, to stand behind "Line 7 " or "Item 7 ".
    """

    line: int | None
    cells: Sequence[str]
    complaint: str | None = None


@dataclass(frozen=True)
class Table:
    """``names``: of the columns, to find out what they mean; empty where a list gives none.

    ``columns``: what is kept of a row and given back; empty where that is only what an item says
    anyway. ``of_accounts``: rows are a platform's accounts, so that an empty picture is none.
    """

    format: str
    names: tuple[str, ...]
    columns: tuple[str, ...]
    rows: Iterator[Row]
    of_accounts: bool = False
