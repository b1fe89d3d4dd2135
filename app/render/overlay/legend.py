"""What the overlay always draws, each with its symbol: frame, crop square, template, irises."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from app.evidence import Analysis, Match
from app.face.alignment import Box
from app.render import analysis_text, shapes
from app.render.overlay.overlay_image import shows_template_frame
from app.render.shapes import Canvas
from app.render.style import (
    CROP_SQUARE,
    IRIS_COLOUR,
    OTHER_FACE,
    PICTURE_FRAME,
    SURROUND,
    TEMPLATE_EYE,
    TEMPLATE_FRAME,
    Stroke,
)
from app.render.text_layout import BODY, Painter, TextRow

_SYMBOL_PX: Final = (50, 32)


def legend_rows(analysis: Analysis) -> Iterator[TextRow]:
    """A row for each symbol that the overlay draws for this analysis."""
    yield _legend_row(_line_painter(PICTURE_FRAME), analysis_text.picture_frame_text(analysis.size))
    if analysis.face:
        text = analysis_text.crop_square_text(analysis.alignment, analysis.size)
        yield _legend_row(_line_painter(CROP_SQUARE), text)
    if analysis.match:
        yield from _template_rows(analysis.match, analysis.size)
    if analysis.face:
        yield _legend_row(_draw_iris_symbol, "the irises as measured")
    if analysis.face_count > 1:
        yield _legend_row(_line_painter(OTHER_FACE), "other faces, numbered")


def _template_rows(match: Match, size: tuple[int, int]) -> Iterator[TextRow]:
    yield _legend_row(_draw_ring_symbol, f"where the {match.template} template puts the eyes")
    if shows_template_frame(match, size):
        text = f"the frame in which it fits ({analysis_text.transform_text(match, size)})"
        yield _legend_row(_line_painter(TEMPLATE_FRAME), text)


def _legend_row(painter: Painter, text: str) -> TextRow:
    return TextRow(text, BODY, painter, _SYMBOL_PX, space_above_px=5)


def _line_painter(stroke: Stroke) -> Painter:
    def paint(canvas: Canvas, box: Box) -> None:
        shapes.fill_box(canvas, box, SURROUND)
        y = (box.top + box.bottom) / 2
        ends = np.array([[box.left + 4, y], [box.right - 4, y]])
        shapes.stroke_paths(canvas, [ends], stroke, box)

    return paint


def _draw_ring_symbol(canvas: Canvas, box: Box) -> None:
    shapes.fill_box(canvas, box, SURROUND)
    shapes.draw_crosshair_ring(canvas, shapes.box_centre(box), 8.5, TEMPLATE_EYE)


def _draw_iris_symbol(canvas: Canvas, box: Box) -> None:
    shapes.fill_box(canvas, box, SURROUND)
    shapes.draw_dot(canvas, shapes.box_centre(box), 4.5, IRIS_COLOUR, "disc")
