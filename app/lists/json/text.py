"""JSON text before it is parsed: whether each line is a document, and NaN, which is not JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from app.errors import ListUnreadable
from app.lists.json.stream import TOO_LARGE, InvalidValue, parse_events
from app.lists.notes import ListNotes
from app.lists.text_reader import DecodedText

HEAD_CHARS: Final = 1 << 12
_PROBED_CHARS: Final = 1 << 16
_NAN_NOTE: Final = "NaN and Infinity, which are not JSON, were read as null."
_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|-?\b(?:NaN|Infinity)\b', re.DOTALL)
_TOKEN_MAX_CHARS: Final = 16
_TEXT_MAX_CHARS: Final = 1 << 22


def utf8_chunks(text: DecodedText, notes: ListNotes) -> Iterator[bytes]:
    """The text for a parser, NaN and Infinity replaced by null."""
    if not text.has_nan:
        return text.utf8_chunks()
    return (chunk.encode() for chunk in _replace_nan(text, notes))


def _replace_nan(text: DecodedText, notes: ListNotes) -> Iterator[str]:
    """Outside strings only; what may be the beginning of a string or a word waits for the rest."""
    carry = ""
    for chunk in text.chunks():
        pending = carry + chunk
        output, end = [], 0
        for match in _TOKEN.finditer(pending):
            if match[0].startswith('"'):
                output.append(pending[end : match.end()])
            elif match.end() == len(pending):
                break
            else:
                output += [pending[end : match.start()], "null"]
                notes.add(_NAN_NOTE)
            end = match.end()
        quote = pending.find('"', end)
        cut = quote if quote >= 0 else max(end, len(pending) - _TOKEN_MAX_CHARS)
        yield "".join([*output, pending[end:cut]])
        carry = pending[cut:]
        if len(carry) > _TEXT_MAX_CHARS:
            raise ListUnreadable("A single value in this JSON is larger than a row may be.")
    yield _TOKEN.sub(lambda m: m[0] if m[0].startswith('"') else "null", carry)


def is_ndjson(text: DecodedText) -> bool:
    """Whether each line is a document: the first two that are not blank decide.

    A first line that is not JSON by itself begins a document of several lines, unless the text
    as a whole is not JSON either: then it is one bad line among others.
    """
    lines = (line for line in text.lines() if not line.text.isspace())
    first = next(lines, None)
    if first is None or first.is_truncated or (second := next(lines, None)) is None:
        return False
    values = [_parse(line.text) for line in (first, second)]
    if not any(isinstance(value, (dict, list)) for value in values):
        return False
    if isinstance(values[0], InvalidValue):
        return not _begins_document(text)
    return True


def _begins_document(text: DecodedText) -> bool:
    """Whether a parser finds nothing wrong with the beginning of the text."""
    try:
        for _ in parse_events(iter([text.read_head(_PROBED_CHARS).encode()]), is_beginning=True):
            pass
    except ListUnreadable:
        return False
    return True


def ndjson_values(text: DecodedText, notes: ListNotes) -> Iterator[tuple[int, Any]]:
    """The value of each line with its number; ``InvalidValue`` for a line that has none."""
    for number, line, is_truncated in text.lines():
        if is_truncated:
            yield number, TOO_LARGE
        elif not line.isspace():
            yield number, _parse(line, notes)


def _parse(line: str, notes: ListNotes | None = None) -> Any:
    def replace_constant(_: str) -> None:
        if notes is not None:
            notes.add(_NAN_NOTE)

    try:
        return json.loads(line, parse_float=Decimal, parse_constant=replace_constant)
    except (ValueError, ArithmeticError, RecursionError):
        trimmed = line.rstrip(" \t\r\n,")
        if line.rstrip().endswith(","):  # the inside of an array, cut out by lines
            return _parse(trimmed, notes)
        return InvalidValue("is not valid JSON.")
