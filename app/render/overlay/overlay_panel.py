"""The words and the legend beside the avatar, as rows to be stacked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from app.arrays import FloatArray
from app.evidence import SCOPE, Analysis, Match, Outcome
from app.face.alignment import Box
from app.render import analysis_text, shapes
from app.render.overlay.overlay_image import (
    StyledMark,
    draw_mark,
    extra_marks,
    fits_template,
    scale_factor,
    shows_template_frame,
)
from app.render.shapes import Canvas
from app.render.style import (
    CROP_SQUARE,
    FAINT_INK,
    INK,
    IRIS_COLOUR,
    OTHER_FACE,
    PICTURE_FRAME,
    RULE,
    SURROUND,
    TEMPLATE_EYE,
    TEMPLATE_FRAME,
    VERDICT_COLOUR,
    Stroke,
)
from app.render.text_layout import BODY, HEADING, SMALL, TITLE, Painter, TextRow

WIDTH_PX: Final = 600
PADDING_PX: Final = 34
GUTTER_PX: Final = 66
COLUMN_PX: Final = WIDTH_PX - 2 * PADDING_PX

_SYMBOL_PX: Final = (50, 32)
_SCALE_MAX_LLR: Final = 6.0
"""The scale runs from minus to plus this; ENFSI's last band begins here."""


def panel_rows(analysis: Analysis) -> tuple[TextRow, ...]:
    """Everything the panel says, from the verdict down to the small print."""
    return (
        *_verdict_rows(analysis),
        *_check_rows(analysis),
        *_legend_rows(analysis),
        _rule_row(),
        TextRow(SCOPE, SMALL),
        TextRow(
            analysis_text.footnote_text(analysis, scale_factor(analysis.size)),
            SMALL,
            space_above_px=6,
        ),
    )


def _verdict_rows(analysis: Analysis) -> Iterator[TextRow]:
    yield TextRow(symbol=_verdict_bar_painter(analysis), symbol_px=(COLUMN_PX, 8))
    yield TextRow(analysis_text.VERDICT_TEXT[analysis.verdict], TITLE, space_above_px=12)
    if analysis.outcome is not Outcome.SCORED:
        yield TextRow(analysis_text.OUTCOME_TEXT[analysis.outcome])
        return
    yield TextRow(analysis_text.llr_text(analysis), HEADING)
    yield TextRow(symbol=_llr_scale_painter(analysis), symbol_px=(COLUMN_PX, 34), space_above_px=4)
    yield TextRow("-6 ordinary avatar", SMALL, right_text="StyleGAN family +6", space_above_px=0)
    yield TextRow(analysis_text.llr_sentence(analysis.llr), space_above_px=8)
    yield TextRow(analysis_text.NOT_A_PROBABILITY, SMALL, space_above_px=6)


def _check_rows(analysis: Analysis) -> Iterator[TextRow]:
    if analysis.evidence or analysis.match or analysis.warnings:
        yield _rule_row()
    for evidence in analysis.evidence:
        yield TextRow(analysis_text.check_heading(evidence), HEADING)
        yield TextRow(analysis_text.check_sentence(evidence), space_above_px=2)
    if len(analysis.evidence) > 1:
        yield TextRow(analysis_text.NOT_A_SUM, SMALL, space_above_px=6)
    if analysis.match:
        yield TextRow(_template_text(analysis.match, analysis.size), SMALL, space_above_px=6)
    for code in analysis.warnings:
        yield TextRow(analysis_text.warning_text(code), HEADING)


def _legend_rows(analysis: Analysis) -> Iterator[TextRow]:
    yield _rule_row()
    yield _legend_row(_line_painter(PICTURE_FRAME), analysis_text.picture_frame_text(analysis.size))
    if analysis.face:
        text = analysis_text.crop_square_text(analysis.alignment, analysis.size)
        yield _legend_row(_line_painter(CROP_SQUARE), text)
    if analysis.match:
        yield from _template_legend_rows(analysis.match, analysis.size)
    if analysis.face:
        yield _legend_row(_draw_iris_symbol, "the irises as measured")
    if analysis.face_count > 1:
        yield _legend_row(_line_painter(OTHER_FACE), "other faces, numbered")
    for drawn, labels in _group_marks(extra_marks(analysis)):
        yield _legend_row(
            _mark_painter(drawn), f"{analysis_text.code_to_words(drawn.check)}: {labels}"
        )


def _template_legend_rows(match: Match, size: tuple[int, int]) -> Iterator[TextRow]:
    yield _legend_row(_draw_ring_symbol, f"where the {match.template} template puts the eyes")
    if shows_template_frame(match, size):
        text = f"the frame in which it fits ({analysis_text.transform_text(match, size)})"
        yield _legend_row(_line_painter(TEMPLATE_FRAME), text)


