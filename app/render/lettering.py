"""Letters on a canvas: a word is drawn once, kept, and laid wherever it is written again.

The font's advances are whole px and it kerns nothing across a space, so a line is exactly its words
side by side. Drawings of a list say the same in nearly the same words: a word that is kept costs a
hundredth of one that is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import cv2
import numpy as np
from PIL import Image, ImageDraw

from app.arrays import GrayArray
from app.render.shapes import Canvas
from app.render.style import Colour
from app.render.text_layout import PlacedRow, TextStyle, load_font, transliterate

Anchor = Literal["left", "middle", "right"]
"""Which part of a line lies where it is written; up and down it is always the middle."""

_OPAQUE: Final = 255


@dataclass(frozen=True)
class Outline:
    """A rim around letters, for those that stand on a picture."""

    width_px: int
    colour: Colour


@dataclass(frozen=True, eq=False)
class _Ink:
    """How opaque the letters are, 0 to 255 (H, W); ``left``, ``top``: px from the pen's start.

    ``advance``: px from there to where the pen ends.
    """

    opacity: GrayArray
    left: int
    top: int
    advance: int


def write_line(
    canvas: Canvas,
    position: tuple[float, float],
    text: str,
    style: TextStyle,
    anchor: Anchor = "left",
    outline: Outline | None = None,
) -> None:
    """One line of ``text`` at ``position``, px of the canvas; what lies beyond it is cut off.

    ``text``: in characters that the font has, see ``transliterate``.
    """
    ink = _ink_of_line(text, style.size_px, 0)
    shift = {"left": 0, "middle": math.ceil(ink.advance / 2), "right": ink.advance}[anchor]
    pen = math.floor(position[0] + 0.5) - shift, math.ceil(position[1] - 0.5)
    if outline is not None:
        _lay(canvas, pen, _ink_of_line(text, style.size_px, outline.width_px), outline.colour)
    _lay(canvas, pen, ink, style.colour)


def write_rows(canvas: Canvas, rows: Iterable[PlacedRow]) -> None:
    """The lines of placed rows; their symbols are not drawn here."""
    for placed in rows:
        style, box = placed.row.style, placed.text
        for number, line in enumerate(placed.lines):
            write_line(canvas, (box.left, box.top + (number + 0.5) * style.line_px), line, style)
        if placed.row.right_text:
            text = transliterate(placed.row.right_text)
            write_line(canvas, (box.right, box.top + style.line_px / 2), text, style, "right")


def _ink_of_line(text: str, size_px: int, rim_px: int) -> _Ink:
    """The words of ``text`` side by side."""
    space = _draw_word(" ", size_px, rim_px).advance
    pen = 0
    placed: list[tuple[int, _Ink]] = []  # with the px from the line's start to the left edge
    for word in text.split(" "):
        if word:
            ink = _draw_word(word, size_px, rim_px)
            placed.append((pen + ink.left, ink))
            pen += ink.advance
        pen += space
    advance = pen - space
    if not placed:
        return _Ink(np.zeros((0, 0), np.uint8), 0, 0, advance)
    left = min(x for x, _ in placed)
    top = min(ink.top for _, ink in placed)
    right = max(x + ink.opacity.shape[1] for x, ink in placed)
    bottom = max(ink.top + ink.opacity.shape[0] for _, ink in placed)
    line = np.zeros((bottom - top, right - left), np.uint8)
    for x, ink in placed:
        height, width = ink.opacity.shape
        part = line[ink.top - top :, x - left :][:height, :width]
        np.maximum(part, ink.opacity, out=part)  # rims of neighbours meet
    return _Ink(line, left, top, advance)


@lru_cache(maxsize=1024)
def _draw_word(word: str, size_px: int, rim_px: int) -> _Ink:
    """``word`` as the font draws it, its pen starting left, at half the height of the line."""
    font = load_font(size_px)
    room = size_px + rim_px
    size = math.ceil(font.getlength(word)) + 2 * room, 2 * room + size_px
    image = Image.new("L", size)
    origin = room, size[1] // 2
    ImageDraw.Draw(image).text(
        origin, word, _OPAQUE, font, anchor="lm", stroke_width=rim_px, stroke_fill=_OPAQUE
    )
    box = image.getbbox() or (*origin, *origin)
    opacity = np.asarray(image.crop(box))
    opacity.setflags(write=False)
    return _Ink(opacity, box[0] - origin[0], box[1] - origin[1], round(font.getlength(word)))


def _lay(canvas: Canvas, pen: tuple[int, int], ink: _Ink, colour: Colour) -> None:
    """Blend ``colour`` into the canvas as far as ``ink`` is opaque."""
    x, y = pen[0] + ink.left, pen[1] + ink.top
    opacity = ink.opacity[max(0, -y) :, max(0, -x) :]
    part = canvas[max(0, y) :, max(0, x) :][: opacity.shape[0], : opacity.shape[1]]
    opacity = opacity[: part.shape[0], : part.shape[1]]
    if opacity.size == 0:
        return
    rows = part.reshape(part.shape[0], -1)  # two dimensions: operations run along whole rows
    share = cv2.merge([opacity] * 3).reshape(rows.shape).astype(np.uint16)
    pattern = np.tile(np.array(colour, np.uint16), part.shape[1])
    # Exact division by 255, rounded, within 16 bits.
    mixed = rows * (_OPAQUE - share) + pattern * share + 128
    part[:] = ((mixed + (mixed >> 8)) >> 8).reshape(part.shape)
