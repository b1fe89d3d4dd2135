"""Flattened JSON objects → rows: under their own members, or under one set of columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from app.fetch.urls import is_url
from app.lists.columns.mapping import order_by_names
from app.lists.columns.names import NAME_MAX_CHARS, PictureKind
from app.lists.columns.table import ROW_MAX_BYTES, ROW_TOO_LARGE, ListRow, utf8_bytes
from app.lists.columns.vocabulary import ACCOUNT_FIELDS
from app.lists.json.flatten import FlatObject

ACCOUNT_COLUMNS: Final = ("id", *ACCOUNT_FIELDS, "avatar")
"""The columns of nested accounts and of platforms' accounts: theirs are dozens."""

COLUMNS_MAX: Final = 200
CELL_MAX_CHARS: Final = 10_000
_CACHED_NAMES_MAX_CHARS: Final = 20_000
_UNSTORABLE_CHARS: Final = re.compile("[\x00\ud800-\udfff]")

_Accounts = Iterable[tuple[int | None, FlatObject | str]]
_Places = tuple[tuple[int, ...], tuple[tuple[int, ...], ...], tuple[int, ...]]


def build_own_rows(accounts: _Accounts, columns: Sequence[str]) -> Iterator[ListRow]:
    """``accounts`` under their own members' names."""
    for line, each in accounts:
        if isinstance(each, str):
            yield ListRow(line, (), each)
            continue
        get = each.get
        cells = [format_cell(get(name)) for name in columns]
        yield bounded_row(line, cells)


def build_account_rows(
    accounts: _Accounts, kind: PictureKind | None, kept: Sequence[str] = ()
) -> Iterator[ListRow]:
    """``accounts`` under ``ACCOUNT_COLUMNS``, and the members ``kept`` beside them.

    ``kind``: the surest kind of picture in the list; pictures of a lesser kind are not read.
    """
    for line, each in accounts:
        if isinstance(each, str):
            yield ListRow(line, (), each)
            continue
        names = tuple(each)
        identity, fields, pictures = _locate_fields(names, kind)
        first = _first_filled(each, names, identity)
        cells = [first, *(_first_filled(each, names, indexes) for indexes in fields)]
        urls = [format_cell(each[names[i]]) for i in pictures]
        filled = [url for url in urls if url]
        usable = [url for url in filled if is_url(url)] or filled
        cells.append(usable[0] if usable else "")
        cells += [format_cell(each.get(name)) for name in kept]
        smaller = next((url for url in usable[1:] if url != usable[0]), "")
        yield bounded_row(line, cells, smaller)


def bounded_row(line: int | None, cells: list[str], fallback: str = "") -> ListRow:
    """A row, or why it is none: ``ROW_MAX_BYTES`` at most."""
    if sum(map(utf8_bytes, cells)) > ROW_MAX_BYTES:
        return ListRow(line, (), ROW_TOO_LARGE)
    return ListRow(line, cells, None, fallback)


def _locate_fields(names: tuple[str, ...], kind: PictureKind | None) -> _Places:
    """Where the id, each field and the pictures stand; remembered, unless names are absurd."""
    if sum(map(len, names)) > _CACHED_NAMES_MAX_CHARS:
        return _find_fields(names, kind)
    return _find_fields_cached(names, kind)


def _find_fields(names: tuple[str, ...], kind: PictureKind | None) -> _Places:
    mapping = order_by_names(names, kind)
    fields = tuple(
        tuple(i for name, i in mapping.account if name == wanted) for wanted in ACCOUNT_FIELDS
    )
    usernames = fields[ACCOUNT_FIELDS.index("username")]
    identity = tuple(i for i in mapping.custom_id if i not in usernames)
    return identity, fields, mapping.picture


_find_fields_cached: Final = lru_cache(maxsize=1024)(_find_fields)


def _first_filled(each: FlatObject, names: Sequence[str], indexes: Sequence[int]) -> str:
    for index in indexes:
        if cell := format_cell(each[names[index]]):
            return cell
    return ""


def collect_columns(sample: Sequence[FlatObject]) -> tuple[str, ...]:
    """Every member that the first objects have, in the order in which they come up."""
    names = dict.fromkeys(
        clean_text(name) for each in sample for name in each if len(name) <= NAME_MAX_CHARS
    )
    return tuple(names)[:COLUMNS_MAX]


def format_cell(value: Any) -> str:
    """A member as a cell: nothing for null, JSON's words for the rest."""
    if isinstance(value, str):
        return clean_text(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, Decimal)):
        return str(value)
    return ""


def clean_text(text: str) -> str:
    """Text that can be kept anywhere: no NUL, no half of a surrogate pair, no megabytes."""
    if len(text) > CELL_MAX_CHARS:
        text = text[:CELL_MAX_CHARS]
    return text if text.isascii() and "\x00" not in text else _UNSTORABLE_CHARS.sub("\ufffd", text)
