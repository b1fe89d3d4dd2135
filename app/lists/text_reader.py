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

_CHUNK_CHARS: Final = 1 << 18
_LINE_ENDS: Final = ("\n", "\r")
_BLANK_LINES_MAX: Final = 1_000_000
_BYTE_ORDER_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_CONTROL_CHARS: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x19\x1b-\x1f]")


class TextLine(NamedTuple):
    """A line with its end. ``number``: from 1. ``is_truncated``: it was longer than allowed."""

    number: int
    text: str
    is_truncated: bool = False


class DecodedText:
    """A list's text, from the beginning as often as it is asked for."""

    def __init__(self, opener: Opener, encoding: str) -> None:
        self._opener = opener
        self.encoding = encoding

    def open(self) -> io.TextIOWrapper:
        return io.TextIOWrapper(self._opener(), encoding=self.encoding, newline="")

    def read_head(self, chars: int) -> str:
        return self.open().read(chars)

    def utf8_chunks(self) -> Iterator[bytes]:
        """The text in UTF-8, without a byte order mark, in pieces."""
        text = self.open()
        while chunk := text.read(_CHUNK_CHARS):
            yield chunk.encode()

    def lines(self) -> Iterator[TextLine]:
        r"""Every line, whether it ends in ``\n``, ``\r\n`` or ``\r``; NUL becomes U+FFFD.

        Raises ``ListUnreadable`` where blank lines have no end: nothing else bounds them.
        """
        text, number, blank_count, is_truncated = self.open(), 0, 0, False
        while True:
            if is_truncated:
                _skip_line(text)
            if not (line := text.readline(LINE_MAX_CHARS)):
                return
            number += 1
            if is_blank(line) and (blank_count := blank_count + 1) > _BLANK_LINES_MAX:
                raise ListUnreadable(
                    f"There are more than {_BLANK_LINES_MAX} blank lines in this list."
                )
            is_truncated = len(line) == LINE_MAX_CHARS and not line.endswith(_LINE_ENDS)
            yield TextLine(
                number, line.replace("\x00", "\ufffd") if "\x00" in line else line, is_truncated
            )


def is_blank(line: str) -> bool:
    """Whether there is nothing in a line; tabs are something: they part empty cells."""
    return line.isspace() and not line.strip(" \r\n")


def open_text(opener: Opener) -> DecodedText:
    """The text behind ``opener``: UTF-8, UTF-16 with its mark, or else Windows-1252.

    Raises ``ListUnreadable`` for what is no text; ``TooLarge`` before the first line is read.
    """
    head = opener().read(4)
    bom_encoding = next(
        (name for mark, name in _BYTE_ORDER_MARKS.items() if head.startswith(mark)), None
    )
    for encoding in (bom_encoding,) if bom_encoding else ("utf-8", "cp1252"):
        if _is_decodable(opener, encoding):
            text = DecodedText(opener, encoding)
            if _CONTROL_CHARS.search(text.read_head(_CHUNK_CHARS // 4)):
                break
            return text
    raise ListUnreadable(
        "This is neither text in UTF-8, UTF-16 or Windows-1252, nor an archive or picture that "
        "is read here; send CSV, TSV, JSON, NDJSON, one URL a line, a zip or a tar."
    )


def _is_decodable(opener: Opener, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    source = opener()
    try:
        while chunk := source.read(_CHUNK_CHARS):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True


def _skip_line(text: io.TextIOWrapper) -> None:
    """The rest of a line that is too long."""
    while (rest := text.readline(LINE_MAX_CHARS)) and not rest.endswith(_LINE_ENDS):
        pass
