"""CSV, TSV and one URL a line → rows: the delimiter, the header, title lines above it."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from typing import Final

from app.errors import ListUnreadable
from app.fetch.urls import is_url
from app.lists.columns.names import is_column_name
from app.lists.columns.platforms import how_to_ask
from app.lists.columns.table import (
    ROW_MAX_BYTES,
    SAMPLE_ROWS,
    ListRow,
    ListTable,
    take_sample,
    utf8_bytes,
)
from app.lists.notes import ListNotes
from app.lists.personal_data import without_personal
from app.lists.text_reader import DecodedText, TextLine, is_blank

COLUMNS_MAX: Final = 1000
_DELIMITERS: Final = ("\t", ";", ",")
_MIN_CONSISTENT_SHARE: Final = 0.8
_SNIFFED_CHARS: Final = 1 << 18
_UNCLOSED_QUOTE: Final = "has an unclosed quotation mark, or is longer than a row may be."
_HEADER_SEARCH_ROWS: Final = 20
"""Rows among which the header is looked for: tools write titles and dates above it."""
_SEPARATOR_HINT: Final = re.compile(r"\ufeff?sep=(.)\s*", re.IGNORECASE)


def read_table(
    text: DecodedText,
    delimiter: str | None,
    notes: ListNotes,
    keep: Collection[str] = (),
) -> ListTable:
    """The rows of delimited text. ``delimiter``: if the sender named it.

    ``keep``: personal columns that were asked for. Raises ``ListUnreadable`` for more columns than
    a list may have.
    """
    sample = _sample_lines(text)
    hint = _SEPARATOR_HINT.fullmatch(sample[0]) if sample else None
    separator = hint[1] if hint else delimiter or _detect_delimiter(sample)
    rows = _read_delimited(text, separator) if separator else _read_undelimited(text)
    if hint:
        next(rows, None)
    first_rows = take_sample(rows, ListRow.size_chars)
    _skip_titles(first_rows, notes)
    valid_rows = [row.cells for row in first_rows if row.defect is None]
    width = max(map(len, valid_rows), default=0)
    if width > COLUMNS_MAX:
        raise ListUnreadable(f"This list has {width} columns; send {COLUMNS_MAX} at most.")
    format_name = {"\t": "tsv", None: "urls"}.get(separator, "csv")
    has_header = bool(first_rows) and first_rows[0].defect is None and _is_header(valid_rows)
    if has_header:
        names = tuple(cell.strip("\ufeff") for cell in first_rows.pop(0).cells)
        table = ListTable(
            "csv" if separator is None else format_name,
            names,
            names,
            chain(first_rows, rows),
            how_to_ask=how_to_ask(names),
        )
        return without_personal(table, valid_rows[1:], notes, keep)
    if separator is None:
        return ListTable(format_name, (), (), chain(first_rows, rows))
    numbered = tuple(f"column_{n + 1}" for n in range(width))
    table = ListTable(format_name, ("",) * width, numbered, chain(first_rows, rows))
    return without_personal(table, valid_rows, notes, keep)


def _skip_titles(rows: list[ListRow], notes: ListNotes) -> None:
    """Drop what stands above the header: narrower rows without URLs and without known names."""
    header = next((n for n, row in enumerate(rows[:_HEADER_SEARCH_ROWS]) if _names_columns(row)), 0)
    titles = rows[:header]
    width = len(rows[header].cells) if rows else 0
    is_title = [
        row.defect is None and len(row.cells) <= width and not any(map(is_url, row.cells))
        for row in titles
    ]
    below = rows[header + 1 :]
    if header and all(is_title) and (not below or len(below[0].cells) >= 2):
        del rows[:header]
        notes.add(
            f"{header} title {'line' if header == 1 else 'lines'} above the header were left out."
        )


def _names_columns(row: ListRow) -> bool:
    """Whether a row is a header of several columns, of which some are known."""
    cells = [cell.strip() for cell in row.cells]
    known = sum(map(is_column_name, cells))
    return (
        row.defect is None
        and len(cells) > 1
        and known * 2 >= len([cell for cell in cells if cell])
        and known > 0
        and not any(map(is_url, cells))
    )


def _sample_lines(text: DecodedText) -> list[str]:
    lines, chars = [], 0
    for line in text.lines():
        if is_blank(line.text):
            continue
        lines.append(line.text)
        chars += len(line.text)
        if chars > _SNIFFED_CHARS or len(lines) == SAMPLE_ROWS:
            break
    return lines


def _detect_delimiter(lines: Sequence[str]) -> str | None:
    """The separator that gives most lines the same number of cells; among several, URLs decide."""
    best_score: tuple[float, ...] = ()
    best_separator = None
    for separator in _DELIMITERS:
        rows = _split_rows(lines, separator)
        widths = Counter(map(len, rows))
        width, frequency = max(widths.items(), key=lambda each: (each[1], each[0]), default=(0, 0))
        has_header = any(
            len(row) > 1 and any(map(is_column_name, row)) and not any(map(is_url, row))
            for row in rows[:_HEADER_SEARCH_ROWS]
        )
        if not has_header and (width < 2 or frequency < _MIN_CONSISTENT_SHARE * len(rows)):
            continue
        url_count = sum(is_url(cell) for row in rows for cell in row)
        score = (url_count, has_header, frequency, width)
        if not best_score or score > best_score:
            best_score, best_separator = score, separator
    return best_separator


def _split_rows(lines: Sequence[str], separator: str) -> list[list[str]]:
    try:
        return [row for row in csv.reader(lines, delimiter=separator) if row]
    except csv.Error:
        return [line.split(separator) for line in lines]


def _is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: it holds no URL, and looks like names."""
    first = [cell.strip() for cell in rows[0]]
    if any(map(is_url, first)):
        return False
    if any(map(is_column_name, first)):
        return True
    names = len(first) > 1 and all(first) and len(set(first)) == len(first)
    return names and (len(rows) == 1 or any(is_url(cell) for row in rows[1:] for cell in row))


