"""Bytes → text → lines: the encoding is known before the first line, and no line is unbounded."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from app.errors import ListUnreadable
from app.lists.byte_stream import Opener

LINE_MAX_CHARS: Final = 1 << 21
"""A line may hold a platform's whole page of accounts, but not a whole file."""

_CHUNK_CHARS: Final = 1 << 16
_LINE_ENDS: Final = ("\n", "\r")
_BLANK_LINES_MAX: Final = 1_000_000
_BYTE_ORDER_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_NAN_WORDS: Final = (b"NaN", b"Infinity")
_CUT_CHARACTER: Final = re.compile(
    rb"[\xe0-\xef][\x80-\xbf](?![\x80-\xbf])|[\xf0-\xf4][\x80-\xbf]{1,2}(?![\x80-\xbf])"
)
"""The beginning of a character of three or four bytes, as tools leave it that cut at a length."""
_CONTROL_CHARS: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x19\x1b-\x1f]")


class TextLine(NamedTuple):
    """A line with its end. ``number``: from 1. ``is_truncated``: it was longer than allowed."""

    number: int
    text: str
    is_truncated: bool = False


class DecodedText:
    """A list's text, from the beginning as often as it is asked for.

    ``has_nan``: whether "NaN" or "Infinity" stands anywhere in it. ``replaced``: how many broken
    byte sequences are shown as U+FFFD.
    """

    def __init__(
        self, opener: Opener, encoding: str, *, has_nan: bool = False, replaced: int = 0
    ) -> None:
        self._opener = opener
        self.encoding = encoding
        self.has_nan = has_nan
        self.replaced = replaced

    def open(self) -> io.TextIOWrapper:
        errors = "replace" if self.replaced else "strict"
        return io.TextIOWrapper(self._opener(), encoding=self.encoding, errors=errors, newline="")

    def read_head(self, chars: int) -> str:
        return self.open().read(chars)

    def utf8_chunks(self) -> Iterator[bytes]:
        """The text in UTF-8, without a byte order mark, in pieces."""
        return (chunk.encode() for chunk in self.chunks())

    def chunks(self) -> Iterator[str]:
        """The text in pieces."""
        text = self.open()
        while chunk := text.read(_CHUNK_CHARS):
            yield chunk

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
            if line.isspace() and is_blank(line):
                blank_count += 1
                if blank_count > _BLANK_LINES_MAX:
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

    A few broken bytes in UTF-8 do not make it Windows-1252: only they are replaced. Raises
    ``ListUnreadable`` for what is no text; ``TooLarge`` before the first line is read.
    """
    head = opener().read(4)
    bom_encoding = next(
        (name for mark, name in _BYTE_ORDER_MARKS.items() if head.startswith(mark)), None
    )
    for encoding in (bom_encoding,) if bom_encoding else ("utf-8", "cp1252"):
        scan = _scan(opener, encoding)
        if scan.is_decodable or scan.is_damaged_utf8:
            replaced = 0 if scan.is_decodable else scan.broken
            text = DecodedText(opener, encoding, has_nan=scan.has_nan, replaced=replaced)
            if _CONTROL_CHARS.search(text.read_head(_CHUNK_CHARS // 4)):
                break
            return text
    raise ListUnreadable(
        "This is neither text in UTF-8, UTF-16 or Windows-1252, nor an archive or picture that "
        "is read here; send CSV, TSV, JSON, NDJSON, one URL a line, a zip or a tar."
    )


@dataclass
class _Scan:
    """A text read once through. ``broken``: byte sequences that are not in its encoding."""

    is_decodable: bool = True
    has_nan: bool = False
    whole: int = 0
    cut: int = 0
    broken: int = 0

    @property
    def is_damaged_utf8(self) -> bool:
        """Whether most of what is not ASCII is UTF-8: whole characters, or ones that were cut."""
        return self.whole + self.cut > 0 and self.whole + 2 * self.cut > self.broken


def _scan(opener: Opener, encoding: str) -> _Scan:
    scan = _Scan()
    decoder = codecs.getincrementaldecoder(encoding)()
    source, tail = opener(), b""
    try:
        while chunk := source.read(_CHUNK_CHARS):
            decoder.decode(chunk)
            if not scan.has_nan:
                scan.has_nan = any(word in tail + chunk for word in _NAN_WORDS)
                tail = chunk[-8:]
        decoder.decode(b"", final=True)
    except UnicodeError:
        scan.is_decodable = False
        if encoding.startswith("utf-8"):
            _count_broken(opener, scan)
    return scan


def _count_broken(opener: Opener, scan: _Scan) -> None:
    """Count the whole, the cut and the broken characters of a text that is not quite UTF-8."""
    source = opener()
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    data = b" "
    while data:
        data = source.read(_CHUNK_CHARS)
        text = decoder.decode(data, final=not data)
        broken = text.count("\ufffd") - data.count("\ufffd".encode())
        scan.broken += broken
        scan.whole += len(text) - len(text.encode("ascii", "ignore")) - broken
        scan.cut += len(_CUT_CHARACTER.findall(data))
        scan.has_nan = scan.has_nan or any(word in data for word in _NAN_WORDS)


def _skip_line(text: io.TextIOWrapper) -> None:
    """The rest of a line that is too long."""
    while (rest := text.readline(LINE_MAX_CHARS)) and not rest.endswith(_LINE_ENDS):
        pass
