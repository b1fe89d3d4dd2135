"""The sheet of one picture: the avatar as it is, what was measured, and what that says.

At the left the avatar on neutral grey, with room around it, because the crop square aligned to a
face often reaches beyond the picture; beside it verdict, numbers and legend; below both the
enlarged cut-outs of what each check measured, each under the number that marks its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from app.evidence import Analysis
from app.face.alignment import Box
from app.face.face import Face
from app.image.picture import Picture
from app.render import shapes
from app.render.lettering import Outline, write_line, write_rows
from app.render.overlay import overlay_panel
from app.render.overlay.cards import Card, draw_card, lay_out_cards
from app.render.overlay.mark_style import Badge, draw_badge_disc
from app.render.overlay.overlay_image import (
    OverlayLayout,
    draw_overlay_image,
    lay_out_overlay,
    overlay_badges,
)
from app.render.png import encode_png
from app.render.shapes import Canvas
from app.render.style import BLACK, PAPER, WHITE, is_light
from app.render.text_layout import PlacedRow, TextStyle, stack_rows

DEFAULT_BASE_RATE: Final = 0.0005
_FACE_NUMBER_STYLE: Final = TextStyle(26, WHITE)
_FACE_NUMBER_OUTLINE: Final = Outline(3, BLACK)
_BADGE_FONT_PX: Final = 20


@dataclass(frozen=True)
class CanvasLayout:
    """Where everything goes, px of the canvas; ``size`` is (width, height)."""

    size: tuple[int, int]
    overlay: OverlayLayout
    panel: tuple[PlacedRow, ...]
    cards: tuple[Card, ...]
    footer: tuple[PlacedRow, ...]

    @property
    def rows(self) -> tuple[PlacedRow, ...]:
        """Every row of text."""
        return (*self.panel, *(row for card in self.cards for row in card.rows), *self.footer)


def draw_overlay(
    picture: Picture, analysis: Analysis, base_rate: float = DEFAULT_BASE_RATE
) -> bytes:
    """``picture`` with what ``analysis`` says of it, as PNG bytes.

    ``base_rate``: the operator's share of generated avatars, for the posterior. The avatar's longer
    side is drawn 800 px long. The same input gives the same bytes. Raises ``ValueError`` if the
    analysis is of a picture of another size.
    """
    return encode_png(draw_sheet(picture, analysis, base_rate)[0])


def draw_sheet(
    picture: Picture, analysis: Analysis, base_rate: float = DEFAULT_BASE_RATE
) -> tuple[Canvas, CanvasLayout]:
    """As ``draw_overlay``, before it becomes a file; and where everything lies."""
    if picture.size != analysis.size:
        raise ValueError(f"an analysis of {analysis.size} px cannot be drawn on {picture.size} px")
    layout = lay_out_canvas(analysis, base_rate)
    width, height = layout.size
    canvas = shapes.make_canvas(width, height, PAPER)
    draw_overlay_image(canvas, layout.overlay, picture, analysis)
    area = layout.overlay.area
    shapes.fill_box(canvas, Box(area.right, 0, width, height), PAPER)
    shapes.fill_box(canvas, Box(0, area.bottom, width, height), PAPER)
    for card in layout.cards:
        draw_card(canvas, card, picture, analysis)
        draw_badge_disc(canvas, card.badge)
    for row in layout.rows:
        if row.row.symbol and row.symbol:
            row.row.symbol(canvas, row.symbol)
    _write_text(canvas, layout, analysis)
    return canvas, layout


def lay_out_canvas(analysis: Analysis, base_rate: float = DEFAULT_BASE_RATE) -> CanvasLayout:
    """Image and panel side by side, as tall as the taller of them; cards and footer below."""
    padding = overlay_panel.PADDING_PX
    left = lay_out_overlay(analysis.size, analysis, 0).area.right + padding
    column = Box(left, padding, left + overlay_panel.COLUMN_PX, padding)
    rows = overlay_panel.panel_rows(analysis, base_rate)
    panel = stack_rows(rows, column, overlay_panel.GUTTER_PX)
    overlay = lay_out_overlay(analysis.size, analysis, int(panel[-1].bottom + padding + 0.5))
    width = round(overlay.area.right) + overlay_panel.WIDTH_PX
    cards = lay_out_cards(analysis, width, overlay.area.bottom)
    last = max((row.bottom for card in cards for row in card.rows), default=overlay.area.bottom)
    footer_column = Box(padding, last + padding, width - padding, last + padding)
    footer = stack_rows(overlay_panel.footer_rows(analysis), footer_column, 0)
    size = width, round(footer[-1].bottom) + padding
    return CanvasLayout(size, overlay, panel, cards, footer)


def _write_text(canvas: Canvas, layout: CanvasLayout, analysis: Analysis) -> None:
    for number, face in enumerate(analysis.faces[1:], start=2):
        _write_face_number(canvas, layout.overlay, face, number)
    card_badges = (card.badge for card in layout.cards)
    for badge in (*overlay_badges(layout.overlay, analysis), *card_badges):
        _write_badge_number(canvas, badge)
    write_rows(canvas, layout.rows)


def _write_badge_number(canvas: Canvas, badge: Badge) -> None:
    x, y = (float(v) for v in badge.centre)
    colour = BLACK if is_light(badge.style.colour) else WHITE
    style = TextStyle(_BADGE_FONT_PX, colour)
    write_line(canvas, (x, y), str(badge.number), style, "middle")


def _write_face_number(canvas: Canvas, layout: OverlayLayout, face: Face, number: int) -> None:
    top = layout.to_canvas(face.oval)[0]
    limit = np.array([layout.area.right - 30, layout.area.bottom - 30])
    x, y = (float(v) for v in np.clip(top - [0, 18], 30, limit))
    write_line(canvas, (x, y), str(number), _FACE_NUMBER_STYLE, "middle", _FACE_NUMBER_OUTLINE)
