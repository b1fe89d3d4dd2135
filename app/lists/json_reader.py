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
from app.lists.columns import SAMPLE_ROWS, Table, plan
from app.lists.json_stream import TOO_LARGE, Path, Unusable, elements, events, survey
from app.lists.text_reader import Text

OPTIONS_BESIDE: Final = "items"
"""The array beside which a caller's options stand; beside any other stands a platform's talk."""

_HEAD_CHARS: Final = 1 << 12
_X_ARCHIVE: Final = re.compile(r"\s*window\.YTD\.\w+\.part\d+\s*=")
_NO_PICTURES: Final = {
    "x_archive": (
        "An X archive names accounts by number and holds no pictures. Look the accounts up, and "
        "send a CSV with the columns `id` and `profile_image_url` (or JSON of the X API) instead."
    ),
    "instagram_export": (
        "An Instagram export names accounts and holds no pictures. Look the accounts up, and send "
        "a CSV with the columns `username` and `profile_pic_url` instead."
    ),
}

_Values = Iterator[tuple[int | None, Any]]


def is_json(text: Text) -> bool:
    """Whether the text begins like JSON that holds a list, or like an X archive's script."""
    head = text.head(_HEAD_CHARS)
    begins = head.lstrip().startswith(("{", "[")) or _X_ARCHIVE.match(head) is not None
    return begins or _is_lines(text)


def read_json(text: Text) -> tuple[Table, dict[str, Any]]:
    """The rows of JSON in any of its shapes, and the options that stand beside ``items``.

    Raises ``ListUnreadable``, ``ListEmpty``, ``NoAvatars``.
    """
    head = text.head(_HEAD_CHARS)
    if _X_ARCHIVE.match(head):
        raise NoAvatars(_NO_PICTURES["x_archive"])
    if _is_lines(text):
        return _table("ndjson", _lines(text)), {}
    if head.lstrip().startswith("["):
        return _table("json", _document(text, ())), {}
    paths, members = survey(events(text.pieces()))
    if (OPTIONS_BESIDE,) in paths:
        options = {name: _plain(v) for name, v in members.items() if name != OPTIONS_BESIDE}
        return _table("json", _document(text, (OPTIONS_BESIDE,))), options
    return _first_with_pictures(text, _ways(paths)), {}


def _ways(paths: dict[Path, None]) -> list[Path]:
    """Where the list may be: under a name that is known, then in order; last, in no array."""
    rank = {name: n for n, name in enumerate(platforms.LISTS)}
    return [
        *sorted(paths, key=lambda path: min((rank.get(n, len(rank)) for n in path), default=0)),
        (),
    ]


def _first_with_pictures(text: Text, ways: Sequence[Path]) -> Table:
    """The first array whose rows lead to pictures, or the refusal that the first one met."""
    refusals: list[ListEmpty | NoAvatars] = []
    for way in ways:
        try:
            return _table("json", _document(text, way))
        except (ListEmpty, NoAvatars) as refusal:
            refusals.append(refusal)
    raise refusals[0]


def _document(text: Text, path: Path) -> _Values:
    return ((None, value) for value in elements(events(text.pieces()), path))


def _is_lines(text: Text) -> bool:
    """Whether each line is a document: the first two that are not blank decide."""
    lines = (line for line in text.lines() if not line.text.isspace())
    first = next(lines, None)
    if first is None or first.cut or (second := next(lines, None)) is None:
        return False
    # A first line that is broken does not spoil the others; a bracket alone is no broken line.
    parsed = (_parsed(each.text) for each in (first, second))
    return first.text.strip() not in ("{", "[") and any(isinstance(v, dict | list) for v in parsed)


def _lines(text: Text) -> _Values:
    for number, line, cut in text.lines():
        if cut:
            yield number, TOO_LARGE
        elif not line.isspace():
            yield number, _parsed(line)


def _parsed(line: str) -> Any:
    try:
        return json.loads(line, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, ArithmeticError, RecursionError):
        return Unusable("is no JSON.")


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _table(form: str, values: _Values) -> Table:
    """The rows of ``values`` under the columns that the first of them name.

    Raises ``ListEmpty`` and ``NoAvatars``, with a sentence of its own for exports without any.
    """
    found = platforms.records(values)
    sample = list(islice(found, SAMPLE_ROWS))
    if not sample:
        raise ListEmpty("There is no row in this list; send one object an account.")
    flats = [each for _, each in sample if not isinstance(each, str)]
    known = platforms.platform(flats)
    if known in _NO_PICTURES:
        raise NoAvatars(_NO_PICTURES[known])
    names = platforms.ACCOUNT_COLUMNS if known else platforms.columns_of(flats)
    laid = list(platforms.rows(sample, names, known is not None))
    rows = platforms.rows(found, names, known is not None)
    bare = all(isinstance(each.get("url"), platforms.Bare) for each in flats)
    columns = () if bare else names
    names = ("",) * len(names) if bare else names
    plan(names, [row.cells for row in laid if row.complaint is None])
    return Table(known or form, names, columns, chain(laid, rows), known is not None)


def _plain(value: Any) -> Any:
    """An option with numbers as Python has them; one that is beyond them stays a text."""
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    if isinstance(value, Decimal):
        return float(value) if isfinite(float(value)) else str(value)
    return value
