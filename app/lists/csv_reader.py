"""CSV, TSV and one URL a line → rows: which sign parts cells, whether the first row is names."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Final

from app.errors import ListUnreadable
from app.fetch.avatar_urls import is_url
from app.lists.columns import SAMPLE_ROWS, ListRow, ListTable, is_column_name
from app.lists.text_reader import DecodedText, TextLine, is_blank

COLUMNS_MAX: Final = 1000
RECORD_MAX_CHARS: Final = 1 << 20
"""A row, line breaks within quotation marks included."""

_DELIMITERS: Final = ("\t", ";", ",")
_MIN_CONSISTENT_SHARE: Final = 0.8
_SNIFFED_CHARS: Final = 1 << 18
_UNCLOSED_QUOTE: Final = "begins a quotation that does not end, or is longer than a row may be."


def read_table(text: DecodedText, delimiter: str | None = None) -> ListTable:
    """The rows of delimited text. ``delimiter``: if the sender named it.

    Raises ``ListUnreadable`` for more columns than a list has.
    """
    sample = _sample_lines(text)
    separator = delimiter or _detect_delimiter(sample)
    rows = _read_delimited(text, separator) if separator else _read_undelimited(text)
    first_rows = list(islice(rows, SAMPLE_ROWS))
    valid_rows = [row.cells for row in first_rows if row.defect is None]
    width = max(map(len, valid_rows), default=0)
    if width > COLUMNS_MAX:
        raise ListUnreadable(f"This list has {width} columns; send {COLUMNS_MAX} at most.")
    format_name = {"\t": "tsv", None: "urls"}.get(separator, "csv")
    has_header = bool(first_rows) and first_rows[0].defect is None and _is_header(valid_rows)
    if has_header:
        names = tuple(first_rows.pop(0).cells)
        return ListTable(
            "csv" if separator is None else format_name, names, names, chain(first_rows, rows)
        )
    if separator is None:
        return ListTable(format_name, (), (), chain(first_rows, rows))
    numbered = tuple(f"column_{n + 1}" for n in range(width))
    return ListTable(format_name, ("",) * width, numbered, chain(first_rows, rows))


def _sample_lines(text: DecodedText) -> list[str]:
    lines, chars = [], 0
    for line in islice((line for line in text.lines() if not is_blank(line.text)), SAMPLE_ROWS):
        lines.append(line.text)
        chars += len(line.text)
        if chars > _SNIFFED_CHARS:
            break
    return lines


def _detect_delimiter(lines: Sequence[str]) -> str | None:
    """The sign that parts most lines into the same number of cells; among several, URLs decide."""
    best_score: tuple[float, ...] = ()
    best_separator = None
    for separator in _DELIMITERS:
        rows = _split_rows(lines, separator)
        widths = Counter(map(len, rows))
        width, frequency = max(widths.items(), key=lambda each: (each[1], each[0]), default=(0, 0))
        has_header = bool(rows) and len(rows[0]) > 1 and any(map(is_column_name, rows[0]))
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
            _UNCLOSED_QUOTE if is_truncated or len(line) > RECORD_MAX_CHARS else None,
        )


class _RecordLines:
    """Lines for ``csv.reader``, remembered until the row they belong to is complete."""

    def __init__(self, lines: Iterator[TextLine]) -> None:
        self._source = lines
        self._pending: TextLine | None = None
        self.consumed: list[TextLine] = []
        self._chars = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._source) if self._pending is None else self._pending
        self._pending = None
        self.consumed.append(line)
        self._chars += len(line.text)
        if line.is_truncated or self._chars > RECORD_MAX_CHARS:
            raise _RecordTooLong
        return line.text

    def start_record(self, first: TextLine) -> None:
        """Forget the row that is complete; the next one begins with ``first_rows``."""
        self._pending = first
        self.consumed = []
        self._chars = 0


class _RecordTooLong(Exception):
    """A row longer than a row may be."""


def _read_delimited(text: DecodedText, separator: str) -> Iterator[ListRow]:
    lines = text.lines()
    record_lines = _RecordLines(lines)
    reader = csv.reader(record_lines, delimiter=separator, strict=True)
    for line in lines:
        if '"' not in line.text and len(line.text) <= RECORD_MAX_CHARS:
            # Most lines: what the reader would make of them, in a third of the time.
            if not is_blank(line.text):
                yield ListRow(line.number, line.text.rstrip("\r\n").split(separator))
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
        if is_truncated or len(line) > RECORD_MAX_CHARS:
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
