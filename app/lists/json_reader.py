"""JSON and NDJSON → rows: where the list is in a document, and what stands beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import chain, islice
from math import isfinite
from typing import Any, Final

from app.errors import ListEmpty, NoAvatars
from app.lists import platforms
from app.lists.columns import SAMPLE_ROWS, ListTable, map_columns
from app.lists.json_stream import (
    TOO_LARGE,
    InvalidValue,
    JsonPath,
    find_arrays,
    iter_elements,
    parse_events,
)
from app.lists.text_reader import DecodedText

ITEMS_KEY: Final = "items"
"""The array beside which a caller's options stand; beside any other stands a platform's talk."""

_HEAD_CHARS: Final = 1 << 12
_X_ARCHIVE_START: Final = re.compile(r"\s*window\.YTD\.\w+\.part\d+\s*=")
_NO_PICTURES_MESSAGES: Final = {
    "x_archive": (
        "An X archive names accounts by number and holds no pictures. Look the accounts up, and "
        "send a CSV with the columns `id` and `profile_image_url` (or JSON of the X API) instead."
    ),
    "instagram_export": (
        "An Instagram export names accounts and holds no pictures. Look the accounts up, and send "
        "a CSV with the columns `username` and `profile_pic_url` instead."
    ),
}

_NumberedValues = Iterator[tuple[int | None, Any]]


def is_json(text: DecodedText) -> bool:
    """Whether the text begins like JSON that holds a list, or like an X archive's script."""
    head = text.read_head(_HEAD_CHARS)
    is_document = head.lstrip().startswith(("{", "[")) or _X_ARCHIVE_START.match(head) is not None
    return is_document or _is_ndjson(text)


def read_json(text: DecodedText) -> tuple[ListTable, dict[str, Any]]:
    """The rows of JSON in any of its shapes, and the options that stand beside ``items``.

    Raises ``ListUnreadable``, ``ListEmpty``, ``NoAvatars``.
    """
    head = text.read_head(_HEAD_CHARS)
    if _X_ARCHIVE_START.match(head):
        raise NoAvatars(_NO_PICTURES_MESSAGES["x_archive"])
    if _is_ndjson(text):
        return _build_table("ndjson", _ndjson_values(text)), {}
    if head.lstrip().startswith("["):
        return _build_table("json", _array_values(text, ())), {}
    paths, members = find_arrays(parse_events(text.utf8_chunks()))
    if (ITEMS_KEY,) in paths:
        options = {name: _plain_numbers(v) for name, v in members.items() if name != ITEMS_KEY}
        return _build_table("json", _array_values(text, (ITEMS_KEY,))), options
    return _first_table_with_pictures(text, _candidate_paths(paths)), {}


def _candidate_paths(paths: dict[JsonPath, None]) -> list[JsonPath]:
    """Where the list may be: under a name that is known, then in order; last, in no array."""
    rank = {name: n for n, name in enumerate(platforms.LIST_KEYS)}
    return [
        *sorted(paths, key=lambda path: min((rank.get(n, len(rank)) for n in path), default=0)),
        (),
    ]


def _first_table_with_pictures(text: DecodedText, paths: Sequence[JsonPath]) -> ListTable:
    """The first array whose rows lead to pictures, or the refusal that the first one met."""
    refusals: list[ListEmpty | NoAvatars] = []
    for path in paths:
        try:
            return _build_table("json", _array_values(text, path))
        except (ListEmpty, NoAvatars) as refusal:
            refusals.append(refusal)
    raise refusals[0]


def _array_values(text: DecodedText, path: JsonPath) -> _NumberedValues:
    return ((None, value) for value in iter_elements(parse_events(text.utf8_chunks()), path))


def _is_ndjson(text: DecodedText) -> bool:
    """Whether each line is a document: the first two that are not blank decide."""
    lines = (line for line in text.lines() if not line.text.isspace())
    first = next(lines, None)
    if first is None or first.is_truncated or (second := next(lines, None)) is None:
        return False
    # A first line that is broken does not spoil the others; a bracket alone is no broken line.
    values = (_parse_line(each.text) for each in (first, second))
    return first.text.strip() not in ("{", "[") and any(isinstance(v, dict | list) for v in values)


def _ndjson_values(text: DecodedText) -> _NumberedValues:
    for number, line, is_truncated in text.lines():
        if is_truncated:
            yield number, TOO_LARGE
        elif not line.isspace():
            yield number, _parse_line(line)


def _parse_line(line: str) -> Any:
    try:
        return json.loads(line, parse_float=Decimal, parse_constant=_reject_constant)
    except (ValueError, ArithmeticError, RecursionError):
        return InvalidValue("is no JSON.")


def _reject_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _build_table(format_name: str, values: _NumberedValues) -> ListTable:
    """The rows of ``values`` under the columns that the first of them name.

    Raises ``ListEmpty`` and ``NoAvatars``, with a sentence of its own for exports without any.
    """
    objects = platforms.flatten_accounts(values)
    sample = list(islice(objects, SAMPLE_ROWS))
    if not sample:
        raise ListEmpty("There is no row in this list; send one object an account.")
    flat_objects = [each for _, each in sample if not isinstance(each, str)]
    platform = platforms.detect_platform(flat_objects)
    if platform in _NO_PICTURES_MESSAGES:
        raise NoAvatars(_NO_PICTURES_MESSAGES[platform])
    names = platforms.ACCOUNT_COLUMNS if platform else platforms.collect_columns(flat_objects)
    sample_rows = list(platforms.build_rows(sample, names, platform is not None))
    more_rows = platforms.build_rows(objects, names, platform is not None)
    is_url_list = all(isinstance(each.get("url"), platforms.BareUrl) for each in flat_objects)
    columns = () if is_url_list else names
    names = ("",) * len(names) if is_url_list else names
    map_columns(names, [row.cells for row in sample_rows if row.defect is None])
    return ListTable(
        platform or format_name, names, columns, chain(sample_rows, more_rows), platform is not None
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
