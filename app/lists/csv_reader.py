"""CSV, TSV and one URL a line → rows: which sign parts cells, whether the first row is names."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Final

from app.errors import ListUnreadable
from app.fetch.avatar_urls import is_url
from app.lists.columns import SAMPLE_ROWS, Row, Table, is_known
from app.lists.text_reader import Line, Text, is_blank

COLUMNS_MAX: Final = 1000
RECORD_MAX_CHARS: Final = 1 << 20
"""A row, line breaks within quotation marks included."""

_DELIMITERS: Final = ("\t", ";", ",")
_CONSISTENT: Final = 0.8
_SNIFFED_CHARS: Final = 1 << 18
_UNCLOSED: Final = "begins a quotation that does not end, or is longer than a row may be."


def read_table(text: Text, delimiter: str | None = None) -> Table:
    """The rows of delimited text. ``delimiter``: if the sender named it.

    Raises ``ListUnreadable`` for more columns than a list has.
    """
    sample = _sample(text)
    sign = delimiter or _delimiter(sample)
    rows = _delimited(text, sign) if sign else _undelimited(text)
    first = list(islice(rows, SAMPLE_ROWS))
    good = [row.cells for row in first if row.complaint is None]
    width = max(map(len, good), default=0)
    if width > COLUMNS_MAX:
        raise ListUnreadable(f"This list has {width} columns; send {COLUMNS_MAX} at most.")
    kind = {"\t": "tsv", None: "urls"}.get(sign, "csv")
    headed = bool(first) and first[0].complaint is None and _is_header(good)
    if headed:
        names = tuple(first.pop(0).cells)
        return Table("csv" if sign is None else kind, names, names, chain(first, rows))
    if sign is None:
        return Table(kind, (), (), chain(first, rows))
    numbered = tuple(f"column_{n + 1}" for n in range(width))
    return Table(kind, ("",) * width, numbered, chain(first, rows))


def _sample(text: Text) -> list[str]:
    lines, chars = [], 0
    for line in islice((line for line in text.lines() if not is_blank(line.text)), SAMPLE_ROWS):
        lines.append(line.text)
        chars += len(line.text)
        if chars > _SNIFFED_CHARS:
            break
    return lines


def _delimiter(lines: Sequence[str]) -> str | None:
    """The sign that parts most lines into the same number of cells; among several, URLs decide."""
    best: tuple[float, ...] = ()
    found = None
    for sign in _DELIMITERS:
        rows = _split(lines, sign)
        widths = Counter(map(len, rows))
        width, often = max(widths.items(), key=lambda each: (each[1], each[0]), default=(0, 0))
        headed = bool(rows) and len(rows[0]) > 1 and any(map(is_known, rows[0]))
        if not headed and (width < 2 or often < _CONSISTENT * len(rows)):
            continue
        whole = sum(is_url(cell) for row in rows for cell in row)
        score = (whole, headed, often, width)
        if not best or score > best:
            best, found = score, sign
    return found


def _split(lines: Sequence[str], sign: str) -> list[list[str]]:
    try:
        return [row for row in csv.reader(lines, delimiter=sign) if row]
    except csv.Error:
        return [line.split(sign) for line in lines]


def _is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: it holds no URL, and looks like names."""
    first = [cell.strip() for cell in rows[0]]
    if any(map(is_url, first)):
        return False
    if any(map(is_known, first)):
        return True
    names = len(first) > 1 and all(first) and len(set(first)) == len(first)
    return names and (len(rows) == 1 or any(is_url(cell) for row in rows[1:] for cell in row))


def _undelimited(text: Text) -> Iterator[Row]:
    for number, line, cut in text.lines():
        if not (cell := line.strip()):
            continue
        if len(cell) > 1 and cell[0] == cell[-1] == '"':
            cell = cell[1:-1].replace('""', '"')
        yield Row(number, (cell,), _UNCLOSED if cut or len(line) > RECORD_MAX_CHARS else None)


class _Feed:
    """Lines for ``csv.reader``, remembered until the row they belong to is complete."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._first: Line | None = None
        self.taken: list[Line] = []
        self._chars = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines) if self._first is None else self._first
        self._first = None
        self.taken.append(line)
        self._chars += len(line.text)
        if line.cut or self._chars > RECORD_MAX_CHARS:
            raise _Overlong
        return line.text

    def begin(self, first: Line) -> None:
        """Forget the row that is complete; the next one begins with ``first``."""
        self._first = first
        self.taken = []
        self._chars = 0


class _Overlong(Exception):
    """A row longer than a row may be."""


def _delimited(text: Text, sign: str) -> Iterator[Row]:
    lines = text.lines()
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=sign, strict=True)
    for line in lines:
        if '"' not in line.text and len(line.text) <= RECORD_MAX_CHARS:
            # Most lines: what the reader would make of them, in a third of the time.
            if not is_blank(line.text):
                yield Row(line.number, line.text.rstrip("\r\n").split(sign))
            continue
        feed.begin(line)
        try:
            yield Row(line.number, next(reader))
        except (csv.Error, _Overlong):
            yield from _apart(feed.taken, sign)


def _apart(lines: Sequence[Line], sign: str) -> Iterator[Row]:
    """Each line for itself, where together they made no row: one bad quote loses one line.

    None is joined with others again: that could take as long as the square of their number.
    """
    for number, line, cut in lines:
        if is_blank(line):
            continue
        if cut or len(line) > RECORD_MAX_CHARS:
            yield Row(number, (line,), _UNCLOSED)
            continue
        try:
            yield Row(number, next(csv.reader([line], delimiter=sign, strict=True)))
        except csv.Error as error:
            # A quotation mark amid a cell is sloppy, one that is never closed is a loss.
            if "expected after" in str(error):
                yield Row(number, next(csv.reader([line], delimiter=sign)))
            else:
                yield Row(number, (line.rstrip(),), _UNCLOSED)
