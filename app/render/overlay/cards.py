"""The cards below the picture: a cut-out, its check's sentence, and what its marks are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.evidence import Analysis
from app.face.alignment import Box
from app.image.picture import Picture
from app.render import analysis_text
from app.render.overlay.cut_outs import CUT_OUT_ASPECT, CutOut, draw_cut_out, find_cut_outs
from app.render.overlay.mark_style import BADGE_RADIUS_PX, Badge, StyledMark
from app.render.shapes import Canvas
from app.render.style import check_style
from app.render.text_layout import BODY, HEADING, SMALL, PlacedRow, TextRow, stack_rows

MIN_CARD_PX: Final = 330
MAX_CARD_PX: Final = 480
MAX_COLUMNS: Final = 5
PADDING_PX: Final = 34
_GAP_PX: Final = 28


@dataclass(frozen=True, eq=False)
class Card:
    """A cut-out and where it lies, px of the canvas, with the rows of text below it."""

    cut_out: CutOut
    picture_box: Box
    rows: tuple[PlacedRow, ...]

    @property
    def badge(self) -> Badge:
        """The check's number in the corner of its cut-out."""
        corner = np.array([self.picture_box.left, self.picture_box.top])
        style = check_style(self.cut_out.evidence.check.name)
        return Badge(self.cut_out.number, corner + BADGE_RADIUS_PX + 6.0, style)


def lay_out_cards(analysis: Analysis, width_px: int, top_px: float) -> tuple[Card, ...]:
    """Cards in rows across ``width_px`` from ``top_px`` down; as few columns as the rows need."""
    cut_outs = find_cut_outs(analysis)
    if not cut_outs:
        return ()
    room = width_px - 2 * PADDING_PX
    columns = max(1, min(MAX_COLUMNS, (room + _GAP_PX) // (MIN_CARD_PX + _GAP_PX), len(cut_outs)))
    columns = math.ceil(len(cut_outs) / math.ceil(len(cut_outs) / columns))
    card_width = min(MAX_CARD_PX, (room - (columns - 1) * _GAP_PX) // columns)
    cards: list[Card] = []
    top = top_px + PADDING_PX
    for first in range(0, len(cut_outs), columns):
        row = [
            _lay_out_card(cut_out, PADDING_PX + column * (card_width + _GAP_PX), top, card_width)
            for column, cut_out in enumerate(cut_outs[first : first + columns])
        ]
        cards += row
        top = max(card.rows[-1].bottom for card in row) + _GAP_PX
    return tuple(cards)


def draw_card(canvas: Canvas, card: Card, picture: Picture, analysis: Analysis) -> None:
    """The cut-out of ``card``; its text is written later."""
    draw_cut_out(canvas, card.picture_box, card.cut_out, picture, analysis)


def _lay_out_card(cut_out: CutOut, left: float, top: float, width: int) -> Card:
    height = round(width / CUT_OUT_ASPECT)
    box = Box(left, top, left + width, top + height)
    column = Box(left, box.bottom + 8, box.right, box.bottom + 8)
    return Card(cut_out, box, stack_rows(_card_rows(cut_out), column, 0))


def _card_rows(cut_out: CutOut) -> Iterator[TextRow]:
    evidence = cut_out.evidence
    yield TextRow(f"{cut_out.number} · {analysis_text.check_heading(evidence)}", HEADING)
    yield TextRow(analysis_text.check_sentence(evidence), BODY, space_above_px=2)
    yield TextRow(_marks_text(cut_out.marks), SMALL, space_above_px=2)


def _marks_text(marks: tuple[StyledMark, ...]) -> str:
    """What is marked, by dots, solid or dashed lines."""
    by_form: dict[str, dict[str, None]] = {}
    for styled in marks:
        is_line = styled.mark.shape != "dots"
        form = ("dashed" if styled.is_dashed else "solid") if is_line else "dots"
        by_form.setdefault(form, {})[styled.mark.label] = None
    parts = [f"{form}: {', '.join(labels)}" for form, labels in by_form.items()]
    return f"Marked: {'; '.join(parts)}."