def _template_text(match: Match, size: tuple[int, int]) -> str:
    return (
        analysis_text.closest_template_text(match, size)
        if fits_template(match)
        else analysis_text.no_template_text(match)
    )


def _group_marks(marks: tuple[StyledMark, ...]) -> Iterator[tuple[StyledMark, str]]:
    """One mark of each check and shape, in the order given, with all their labels."""
    groups: dict[tuple[str, str], list[StyledMark]] = {}
    for drawn in marks:
        groups.setdefault((drawn.check, drawn.mark.shape), []).append(drawn)
    for group in groups.values():
        yield group[0], ", ".join(dict.fromkeys(drawn.mark.label for drawn in group))


def _legend_row(painter: Painter, text: str) -> TextRow:
    return TextRow(text, BODY, painter, _SYMBOL_PX, space_above_px=5)


def _rule_row() -> TextRow:
    def paint(canvas: Canvas, box: Box) -> None:
        shapes.fill_box(canvas, Box(box.left, box.top + 6, box.right, box.top + 8), RULE)

    return TextRow(symbol=paint, symbol_px=(COLUMN_PX, 14), space_above_px=8)


def _verdict_bar_painter(analysis: Analysis) -> Painter:
    return lambda canvas, box: shapes.fill_box(canvas, box, VERDICT_COLOUR[analysis.verdict])


def _llr_scale_painter(analysis: Analysis) -> Painter:
    """A line from -6 to +6 with a tick at every power of ten, the interval a bar, llr a needle."""

    def x(llr: float, box: Box) -> float:
        inner = box.width - 24.0
        share = (float(np.clip(llr, -_SCALE_MAX_LLR, _SCALE_MAX_LLR)) + _SCALE_MAX_LLR) / (
            2 * _SCALE_MAX_LLR
        )
        return box.left + 12.0 + share * inner

    def paint(canvas: Canvas, box: Box) -> None:
        y = box.top + 18.0
        left, right = x(-_SCALE_MAX_LLR, box), x(_SCALE_MAX_LLR, box)
        shapes.fill_box(canvas, Box(left, y - 1, right, y + 1), FAINT_INK)
        for tick in range(-6, 7):
            tall = 12 if tick == 0 else 6
            at = x(tick, box)
            shapes.fill_box(canvas, Box(at - 1, y - tall, at + 1, y + tall), FAINT_INK)
        low, high = (x(end, box) for end in analysis.llr_interval)
        shapes.fill_box(canvas, Box(low - 2, y - 9, high + 2, y + 9), INK)
        shapes.fill_box(canvas, Box(low, y - 7, high, y + 7), VERDICT_COLOUR[analysis.verdict])
        needle = x(analysis.llr, box)
        shapes.fill_box(canvas, Box(needle - 1.5, y - 15, needle + 1.5, y + 15), INK)

    return paint


def _line_painter(stroke: Stroke) -> Painter:
    def paint(canvas: Canvas, box: Box) -> None:
        shapes.fill_box(canvas, box, SURROUND)
        y = (box.top + box.bottom) / 2
        ends = np.array([[box.left + 4, y], [box.right - 4, y]])
        shapes.stroke_paths(canvas, [ends], stroke, box)

    return paint


def _mark_painter(drawn: StyledMark) -> Painter:
    def paint(canvas: Canvas, box: Box) -> None:
        shapes.fill_box(canvas, box, SURROUND)
        across = np.array([[0.25, 0.5], [0.75, 0.5]])
        around = np.array([[0.15, 0.2], [0.85, 0.2], [0.85, 0.8], [0.15, 0.8]])
        unit = around if drawn.mark.shape == "outline" else across
        points = unit * [box.width, box.height] + [box.left, box.top]
        draw_mark(canvas, points, drawn.mark.shape, drawn.style, box)

    return paint


def _draw_ring_symbol(canvas: Canvas, box: Box) -> None:
    shapes.fill_box(canvas, box, SURROUND)
    shapes.draw_crosshair_ring(canvas, _box_centre(box), 8.5, TEMPLATE_EYE)


def _draw_iris_symbol(canvas: Canvas, box: Box) -> None:
    shapes.fill_box(canvas, box, SURROUND)
    shapes.draw_dot(canvas, _box_centre(box), 4.5, IRIS_COLOUR, "disc")


def _box_centre(box: Box) -> FloatArray:
    return np.array([(box.left + box.right) / 2, (box.top + box.bottom) / 2])
