"""The words and the legend beside the avatar, as rows to be stacked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from app.evidence import SCOPE, Analysis, Match, Outcome, Points
from app.face.alignment import Box
from app.render import analysis_text, shapes
from app.render.overlay.overlay_image import (
    DrawnMark,
    draw_mark,
    enlargement,
    fits,
    other_marks,
    shows_frame,
)
from app.render.shapes import Canvas
from app.render.style import (
    CROP_SQUARE,
    FAINT_INK,
    INK,
    IRIS,
    OTHER_FACE,
    PICTURE_FRAME,
    RULE,
    STAGE,
    TEMPLATE_EYE,
    TEMPLATE_FRAME,
    VERDICT,
    Stroke,
)
from app.render.text_layout import BODY, HEADING, SMALL, TITLE, Painter, Row

WIDTH_PX: Final = 600
PADDING_PX: Final = 34
GUTTER_PX: Final = 66
COLUMN_PX: Final = WIDTH_PX - 2 * PADDING_PX

_SYMBOL_PX: Final = (50, 32)
_SCALE_LLR: Final = 6.0
"""The scale runs from minus to plus this; ENFSI's last band begins here."""


def panel_rows(analysis: Analysis) -> tuple[Row, ...]:
    """Everything the panel says, from the verdict down to the small print."""
    return (
        *_verdict(analysis),
        *_checks(analysis),
        *_legend(analysis),
        _rule(),
        Row(SCOPE, SMALL),
        Row(analysis_text.footnote(analysis, enlargement(analysis.size)), SMALL, space_above_px=6),
    )


def _verdict(analysis: Analysis) -> Iterator[Row]:
    yield Row(symbol=_bar(analysis), symbol_px=(COLUMN_PX, 8))
    yield Row(analysis_text.VERDICT[analysis.verdict], TITLE, space_above_px=12)
    if analysis.outcome is not Outcome.SCORED:
        yield Row(analysis_text.OUTCOME[analysis.outcome])
        return
    yield Row(analysis_text.weight(analysis), HEADING)
    yield Row(symbol=_scale(analysis), symbol_px=(COLUMN_PX, 34), space_above_px=4)
    yield Row("-6 ordinary avatar", SMALL, end="StyleGAN family +6", space_above_px=0)
    yield Row(analysis_text.comparison(analysis.llr), space_above_px=8)
    yield Row(analysis_text.NOT_A_PROBABILITY, SMALL, space_above_px=6)


def _checks(analysis: Analysis) -> Iterator[Row]:
    if analysis.evidence or analysis.match or analysis.warnings:
        yield _rule()
    for evidence in analysis.evidence:
        yield Row(analysis_text.check_name(evidence), HEADING)
        yield Row(analysis_text.check_says(evidence), space_above_px=2)
    if len(analysis.evidence) > 1:
        yield Row(analysis_text.NOT_A_SUM, SMALL, space_above_px=6)
    if analysis.match:
        yield Row(_closest(analysis.match, analysis.size), SMALL, space_above_px=6)
    for code in analysis.warnings:
        yield Row(analysis_text.warning(code), HEADING)


def _legend(analysis: Analysis) -> Iterator[Row]:
    yield _rule()
    yield _symbol(_line(PICTURE_FRAME), analysis_text.own_frame(analysis.size))
    if analysis.face:
        asked = analysis_text.asked_square(analysis.alignment, analysis.size)
        yield _symbol(_line(CROP_SQUARE), asked)
    if analysis.match:
        yield from _template_legend(analysis.match, analysis.size)
    if analysis.face:
        yield _symbol(_iris, "the irises as measured")
    if analysis.face_count > 1:
        yield _symbol(_line(OTHER_FACE), "other faces, numbered")
    for drawn, labels in _distinct(other_marks(analysis)):
        yield _symbol(_mark(drawn), f"{analysis_text.plain(drawn.check)}: {labels}")


def _template_legend(match: Match, size: tuple[int, int]) -> Iterator[Row]:
    yield _symbol(_ring, f"where the {match.template} template puts the eyes")
    if shows_frame(match, size):
        where = f"the frame in which it fits ({analysis_text.transform(match, size)})"
        yield _symbol(_line(TEMPLATE_FRAME), where)


