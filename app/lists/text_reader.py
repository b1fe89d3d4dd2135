"""Bytes → text → lines: the encoding is settled before the first line, no line is unbounded."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from app.errors import ListUnreadable
from app.lists.byte_stream import Opener

LINE_MAX_CHARS: Final = 1 << 23
"""A line may hold a platform's whole page of accounts, but not a whole file."""

_PIECE: Final = 1 << 18
_ENDS: Final = ("\n", "\r")
_BLANKS_MAX: Final = 1_000_000
_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x19\x1b-\x1f]")


class Line(NamedTuple):
    """A line with its end. ``number``: 1 is the first. ``cut``: it was longer than allowed."""

    number: int
    text: str
    cut: bool = False


class Text:
    """A list's text, from the beginning as often as it is asked for."""

    def __init__(self, opener: Opener, encoding: str) -> None:
        self._opener = opener
        self.encoding = encoding

    def open(self) -> io.TextIOWrapper:
        return io.TextIOWrapper(self._opener(), encoding=self.encoding, newline="")

    def head(self, chars: int) -> str:
        return self.open().read(chars)

    def pieces(self) -> Iterator[bytes]:
        """The text in UTF-8, without a byte order mark, in pieces."""
        text = self.open()
        while piece := text.read(_PIECE):
            yield piece.encode()

    def lines(self) -> Iterator[Line]:
        r"""Every line, whether it ends in ``\n``, ``\r\n`` or ``\r``; NUL becomes U+FFFD.

        Raises ``ListUnreadable`` where blank lines have no end: nothing else bounds them.
        """
        text, number, blanks, cut = self.open(), 0, 0, False
        while True:
            if cut:
                _pass_over(text)
            if not (line := text.readline(LINE_MAX_CHARS)):
                return
            number += 1
            if is_blank(line) and (blanks := blanks + 1) > _BLANKS_MAX:
                raise ListUnreadable(f"There are more than {_BLANKS_MAX} blank lines in this list.")
            cut = len(line) == LINE_MAX_CHARS and not line.endswith(_ENDS)
            yield Line(number, line.replace("\x00", "\ufffd") if "\x00" in line else line, cut)


def is_blank(line: str) -> bool:
    """Whether there is nothing in a line; tabs are something: they part empty cells."""
    return line.isspace() and not line.strip(" \r\n")


def open_text(opener: Opener) -> Text:
    """The text behind ``opener``: UTF-8, UTF-16 with its mark, or else Windows-1252.

    Raises ``ListUnreadable`` for what is no text; ``TooLarge`` before the first line is read.
    """
    head = opener().read(4)
    marked = next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)
    for encoding in (marked,) if marked else ("utf-8", "cp1252"):
        if _decodes(opener, encoding):
            text = Text(opener, encoding)
            if _CONTROL.search(text.head(_PIECE // 4)):
                break
            return text
    raise ListUnreadable(
        "This is neither text in UTF-8, UTF-16 or Windows-1252, nor an archive or picture that "
        "is read here; send CSV, TSV, JSON, NDJSON, one URL a line, a zip or a tar."
    )


def _decodes(opener: Opener, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    source = opener()
    try:
        while piece := source.read(_PIECE):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True


def _pass_over(text: io.TextIOWrapper) -> None:
    """The rest of a line that is too long."""
    while (rest := text.readline(LINE_MAX_CHARS)) and not rest.endswith(_ENDS):
        pass