def _read_undelimited(text: DecodedText) -> Iterator[ListRow]:
    for number, line, is_truncated in text.lines():
        if not (cell := line.strip()):
            continue
        if len(cell) > 1 and cell[0] == cell[-1] == '"':
            cell = cell[1:-1].replace('""', '"')
        yield ListRow(
            number,
            (cell,),
            _UNCLOSED_QUOTE if is_truncated or utf8_bytes(line) > ROW_MAX_BYTES else None,
        )


class _RecordLines:
    """Lines for ``csv.reader``, remembered until the row they belong to is complete."""

    def __init__(self, lines: Iterator[TextLine]) -> None:
        self._source = lines
        self._pending: TextLine | None = None
        self.consumed: list[TextLine] = []
        self._bytes = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._source) if self._pending is None else self._pending
        self._pending = None
        self.consumed.append(line)
        self._bytes += utf8_bytes(line.text)
        if line.is_truncated or self._bytes > ROW_MAX_BYTES:
            raise _RecordTooLong
        return line.text

    def start_record(self, first: TextLine) -> None:
        """Forget the row that is complete; the next one begins with ``first``."""
        self._pending = first
        self.consumed = []
        self._bytes = 0


class _RecordTooLong(Exception):
    """A row longer than a row may be."""


def _read_delimited(text: DecodedText, separator: str) -> Iterator[ListRow]:
    lines = text.lines()
    record_lines = _RecordLines(lines)
    reader = csv.reader(record_lines, delimiter=separator, strict=True)
    for line in lines:
        number, cells, _ = line
        if '"' not in cells and utf8_bytes(cells) <= ROW_MAX_BYTES:
            # Most lines: what the reader would make of them, in a third of the time.
            if not (cells.isspace() and is_blank(cells)):
                yield ListRow(number, cells.rstrip("\r\n").split(separator))
            continue
        record_lines.start_record(line)
        try:
            yield ListRow(line.number, next(reader))
        except (csv.Error, _RecordTooLong):
            yield from _read_line_by_line(record_lines.consumed, separator)


def _read_line_by_line(lines: Sequence[TextLine], separator: str) -> Iterator[ListRow]:
    """Each line for itself, where together they made no row: one bad quote loses one line.

    None is joined with others again: that could take as long as the square of their number.
    """
    for number, line, is_truncated in lines:
        if is_blank(line):
            continue
        if is_truncated or utf8_bytes(line) > ROW_MAX_BYTES:
            yield ListRow(number, (line,), _UNCLOSED_QUOTE)
            continue
        try:
            yield ListRow(number, next(csv.reader([line], delimiter=separator, strict=True)))
        except csv.Error as error:
            # A quotation mark amid a cell is sloppy, one that is never closed is a loss.
            if "expected after" in str(error):
                yield ListRow(number, next(csv.reader([line], delimiter=separator)))
            else:
                yield ListRow(number, (line.rstrip(),), _UNCLOSED_QUOTE)
