"""One avatar of a montage: its thumbnail in a square, the marks over it, two lines beneath."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from PIL import ImageDraw

from app.evidence import Outcome, Verdict
from app.face.alignment import Box
from app.image.picture import DecodeLimits, Picture, decode
from app.render import analysis_text, cohort_text, shapes
from app.render.eye_template import Template
from app.render.shapes import Canvas
from app.render.style import (
    FAINT_INK,
    INK,
    IRIS,
    RULE,
    STAGE,
    TEMPLATE_EYE,
    VERDICT,
    VERDICT_DOT,
    Stroke,
)
from app.render.text_layout import TextStyle, font, is_legible, shortened, wrap

TILE_PX: Final = 176
CELL_PX: Final = (192, 238)
"""A tile with its caption and the room around it."""

_FRAME: Final = {Verdict.LIKELY_GENERATED: 4, Verdict.INCONCLUSIVE: 2}
_RING_PX: Final = 9.0
_RING: Final = Stroke(TEMPLATE_EYE.colour, 2)
_IRIS_PX: Final = 2.0
_NAME: Final = TextStyle(16, INK)
_SAYS: Final = TextStyle(16, INK, 0.3)
_PLAIN: Final = TextStyle(16, FAINT_INK, max_lines=4)
_DOT_ROOM_PX: Final = 18
# Thumbnails are ours, and still they come out of a store: nothing large is unpacked.
_LIMITS: Final = DecodeLimits(max_bytes=200_000, max_pixels=1 << 20, max_side_px=1024)


@dataclass(frozen=True)
class Tile:
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
    def scored(self) -> bool:
        return not self.error and self.outcome is Outcome.SCORED


def draw_tile(canvas: Canvas, corner: tuple[int, int], tile: Tile, template: Template) -> None:
    """Thumbnail and marks with the tile's left top ``corner`` here; all but the letters."""
    left, top = corner
    box = Box(left, top, left + TILE_PX, top + TILE_PX)
    thick = _FRAME.get(tile.verdict, 1) if tile.scored else 1
    frame = Box(box.left - thick, box.top - thick, box.right + thick, box.bottom + thick)
    shapes.fill_box(canvas, frame, VERDICT[tile.verdict] if thick > 1 else RULE)
    shapes.fill_box(canvas, box, STAGE)
    if tile.thumbnail:
        avatar = _draw_avatar(canvas, box, decode(tile.thumbnail, _LIMITS))
        _draw_eyes(canvas, box, avatar, tile, template)
    at = np.array([left + 7.0, top + TILE_PX + 37.0])
    shapes.dot(canvas, at, 5.0, VERDICT[tile.verdict], VERDICT_DOT[tile.verdict], ())


def draw_captions(draw: ImageDraw.ImageDraw, corner: tuple[int, int], tile: Tile) -> None:
    """The name and what was found, beneath; what went wrong, where the picture would be."""
    left, top = corner
    line = top + TILE_PX + 17
    number = f"{tile.seq} "
    room = TILE_PX - font(_NAME.size_px).getlength(number)
    draw.text((left, line), number, FAINT_INK, font(_NAME.size_px), anchor="lm")
    legible = tile.name if is_legible(tile.name) else "(in another script)"
    name = shortened(legible, _NAME, room)
    draw.text((left + TILE_PX - room, line), name, INK, font(_NAME.size_px), anchor="lm")
    style = _SAYS if tile.scored else _PLAIN
    says = shortened(_says(tile), style, TILE_PX - _DOT_ROOM_PX)
    draw.text(
        (left + _DOT_ROOM_PX, line + 20),
        says,
        style.colour,
        font(style.size_px),
        anchor="lm",
        stroke_width=style.stroke_px,
    )
    if not tile.thumbnail:
        _write_across(draw, corner, tile.error or "no thumbnail was kept")


def _says(tile: Tile) -> str:
    if tile.error:
        return "not read"
    if not tile.scored:
        return cohort_text.WHY_NOT.get(str(tile.outcome), cohort_text.WORD[tile.verdict])
    word = cohort_text.SHORT[tile.verdict]
    return f"{analysis_text.signed(tile.llr)} {word}{f', {tile.note}' if tile.note else ''}"


def _draw_avatar(canvas: Canvas, box: Box, picture: Picture) -> Box:
    """The picture as large as the tile holds, in its middle; where it lies."""
    scale = TILE_PX / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    left, top = int(box.left) + (TILE_PX - width) // 2, int(box.top) + (TILE_PX - height) // 2
    how = cv2.INTER_LINEAR_EXACT if scale > 1.0 else cv2.INTER_AREA
    canvas[top : top + height, left : left + width] = cv2.resize(
        picture.rgb, (width, height), interpolation=how
    )
    return Box(left, top, left + width, top + height)


def _draw_eyes(canvas: Canvas, box: Box, avatar: Box, tile: Tile, template: Template) -> None:
    origin, size = np.array([avatar.left, avatar.top]), np.array([avatar.width, avatar.height])
    for eye in template.centres * size + origin:
        shapes.crosshair_ring(canvas, eye, _RING_PX, _RING, shapes.SLIM)
    if tile.eyes is None:
        return
    edge = _IRIS_PX + 1.0
    for eye in np.reshape(tile.eyes, (2, 2)) * size + origin:
        if box.left + edge < eye[0] < box.right - edge and (
            box.top + edge < eye[1] < box.bottom - edge
        ):
            shapes.dot(canvas, eye, _IRIS_PX, IRIS, "disc", shapes.SLIM)


def _write_across(draw: ImageDraw.ImageDraw, corner: tuple[int, int], text: str) -> None:
    lines = wrap(text, _PLAIN, TILE_PX - 20)
    first = corner[1] + TILE_PX / 2 - (len(lines) - 1) * _PLAIN.line_px / 2
    for number, line in enumerate(lines):
        at = (corner[0] + TILE_PX / 2, first + number * _PLAIN.line_px)
        draw.text(at, line, INK, font(_PLAIN.size_px), anchor="mm")
