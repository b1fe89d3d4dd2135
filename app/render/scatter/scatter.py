"""Where a whole list has its eyes: the picture's frame, and each template eye's region enlarged.

People's photographs scatter their eyes over the frame; a generator's heap up in two spots. What was
measured is drawn solid, what the template says open, as in every other drawing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.cohort.number_text import pluralize
from app.evidence import SCOPE
from app.face.alignment import Box
from app.render import shapes
from app.render.eye_template import REGION_SDS, EyeTemplate
from app.render.lettering import write_rows
from app.render.png import encode_png
from app.render.scatter.eye_histogram import (
    INSET_REACH,
    EyeGroup,
    EyeHistogram,
    EyePositions,
    count_eyes,
)
from app.render.scatter.scatter_panel import (
    AXIS_PX,
    ScatterPanel,
    draw_density,
    draw_eye,
    draw_outline,
    draw_scatter_panel,
    label_axes,
)
from app.render.shapes import Canvas
from app.render.style import PAPER
from app.render.text_layout import (
    BODY,
    SMALL,
    TITLE,
    Painter,
    PlacedRow,
    TextRow,
    stack_rows,
)

_MARGIN_PX: Final = 40
_FRAME_PX: Final = 760
_INSET_PX: Final = 344
_GAP_PX: Final = 56
_SYMBOL_PX: Final = (40, 26)
_GUTTER_PX: Final = 54


@dataclass(frozen=True)
class ScatterLayout:
    """Where everything goes; ``size`` is (width, height), px."""

    size: tuple[int, int]
    frame: ScatterPanel
    insets: tuple[ScatterPanel, ScatterPanel]
    rows: tuple[PlacedRow, ...]


def draw_scatter(
    faces: Iterable[tuple[EyePositions, str]],
    template: EyeTemplate,
    *,
    title: str = "Where the eyes are",
    notes: Sequence[str] = (),
) -> bytes:
    """Eye positions and verdict of every face of a list as PNG bytes; streamed, memory bounded.

    ``notes``: sentences for the heading, such as the cohort's concentration. The same input gives
    the same bytes.
    """
    histogram = count_eyes(faces, template)
    layout = lay_out_scatter(histogram, template, title, notes)
    width, height = layout.size
    canvas = shapes.make_canvas(width, height, PAPER)
    for panel in (layout.frame, *layout.insets):
        draw_scatter_panel(canvas, panel, histogram, template)
    for row in layout.rows:
        if row.row.symbol and row.symbol:
            row.row.symbol(canvas, row.symbol)
    for panel in (layout.frame, *layout.insets):
        label_axes(canvas, panel)
    write_rows(canvas, layout.rows)
    return encode_png(canvas)


def lay_out_scatter(
    histogram: EyeHistogram, template: EyeTemplate, title: str, notes: Sequence[str]
) -> ScatterLayout:
    """The frame at the left, the two insets at its right, legend below them."""
    left = _MARGIN_PX + AXIS_PX
    left_inset_left = left + _FRAME_PX + _GAP_PX + AXIS_PX
    right_inset_left = left_inset_left + _INSET_PX + _GAP_PX + AXIS_PX
    right = right_inset_left + _INSET_PX
    heading = stack_rows(
        _heading_rows(histogram, title, notes), Box(_MARGIN_PX, _MARGIN_PX, right, 0), 0
    )
    top = heading[-1].bottom + 30
    frame = ScatterPanel(Box(left, top, left + _FRAME_PX, top + _FRAME_PX), (0.0, 0.0), 1.0, 0.1)
    rows = [*heading]
    insets = []
    counts_bottom = top
    for eye, inset_left in enumerate((left_inset_left, right_inset_left)):
        inset_heading = stack_rows(
            _inset_heading_rows(eye), Box(inset_left, top, inset_left + _INSET_PX, top), 0
        )
        box_top = inset_heading[-1].bottom + 8
        x, y = template.centres[eye] - INSET_REACH
        box = Box(inset_left, box_top, inset_left + _INSET_PX, box_top + _INSET_PX)
        insets.append(ScatterPanel(box, (float(x), float(y)), 2 * INSET_REACH, 0.02, eye))
        start = box.bottom + AXIS_PX
        counts = stack_rows(
            _inset_count_rows(histogram, eye),
            Box(inset_left, start, inset_left + _INSET_PX, start),
            0,
        )
        rows += [*inset_heading, *counts]
        counts_bottom = max(counts_bottom, counts[-1].bottom)
    legend = stack_rows(
        _legend_rows(histogram, template),
        Box(left_inset_left, counts_bottom + 22, right, 0),
        _GUTTER_PX,
    )
    bottom = max(frame.box.bottom + AXIS_PX, legend[-1].bottom) + 18
    footer = stack_rows(_footer_rows(), Box(_MARGIN_PX, bottom, right, bottom), 0)
    size = round(right) + _MARGIN_PX, round(footer[-1].bottom) + _MARGIN_PX
    return ScatterLayout(size, frame, (insets[0], insets[1]), (*rows, *legend, *footer))


def _heading_rows(histogram: EyeHistogram, title: str, notes: Sequence[str]) -> Iterator[TextRow]:
    yield TextRow(title, TITLE)
    faces = pluralize(histogram.faces, "face")
    yield TextRow(
        f"{faces}: {histogram.likely.faces:,} likely StyleGAN, {histogram.rest.faces:,} of the rest"
    )
    yield TextRow(
        f"Both eyes in the template's regions: {pluralize(histogram.both_in_region, 'face')}.",
        space_above_px=2,
    )
    for note in notes:
        yield TextRow(note, space_above_px=2)


def _inset_heading_rows(eye: int) -> Iterator[TextRow]:
    side = ("Left", "Right")[eye]
    yield TextRow(f"{side} eye, {1 / (2 * INSET_REACH):.0f} times as close", BODY)


def _inset_count_rows(histogram: EyeHistogram, eye: int) -> Iterator[TextRow]:
    expected = histogram.expected[eye]
    text = f"{expected:,.0f}" if expected >= 10 else f"{expected:.1f}"
    yield TextRow(f"{pluralize(histogram.in_region[eye], 'eye')} in the region")
    yield TextRow(f"{text} expected if it were as dense as the area around it", SMALL)


def _legend_rows(histogram: EyeHistogram, template: EyeTemplate) -> Iterator[TextRow]:
    yield _legend_row(
        _draw_ellipse_symbol, f"the {template.name} template: {REGION_SDS:.0f} standard deviations"
    )
    for group, likely in ((histogram.likely, True), (histogram.rest, False)):
        name = "likely StyleGAN" if likely else "the rest"
        scale = "" if group.is_complete else ": 1 to many eyes, logarithmic"
        yield _legend_row(_group_painter(group, likely), name + scale)
    if histogram.beyond_picture:
        eyes = pluralize(histogram.beyond_picture, "eye")
        yield TextRow(f"{eyes} beyond the picture's edge, not shown", SMALL, space_above_px=4)


def _footer_rows() -> Iterator[TextRow]:
    yield TextRow(
        "Axes: share of the picture's width and height, from the left and from the top. Verdicts "
        "rest partly on where eyes lie: that the likely ones lie here is no surprise, that there "
        "are so many may be. Portraits cut by one recipe also heap up, usually elsewhere.",
        SMALL,
    )
    yield TextRow(SCOPE, SMALL, space_above_px=2)


def _legend_row(painter: Painter, text: str) -> TextRow:
    return TextRow(text, BODY, painter, _SYMBOL_PX, space_above_px=5)


def _draw_ellipse_symbol(canvas: Canvas, box: Box) -> None:
    turn = np.linspace(0.0, 2.0 * np.pi, 48, endpoint=False)
    draw_outline(
        canvas, shapes.box_centre(box) + np.column_stack([14.0 * np.cos(turn), 8.0 * np.sin(turn)])
    )


def _group_painter(group: EyeGroup, likely: bool) -> Painter:
    def point(canvas: Canvas, box: Box) -> None:
        draw_eye(canvas, shapes.box_centre(box), 4.0, likely)

    def shade(canvas: Canvas, box: Box) -> None:
        rows, columns = round(box.height), round(box.width)
        inner = canvas[round(box.top) :, round(box.left) :][:rows, :columns]
        drawn = np.ascontiguousarray(inner)
        ramp = np.geomspace(1, 1000, columns).astype(np.int64)
        draw_density(drawn, np.tile(ramp, (rows, 1)), likely)
        inner[:] = drawn

    return point if group.is_complete else shade
