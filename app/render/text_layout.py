"""Letters: the font, lines that fit, and rows stacked into a column.

The font is Aileron (CC0), which Pillow itself carries: no file to ship, no dependency that might
be slimmed away, the same letters on every machine. It knows ASCII and a few signs more; what it
does not know is spelled with what it knows, so that no empty boxes appear.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from PIL import ImageFont

from app.face.alignment import Box
from app.render.shapes import Canvas
from app.render.style import FAINT_INK, INK, Colour

Painter = Callable[[Canvas, Box], None]

_LINE_HEIGHT: Final = 1.32
_ELLIPSIS: Final = "…"
_MAX_NAME_CHARS: Final = 160
"""Characters of a name that are considered: strangers may make a name of any length."""
_SCRIPT_SAMPLE_CHARS: Final = 64
"""Characters of a name by which its script is judged."""
_EXTRA_GLYPHS: Final = "«°±·»‘’“”…"
_TRANSLITERATION: Final = str.maketrans(
    {"−": "-", "–": "-", "—": "-", "×": "x", "÷": "/", "≈": "about ", "≤": "<=", "≥": ">="}
)


@dataclass(frozen=True)
class TextStyle:
    """Aileron comes in one weight here: headings differ by their size."""

    size_px: int
    colour: Colour = INK
    max_lines: int = 6

    @property
    def line_px(self) -> int:
        return round(self.size_px * _LINE_HEIGHT)


TITLE: Final = TextStyle(34)
HEADING: Final = TextStyle(24)
BODY: Final = TextStyle(20)
SMALL: Final = TextStyle(17, FAINT_INK)


@dataclass(frozen=True)
class TextRow:
    """A paragraph, with a symbol before it or (``symbol_px`` as wide as the column) above it."""

    text: str = ""
    style: TextStyle = BODY
    symbol: Painter | None = None
    symbol_px: tuple[int, int] = (0, 0)
    space_above_px: int = 10
    right_text: str = ""
    """Written at the right end of the first line; the text must leave room for it."""


@dataclass(frozen=True)
class PlacedRow:
    """A row with its lines broken and its two boxes on the canvas; the boxes never overlap."""

    row: TextRow
    lines: tuple[str, ...]
    text: Box
    symbol: Box | None

    @property
    def bottom(self) -> float:
        return max(self.text.bottom, self.symbol.bottom if self.symbol else 0.0)


@lru_cache(maxsize=16)
def load_font(size_px: int) -> ImageFont.FreeTypeFont:
    """Pillow's own Aileron at ``size_px``. Raises ``RuntimeError`` where Pillow lacks FreeType."""
    loaded = ImageFont.load_default(size_px)
    if not isinstance(loaded, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow was built without FreeType: letters cannot be drawn")
    return loaded


@lru_cache(maxsize=4096)
def text_width_px(text: str, style: TextStyle) -> float:
    """How wide one line of ``text`` is drawn."""
    return load_font(style.size_px).getlength(text)


def transliterate(text: str) -> str:
    """``text`` on one line, in characters that the font knows."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    plain = " ".join(unicodedata.normalize("NFKD", text.translate(_TRANSLITERATION)).split())
    base_chars = (c for c in plain if not unicodedata.combining(c))
    glyphs = (c if " " <= c <= "~" or c in _EXTRA_GLYPHS else "?" for c in base_chars)
    return " ".join("".join(glyphs).split())


def is_legible(name: str) -> bool:
    """Whether no more than a third of ``name`` is in letters that the font lacks."""
    start = name[:_SCRIPT_SAMPLE_CHARS]
    unknown = transliterate(start).count("?") - start.count("?")
    return 3 * unknown <= len(start)


def wrap_text(text: str, style: TextStyle, room_px: float) -> tuple[str, ...]:
    """``text`` broken into lines at most ``room_px`` wide, at most ``style.max_lines`` of them.

    A word wider than the room is broken; a text longer than the lines ends in an ellipsis.
    """
    lines: list[str] = []
    for word in _split_words(transliterate(text), style, room_px):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width_px(longer, style) <= room_px:
            lines[-1] = longer
        elif len(lines) == style.max_lines:
            lines[-1] = _add_ellipsis(lines[-1], style, room_px)
            break
        else:
            lines.append(word)
    return tuple(lines)


def shorten_to_width(text: str, style: TextStyle, room_px: float) -> str:
    """``text`` on one line at most ``room_px`` wide; a longer one loses its middle.

    Names in a list often differ only at their ends: a handle's number, a file's name behind a
    long path.
    """
    plain = transliterate(text[:_MAX_NAME_CHARS])
    if len(text) <= _MAX_NAME_CHARS and text_width_px(plain, style) <= room_px:
        return plain
    plain = f"{plain[: _MAX_NAME_CHARS // 2]}{transliterate(text[-_MAX_NAME_CHARS // 2 :])}"
    # Halving, not one letter at a time: three hundred names stand on a page.
    low, high = 0, len(plain)
    while low < high:
        length = (low + high + 1) // 2
        if text_width_px(_keep_ends(plain, length), style) <= room_px:
            low = length
        else:
            high = length - 1
    return _keep_ends(plain, low)


def _keep_ends(text: str, length: int) -> str:
    """The first and the last of ``text``, ``length`` characters in all."""
    return f"{text[: (length + 1) // 2]}{_ELLIPSIS}{text[len(text) - length // 2 :]}"


def stack_rows(rows: Iterable[TextRow], column: Box, gutter_px: int) -> tuple[PlacedRow, ...]:
    """Rows one below the other from the top of ``column``; as tall as they need to be."""
    placed_rows: list[PlacedRow] = []
    top = column.top
    for row in rows:
        top += row.space_above_px if placed_rows else 0
        placed_rows.append(_place_row(row, Box(column.left, top, column.right, top), gutter_px))
        top = placed_rows[-1].bottom
    return tuple(placed_rows)


def _place_row(row: TextRow, slot: Box, gutter_px: int) -> PlacedRow:
    width, height = row.symbol_px
    above = row.symbol is not None and width >= slot.width
    indent = 0 if row.symbol is None or above else gutter_px
    lines = wrap_text(row.text, row.style, slot.width - indent)
    first = slot.top + (height if above else 0)
    # A symbol stands level with the first line, whichever of the two is taller.
    drop = 0.0 if above else max(0.0, (height - row.style.line_px) / 2)
    text = Box(
        slot.left + indent,
        first + drop,
        slot.right,
        first + drop + len(lines) * row.style.line_px,
    )
    if row.symbol is None:
        return PlacedRow(row, lines, text, None)
    level = slot.top if above else text.top + row.style.line_px / 2 - height / 2
    symbol = Box(slot.left, level, slot.left + width, level + height)
    return PlacedRow(row, lines, text, symbol)


def _split_words(text: str, style: TextStyle, room_px: float) -> Iterable[str]:
    """The words of ``text``, those too wide for the room in parts that fit it."""
    for word in text.split():
        while text_width_px(word, style) > room_px and len(word) > 1:
            fits = 1
            while text_width_px(word[: fits + 1], style) <= room_px:
                fits += 1
            yield word[:fits]
            word = word[fits:]
        yield word


def _add_ellipsis(line: str, style: TextStyle, room_px: float) -> str:
    while line and text_width_px(line + _ELLIPSIS, style) > room_px:
        line = line[:-1]
    return line.rstrip() + _ELLIPSIS
