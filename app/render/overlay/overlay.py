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
from app.render.overlay.overlay_image import Stage, draw_stage, set_stage
from app.render.png import encode_png
from app.render.shapes import Canvas
from app.render.style import BLACK, PAPER, WHITE
from app.render.text_layout import PlacedRow, draw_row, font, stack

_NUMBER_PX: Final = 26


@dataclass(frozen=True)
class Plan:
    """Where everything goes, px of the canvas; ``size`` is (width, height)."""

    size: tuple[int, int]
    stage: Stage
    rows: tuple[PlacedRow, ...]


def draw_overlay(picture: Picture, analysis: Analysis) -> bytes:
    """``picture`` with what ``analysis`` says of it, as PNG bytes.

    The avatar's longer side is drawn 800 px long. The same input gives the same bytes. Raises
    ``ValueError`` if the analysis is of a picture of another size.
    """
    if picture.size != analysis.size:
        raise ValueError(f"an analysis of {analysis.size} px cannot be drawn on {picture.size} px")
    plan = plan_overlay(analysis)
    width, height = plan.size
    canvas: Canvas = np.empty((height, width, 3), dtype=np.uint8)
    draw_stage(canvas, plan.stage, picture, analysis)
    shapes.fill_box(canvas, Box(plan.stage.area.right, 0, width, height), PAPER)
    for row in plan.rows:
        if row.row.symbol and row.symbol:
            row.row.symbol(canvas, row.symbol)
    image = Image.fromarray(canvas)
    draw = ImageDraw.Draw(image)
    for number, face in enumerate(analysis.faces[1:], start=2):
        _number_face(draw, plan.stage, face, number)
    for row in plan.rows:
        draw_row(draw, row)
    return encode_png(np.asarray(image))


def plan_overlay(analysis: Analysis) -> Plan:
    """Lay out stage and panel side by side; the canvas is as tall as the taller of them."""
    left = set_stage(analysis.size, analysis, 0).area.right + overlay_panel.PADDING_PX
    column = Box(
        left, overlay_panel.PADDING_PX, left + overlay_panel.COLUMN_PX, overlay_panel.PADDING_PX
    )
    rows = stack(overlay_panel.panel_rows(analysis), column, overlay_panel.GUTTER_PX)
    stage = set_stage(
        analysis.size, analysis, int(rows[-1].bottom + overlay_panel.PADDING_PX + 0.5)
    )
    size = round(stage.area.right) + overlay_panel.WIDTH_PX, round(stage.area.bottom)
    return Plan(size, stage, rows)


def _number_face(draw: ImageDraw.ImageDraw, stage: Stage, face: Face, number: int) -> None:
    top = stage.place(face.oval)[0]
    room = np.array([stage.area.right - 30, stage.area.bottom - 30])
    at = np.clip(top - [0, 18], 30, room)
    draw.text(
        (float(at[0]), float(at[1])),
        str(number),
        WHITE,
        font(_NUMBER_PX),
        anchor="mm",
        stroke_width=3,
        stroke_fill=BLACK,
    )
