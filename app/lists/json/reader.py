"""JSON and NDJSON → rows: where the list is in a document, and what stands beside it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from itertools import chain
from math import isfinite
from typing import Any, Final

from app.errors import NoAvatars
from app.lists.columns import platforms
from app.lists.columns.table import ListTable
from app.lists.json.accounts import is_entry, keyed_account
from app.lists.json.layout import ITEMS_KEY, JsonLayout, describe, find_layout, is_own_body
from app.lists.json.outline import read_outline
from app.lists.json.stream import JsonEvent, iter_elements, iter_members, parse_events
from app.lists.json.tables import Values, build_array_table, build_table, read_columns
from app.lists.json.text import HEAD_CHARS, is_ndjson, ndjson_values, utf8_chunks
from app.lists.notes import ListNotes
from app.lists.personal_data import KEEP_OPTION
from app.lists.text_reader import DecodedText

_X_ARCHIVE_START: Final = re.compile(r"\s*window\.YTD\.\w+\.part\d+\s*=")
_PEEKED_ROWS: Final = 5


def is_json(text: DecodedText) -> bool:
    """Whether the text begins like JSON that holds a list, or like an X archive's script."""
    head = text.read_head(HEAD_CHARS)
    is_document = head.lstrip().startswith(("{", "[")) or _X_ARCHIVE_START.match(head) is not None
    return is_document or is_ndjson(text)


def read_json(
    text: DecodedText, notes: ListNotes, keep: Collection[str] = ()
) -> tuple[ListTable, dict[str, Any]]:
    """The rows of JSON in any of its shapes, and the options that stand beside our ``items``.

    ``keep``: personal columns that the sender asked for. Raises ``ListUnreadable``, ``ListEmpty``,
    ``NoAvatars``.
    """
    head = text.read_head(HEAD_CHARS)
    if _X_ARCHIVE_START.match(head):
        raise NoAvatars(platforms.how_to_ask({"follower.accountId"}))
    if is_ndjson(text):
        return _build("ndjson", ndjson_values(text, notes), JsonLayout("array"), notes, keep), {}

    def parse() -> Iterator[JsonEvent]:
        return parse_events(utf8_chunks(text, notes))

    if head.lstrip().startswith("["):
        values = ((None, value) for value in iter_elements(parse(), ()))
        return _build("json", values, JsonLayout("array"), notes, keep), {}
    documents = read_outline(parse())
    layout = find_layout(documents)
    options = _read_options(documents[0]) if documents else {}
    keep = {*keep, *_kept_names(options)}
    found = describe(documents[0]) if documents and layout.path != (ITEMS_KEY,) else ""
    _note_left_out(layout, notes)
    return _build("json", _values_at(layout, parse(), keep), layout, notes, keep, found), options


def _values_at(layout: JsonLayout, stream: Iterator[JsonEvent], keep: Collection[str]) -> Values:
    if layout.kind == "columns":
        return read_columns(stream, keep)
    if layout.kind == "map":
        return (
            (None, keyed_account(key, value))
            for key, value in iter_members(stream, layout.path)
            if is_entry(value)
        )
    path = layout.path if layout.kind == "array" else ()
    return ((None, value) for value in iter_elements(stream, path))


def _build(
    format_name: str,
    values: Values,
    layout: JsonLayout,
    notes: ListNotes,
    keep: Collection[str],
    found: str = "",
) -> ListTable:
    peeked: list[tuple[int | None, Any]] = []
    are_arrays = True
    while are_arrays and len(peeked) < _PEEKED_ROWS and (row := next(values, None)) is not None:
        peeked.append(row)
        are_arrays = _is_flat_array(row[1])
    are_arrays = are_arrays and bool(peeked)
    rows = chain(peeked, values)
    if layout.columns or are_arrays:
        return build_array_table(format_name, rows, layout.columns, notes, keep)
    return build_table(format_name, rows, notes, keep, found)


def _is_flat_array(row: Any) -> bool:
    return (
        isinstance(row, list)
        and bool(row)
        and not any(isinstance(cell, (dict, list)) for cell in row)
    )


def _read_options(document: Any) -> dict[str, Any]:
    """What stands beside our own ``items``; nothing beside a platform's."""
    if not isinstance(document, dict) or not isinstance(document.get(ITEMS_KEY), list):
        return {}
    if not is_own_body(document):
        return {}
    return {name: _plain_numbers(value) for name, value in document.items() if name != ITEMS_KEY}


def _kept_names(options: Mapping[str, Any]) -> list[str]:
    names = options.get(KEEP_OPTION)
    if isinstance(names, str):
        return names.split(",")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _note_left_out(layout: JsonLayout, notes: ListNotes) -> None:
    """Say which lists of accounts in the document were not read."""
    if not layout.left_out:
        return
    others = ", ".join(f"`{'.'.join(path)}` ({total})" for path, total in layout.left_out[:8])
    notes.add(
        f"Read in part: `{'.'.join(layout.path)}` ({layout.total} entries). Left out, which also "
        f"hold accounts: {others}; send each as a list of its own."
    )


def _plain_numbers(value: Any) -> Any:
    """An option with numbers as Python has them; one that is beyond them stays a text."""
    if isinstance(value, dict):
        return {name: _plain_numbers(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_plain_numbers(member) for member in value]
    if isinstance(value, Decimal):
        return float(value) if isfinite(float(value)) else str(value)
    return value
