"""The picture a moderator looks at: the avatar as it is, what was measured, and what it says.

The avatar stands at the left on a grey stage with room around it, because the crop square that a
face asks for often reaches beyond the picture; verdict, numbers and legend stand beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from app.evidence import Analysis
from app.face.alignment import Box
from app.face.face import Face
from app.image.picture import Picture
from app.render import shapes
from app.render.overlay import overlay_panel
from app.render.overlay.overlay_image import OverlayLayout, draw_overlay_image, lay_out_overlay
from app.render.png import encode_png
from app.render.shapes import Canvas
from app.render.style import BLACK, PAPER, WHITE
from app.render.text_layout import PlacedRow, draw_row, load_font, stack_rows

_FACE_NUMBER_FONT_PX: Final = 26


@dataclass(frozen=True)
class CanvasLayout:
    """Where everything goes, px of the canvas; ``size`` is (width, height)."""

    size: tuple[int, int]
    overlay: OverlayLayout
    rows: tuple[PlacedRow, ...]


def draw_overlay(picture: Picture, analysis: Analysis) -> bytes:
    """``picture`` with what ``analysis`` says of it, as PNG bytes.

    The avatar's longer side is drawn 800 px long. The same input gives the same bytes. Raises
    ``ValueError`` if the analysis is of a picture of another size.
    """
    if picture.size != analysis.size:
        raise ValueError(f"an analysis of {analysis.size} px cannot be drawn on {picture.size} px")
    layout = lay_out_canvas(analysis)
    width, height = layout.size
    canvas: Canvas = np.empty((height, width, 3), dtype=np.uint8)
    draw_overlay_image(canvas, layout.overlay, picture, analysis)
    shapes.fill_box(canvas, Box(layout.overlay.area.right, 0, width, height), PAPER)
    for row in layout.rows:
        if row.row.symbol and row.symbol:
            row.row.symbol(canvas, row.symbol)
    image = Image.fromarray(canvas)
    draw = ImageDraw.Draw(image)
    for number, face in enumerate(analysis.faces[1:], start=2):
        _draw_face_number(draw, layout.overlay, face, number)
    for row in layout.rows:
        draw_row(draw, row)
    return encode_png(np.asarray(image))


def lay_out_canvas(analysis: Analysis) -> CanvasLayout:
    """Lay out stage and panel side by side; the canvas is as tall as the taller of them."""
    left = lay_out_overlay(analysis.size, analysis, 0).area.right + overlay_panel.PADDING_PX
    column = Box(
        left, overlay_panel.PADDING_PX, left + overlay_panel.COLUMN_PX, overlay_panel.PADDING_PX
    )
    rows = stack_rows(overlay_panel.panel_rows(analysis), column, overlay_panel.GUTTER_PX)
    overlay = lay_out_overlay(
        analysis.size, analysis, int(rows[-1].bottom + overlay_panel.PADDING_PX + 0.5)
    )
    size = round(overlay.area.right) + overlay_panel.WIDTH_PX, round(overlay.area.bottom)
    return CanvasLayout(size, overlay, rows)


def _draw_face_number(
    draw: ImageDraw.ImageDraw, layout: OverlayLayout, face: Face, number: int
) -> None:
    top = layout.to_canvas(face.oval)[0]
    limit = np.array([layout.area.right - 30, layout.area.bottom - 30])
    position = np.clip(top - [0, 18], 30, limit)
    draw.text(
        (float(position[0]), float(position[1])),
        str(number),
        WHITE,
        load_font(_FACE_NUMBER_FONT_PX),
        anchor="mm",
        stroke_width=3,
        stroke_fill=BLACK,
    )
