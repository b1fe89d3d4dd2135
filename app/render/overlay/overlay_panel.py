"""The text beside the picture: the verdict, what it is worth, and the legend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from app.evidence import SCOPE, Analysis, Evidence, Match, Outcome, Reading
from app.face.alignment import Box
from app.render import analysis_text, shapes
from app.render.overlay.legend import legend_rows
from app.render.overlay.llr_scale import HEIGHT_PX as SCALE_HEIGHT_PX
from app.render.overlay.llr_scale import scale_painter
from app.render.overlay.overlay_image import fits_template, scale_factor
from app.render.shapes import Canvas
from app.render.style import RULE, VERDICT_COLOUR
from app.render.text_layout import HEADING, SMALL, TITLE, Painter, TextRow

WIDTH_PX: Final = 600
PADDING_PX: Final = 34
GUTTER_PX: Final = 66
COLUMN_PX: Final = WIDTH_PX - 2 * PADDING_PX


def panel_rows(analysis: Analysis, base_rate: float) -> tuple[TextRow, ...]:
    """The panel from the verdict down to the legend."""
    return (
        *_verdict_rows(analysis, base_rate),
        *_note_rows(analysis),
        *_check_rows(analysis),
        _rule_row(),
        *legend_rows(analysis),
    )


def footer_rows(analysis: Analysis) -> tuple[TextRow, ...]:
    """The small print: what the verdict speaks of, which bytes, which calibration."""
    footnote = analysis_text.footnote_text(analysis, scale_factor(analysis.size))
    return TextRow(SCOPE, SMALL), TextRow(footnote, SMALL, space_above_px=6)


def _verdict_rows(analysis: Analysis, base_rate: float) -> Iterator[TextRow]:
    yield TextRow(symbol=_verdict_bar_painter(analysis), symbol_px=(COLUMN_PX, 8))
    yield TextRow(analysis_text.VERDICT_TEXT[analysis.verdict], TITLE, space_above_px=12)
    if analysis.outcome is not Outcome.SCORED:
        yield TextRow(analysis_text.OUTCOME_TEXT[analysis.outcome])
        return
    low, high = map(analysis_text.format_llr, analysis.llr_bounds)
    yield TextRow(analysis_text.llr_text(analysis), HEADING)
    yield TextRow(
        symbol=scale_painter(analysis), symbol_px=(COLUMN_PX, SCALE_HEIGHT_PX), space_above_px=4
    )
    yield TextRow(
        f"{low} ordinary avatar", SMALL, right_text=f"StyleGAN family {high}", space_above_px=0
    )
    yield TextRow(analysis_text.llr_sentence(analysis.llr), space_above_px=8)
    yield TextRow(analysis_text.against_sentence(analysis), space_above_px=6)
    yield TextRow(analysis_text.posterior_sentence(analysis, base_rate), space_above_px=6)


def _note_rows(analysis: Analysis) -> Iterator[TextRow]:
    for code in analysis.warnings:
        yield TextRow(analysis_text.warning_text(code), HEADING)


def _check_rows(analysis: Analysis) -> Iterator[TextRow]:
    """The checks that marked no place, and how parts and total belong together."""
    if analysis.evidence or analysis.match:
        yield _rule_row()
    for number, evidence in enumerate(analysis.evidence, start=1):
        if not _has_marks(evidence):
            yield TextRow(f"{number} · {analysis_text.check_line(evidence)}")
    if len(analysis.evidence) > 1:
        yield TextRow(analysis_text.NOT_A_SUM, SMALL, space_above_px=6)
    if analysis.match:
        yield TextRow(_template_text(analysis.match, analysis.size), SMALL, space_above_px=6)


def _has_marks(evidence: Evidence) -> bool:
    measurement = evidence.measurement
    return isinstance(measurement, Reading) and any(len(m.points) for m in measurement.marks)


def _template_text(match: Match, size: tuple[int, int]) -> str:
    return (
        analysis_text.closest_template_text(match, size)
        if fits_template(match)
        else analysis_text.no_template_text(match)
    )


def _rule_row() -> TextRow:
    def paint(canvas: Canvas, box: Box) -> None:
        shapes.fill_box(canvas, Box(box.left, box.top + 6, box.right, box.top + 8), RULE)

    return TextRow(symbol=paint, symbol_px=(COLUMN_PX, 14), space_above_px=8)


def _verdict_bar_painter(analysis: Analysis) -> Painter:
    return lambda canvas, box: shapes.fill_box(canvas, box, VERDICT_COLOUR[analysis.verdict])
