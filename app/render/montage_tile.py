"""One avatar of a montage: its thumbnail in a square, the marks over it, two lines beneath."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from app.arrays import RgbArray
from app.evidence import Outcome, Verdict
from app.face.alignment import Box
from app.image.thumbnails import decode_jpeg
from app.render import analysis_text, shapes
from app.render.eye_lines import draw_eye_lines, draw_iris_ticks
from app.render.eye_template import EyeTemplate
from app.render.lettering import write_line
from app.render.shapes import Canvas
from app.render.style import (
    FAINT_INK,
    INK,
    RULE,
    SURROUND,
    VERDICT_COLOUR,
    VERDICT_DOT_SHAPE,
)
from app.render.text_layout import TextStyle, is_legible, shorten_to_width, text_width_px, wrap_text

MONTAGE_TILE_PX: Final = 176
CELL_PX: Final = (192, 238)
"""A tile with its caption and the room around it."""

_FRAME_WIDTH_PX: Final = {Verdict.LIKELY_STYLEGAN: 4, Verdict.INCONCLUSIVE: 2}
_NUMBER_STYLE: Final = TextStyle(16, FAINT_INK)
_NAME_STYLE: Final = TextStyle(16, INK)
_CAPTION_STYLE: Final = TextStyle(16, INK)
_FAINT_STYLE: Final = TextStyle(16, FAINT_INK)
_MESSAGE_STYLE: Final = TextStyle(16, INK, max_lines=4)
_DOT_WIDTH_PX: Final = 18


@dataclass(frozen=True)
class MontageTile:
    """What a montage shows of one item of a list.

    ``name``: as people know it (its id or source), of any length and in any script. ``thumbnail``:
    JPEG of the picture as it is, empty if there is none. ``eyes``: iris centres (left x, left y,
    right x, right y), unit coordinates of the picture. ``error``: why there is no analysis, in a
    few words; the verdict is then ``not_applicable``. ``note``: a word more ("zoomed").
    """

    seq: int
    name: str
    verdict: Verdict = Verdict.NOT_APPLICABLE
    outcome: Outcome | None = None
    llr: float = 0.0
    thumbnail: bytes = b""
    eyes: tuple[float, float, float, float] | None = None
    error: str = ""
    note: str = ""

    @property
    def is_scored(self) -> bool:
        return not self.error and self.outcome is Outcome.SCORED


def draw_tile(
    canvas: Canvas, corner: tuple[int, int], tile: MontageTile, template: EyeTemplate | None
) -> None:
    """Thumbnail and lines with the tile's left top ``corner`` here; all but the letters.

    Without a ``template`` nothing is drawn over the thumbnail.
    """
    left, top = corner
    box = Box(left, top, left + MONTAGE_TILE_PX, top + MONTAGE_TILE_PX)
    frame_px = _FRAME_WIDTH_PX.get(tile.verdict, 1) if tile.is_scored else 1
    frame = Box(
        box.left - frame_px, box.top - frame_px, box.right + frame_px, box.bottom + frame_px
    )
    shapes.fill_box(canvas, frame, VERDICT_COLOUR[tile.verdict] if frame_px > 1 else RULE)
    shapes.fill_box(canvas, box, SURROUND)
    if tile.thumbnail:
        avatar = _draw_avatar(canvas, box, decode_jpeg(tile.thumbnail))
        if template is not None:
            draw_eye_lines(canvas, avatar, template)
            if tile.eyes is not None:
                draw_iris_ticks(canvas, avatar, np.reshape(tile.eyes, (2, 2)))
    dot_centre = np.array([left + 7.0, top + MONTAGE_TILE_PX + 37.0])
    shapes.draw_dot(
        canvas, dot_centre, 5.0, VERDICT_COLOUR[tile.verdict], VERDICT_DOT_SHAPE[tile.verdict], ()
    )


def write_captions(canvas: Canvas, corner: tuple[int, int], tile: MontageTile) -> None:
    """The name and what was found, beneath; what went wrong, where the picture would be."""
    left, top = corner
    line = top + MONTAGE_TILE_PX + 17
    number = f"{tile.seq} "
    name_width = MONTAGE_TILE_PX - text_width_px(number, _NUMBER_STYLE)
    write_line(canvas, (left, line), number, _NUMBER_STYLE)
    legible = tile.name if is_legible(tile.name) else "(in another script)"
    name = shorten_to_width(legible, _NAME_STYLE, name_width)
    write_line(canvas, (left + MONTAGE_TILE_PX - name_width, line), name, _NAME_STYLE)
    style = _CAPTION_STYLE if tile.is_scored else _FAINT_STYLE
    caption = shorten_to_width(_caption(tile), style, MONTAGE_TILE_PX - _DOT_WIDTH_PX)
    write_line(canvas, (left + _DOT_WIDTH_PX, line + 20), caption, style)
    if not tile.thumbnail:
        _write_message(canvas, corner, tile.error or "no thumbnail stored")


def _caption(tile: MontageTile) -> str:
    if tile.error:
        return "could not be read"
    if not tile.is_scored:
        return analysis_text.UNSCORED_REASON.get(
            str(tile.outcome), analysis_text.VERDICT_LABEL[tile.verdict]
        )
    label = analysis_text.VERDICT_SHORT_LABEL[tile.verdict]
    return f"{analysis_text.format_llr(tile.llr)} {label}{f', {tile.note}' if tile.note else ''}"


def _draw_avatar(canvas: Canvas, box: Box, rgb: RgbArray) -> Box:
    """The picture as large as the tile holds, in its middle; where it lies."""
    scale = MONTAGE_TILE_PX / max(rgb.shape[:2])
    height, width = (max(1, round(side * scale)) for side in rgb.shape[:2])
    left, top = (
        int(box.left) + (MONTAGE_TILE_PX - width) // 2,
        int(box.top) + (MONTAGE_TILE_PX - height) // 2,
    )
    interpolation = cv2.INTER_LINEAR_EXACT if scale > 1.0 else cv2.INTER_AREA
    canvas[top : top + height, left : left + width] = cv2.resize(
        rgb, (width, height), interpolation=interpolation
    )
    return Box(left, top, left + width, top + height)


def _write_message(canvas: Canvas, corner: tuple[int, int], text: str) -> None:
    lines = wrap_text(text, _MESSAGE_STYLE, MONTAGE_TILE_PX - 20)
    first = corner[1] + MONTAGE_TILE_PX / 2 - (len(lines) - 1) * _MESSAGE_STYLE.line_px / 2
    for number, line in enumerate(lines):
        position = (corner[0] + MONTAGE_TILE_PX / 2, first + number * _MESSAGE_STYLE.line_px)
        write_line(canvas, position, line, _MESSAGE_STYLE, "middle")