def _closest(match: Match, size: tuple[int, int]) -> str:
    return (
        analysis_text.closest_frame(match, size) if fits(match) else analysis_text.no_frame(match)
    )


def _distinct(marks: tuple[DrawnMark, ...]) -> Iterator[tuple[DrawnMark, str]]:
    """One mark of each check and shape, in the order given, with all their labels."""
    alike: dict[tuple[str, str], list[DrawnMark]] = {}
    for drawn in marks:
        alike.setdefault((drawn.check, drawn.mark.shape), []).append(drawn)
    for group in alike.values():
        yield group[0], ", ".join(dict.fromkeys(drawn.mark.label for drawn in group))


def _symbol(painter: Painter, text: str) -> Row:
    return Row(text, BODY, painter, _SYMBOL_PX, space_above_px=5)


def _rule() -> Row:
    def paint(canvas: Canvas, box: Box) -> None:
        shapes.fill_box(canvas, Box(box.left, box.top + 6, box.right, box.top + 8), RULE)

    return Row(symbol=paint, symbol_px=(COLUMN_PX, 14), space_above_px=8)


def _bar(analysis: Analysis) -> Painter:
    return lambda canvas, box: shapes.fill_box(canvas, box, VERDICT[analysis.verdict])


def _scale(analysis: Analysis) -> Painter:
    """A line from -6 to +6 with a tick at every power of ten, the interval a bar, llr a needle."""

    def x(llr: float, box: Box) -> float:
        inner = box.width - 24.0
        share = (float(np.clip(llr, -_SCALE_LLR, _SCALE_LLR)) + _SCALE_LLR) / (2 * _SCALE_LLR)
        return box.left + 12.0 + share * inner

    def paint(canvas: Canvas, box: Box) -> None:
        y = box.top + 18.0
        left, right = x(-_SCALE_LLR, box), x(_SCALE_LLR, box)
        shapes.fill_box(canvas, Box(left, y - 1, right, y + 1), FAINT_INK)
        for tick in range(-6, 7):
            tall = 12 if tick == 0 else 6
            at = x(tick, box)
            shapes.fill_box(canvas, Box(at - 1, y - tall, at + 1, y + tall), FAINT_INK)
        low, high = (x(end, box) for end in analysis.llr_interval)
        shapes.fill_box(canvas, Box(low - 2, y - 9, high + 2, y + 9), INK)
        shapes.fill_box(canvas, Box(low, y - 7, high, y + 7), VERDICT[analysis.verdict])
        needle = x(analysis.llr, box)
        shapes.fill_box(canvas, Box(needle - 1.5, y - 15, needle + 1.5, y + 15), INK)

    return paint


def _line(stroke: Stroke) -> Painter:
    def paint(canvas: Canvas, box: Box) -> None:
        shapes.fill_box(canvas, box, STAGE)
        y = (box.top + box.bottom) / 2
        ends = np.array([[box.left + 4, y], [box.right - 4, y]])
        shapes.stroke_paths(canvas, [ends], stroke, box)

    return paint


def _mark(drawn: DrawnMark) -> Painter:
    def paint(canvas: Canvas, box: Box) -> None:
        shapes.fill_box(canvas, box, STAGE)
        across = np.array([[0.25, 0.5], [0.75, 0.5]])
        around = np.array([[0.15, 0.2], [0.85, 0.2], [0.85, 0.8], [0.15, 0.8]])
        unit = around if drawn.mark.shape == "outline" else across
        points = unit * [box.width, box.height] + [box.left, box.top]
        draw_mark(canvas, points, drawn.mark.shape, drawn.style, box)

    return paint


def _ring(canvas: Canvas, box: Box) -> None:
    shapes.fill_box(canvas, box, STAGE)
    shapes.crosshair_ring(canvas, _middle(box), 8.5, TEMPLATE_EYE)


def _iris(canvas: Canvas, box: Box) -> None:
    shapes.fill_box(canvas, box, STAGE)
    shapes.dot(canvas, _middle(box), 4.5, IRIS, "disc")


def _middle(box: Box) -> Points:
    return np.array([(box.left + box.right) / 2, (box.top + box.bottom) / 2])
