"""Where a whole list has its eyes: the picture's frame, and each template eye's region enlarged.

People's photographs scatter their eyes over the frame; a generator's heap up in two spots. What was
measured is drawn solid, what the template says open, as in every other drawing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from app.evidence import SCOPE, Points
from app.face.alignment import Box
from app.render import cohort_text
from app.render.eye_template import REGION_SDS, Template
from app.render.png import encode_png
from app.render.scatter.eye_histogram import INSET_REACH, Cloud, Eyes, Group, gather
from app.render.scatter.scatter_panel import (
    AXIS_PX,
    Panel,
    draw_density,
    draw_outline,
    draw_panel,
    draw_point,
    letter_axes,
)
from app.render.shapes import Canvas
from app.render.style import PAPER
from app.render.text_layout import BODY, SMALL, TITLE, Painter, PlacedRow, Row, draw_row, stack

_MARGIN_PX: Final = 40
_FRAME_PX: Final = 760
_INSET_PX: Final = 344
_GAP_PX: Final = 56
_SYMBOL_PX: Final = (40, 26)
_GUTTER_PX: Final = 54


@dataclass(frozen=True)
class Layout:
    """Where everything goes; ``size`` is (width, height), px."""

    size: tuple[int, int]
    frame: Panel
    insets: tuple[Panel, Panel]
    rows: tuple[PlacedRow, ...]


def draw_scatter(
    seen: Iterable[tuple[Eyes, str]],
    template: Template,
    *,
    title: str = "Where the eyes are",
    notes: Sequence[str] = (),
) -> bytes:
    """Eye positions and verdict of every face of a list as PNG bytes; streamed, memory bounded.

    ``notes``: sentences for the heading, such as the cohort's concentration. The same input gives
    the same bytes.
    """
    cloud = gather(seen, template)
    plan = lay_out(cloud, template, title, notes)
    width, height = plan.size
    canvas: Canvas = np.full((height, width, 3), PAPER, dtype=np.uint8)
    for panel in (plan.frame, *plan.insets):
        draw_panel(canvas, panel, cloud, template)
    for row in plan.rows:
        if row.row.symbol and row.symbol:
            row.row.symbol(canvas, row.symbol)
    image = Image.fromarray(canvas)
    draw = ImageDraw.Draw(image)
    for panel in (plan.frame, *plan.insets):
        letter_axes(draw, panel)
    for row in plan.rows:
        draw_row(draw, row)
    return encode_png(np.asarray(image))


def lay_out(cloud: Cloud, template: Template, title: str, notes: Sequence[str]) -> Layout:
    """The frame at the left, the two insets at its right, legend below them."""
    left = _MARGIN_PX + AXIS_PX
    insets_left = left + _FRAME_PX + _GAP_PX + AXIS_PX
    second = insets_left + _INSET_PX + _GAP_PX + AXIS_PX
    right = second + _INSET_PX
    heading = stack(_heading(cloud, title, notes), Box(_MARGIN_PX, _MARGIN_PX, right, 0), 0)
    top = heading[-1].bottom + 30
    frame = Panel(Box(left, top, left + _FRAME_PX, top + _FRAME_PX), (0.0, 0.0), 1.0, 0.1)
    rows = [*heading]
    insets = []
    below = top
    for eye, at in enumerate((insets_left, second)):
        above = stack(_inset_heading(eye), Box(at, top, at + _INSET_PX, top), 0)
        box_top = above[-1].bottom + 8
        x, y = template.centres[eye] - INSET_REACH
        box = Box(at, box_top, at + _INSET_PX, box_top + _INSET_PX)
        insets.append(Panel(box, (float(x), float(y)), 2 * INSET_REACH, 0.02, eye))
        start = box.bottom + AXIS_PX
        counts = stack(_inset_counts(cloud, eye), Box(at, start, at + _INSET_PX, start), 0)
        rows += [*above, *counts]
        below = max(below, counts[-1].bottom)
    legend = stack(_legend(cloud, template), Box(insets_left, below + 22, right, 0), _GUTTER_PX)
    bottom = max(frame.box.bottom + AXIS_PX, legend[-1].bottom) + 18
    print_ = stack(_small_print(), Box(_MARGIN_PX, bottom, right, bottom), 0)
    size = round(right) + _MARGIN_PX, round(print_[-1].bottom) + _MARGIN_PX
    return Layout(size, frame, (insets[0], insets[1]), (*rows, *legend, *print_))


def _heading(cloud: Cloud, title: str, notes: Sequence[str]) -> Iterator[Row]:
    yield Row(title, TITLE)
    faces = cohort_text.counted(cloud.faces, "face")
    yield Row(f"{faces}: {cloud.likely.faces:,} likely generated, {cloud.rest.faces:,} of the rest")
    yield Row(
        f"Both eyes in the template's regions: {cohort_text.counted(cloud.both, 'face')}.",
        space_above_px=2,
    )
    for note in notes:
        yield Row(note, space_above_px=2)


def _inset_heading(eye: int) -> Iterator[Row]:
    side = ("Left", "Right")[eye]
    yield Row(f"{side} eye, {1 / (2 * INSET_REACH):.0f} times as close", BODY)


def _inset_counts(cloud: Cloud, eye: int) -> Iterator[Row]:
    expected = cloud.expected[eye]
    shown = f"{expected:,.0f}" if expected >= 10 else f"{expected:.1f}"
    yield Row(f"{cohort_text.counted(cloud.inside[eye], 'eye')} in the region")
    yield Row(f"{shown} expected if it were as dense as the area around it", SMALL)


def _legend(cloud: Cloud, template: Template) -> Iterator[Row]:
    yield _symbol(_ellipse, f"the {template.name} template: {REGION_SDS:.0f} standard deviations")
    for group, likely in ((cloud.likely, True), (cloud.rest, False)):
        name = "likely generated" if likely else "the rest"
        scale = "" if group.complete else ": 1 to many eyes, logarithmic"
        yield _symbol(_mark(group, likely), name + scale)
    if cloud.outside:
        eyes = cohort_text.counted(cloud.outside, "eye")
        yield Row(f"{eyes} beyond the picture's edge, not shown", SMALL, space_above_px=4)


def _small_print() -> Iterator[Row]:
    yield Row(
        "Axes: share of the picture's width and height, from the left and from the top. Verdicts "
        "rest partly on where eyes lie: that the likely ones lie here is no surprise, that there "
        "are so many may be. Portraits cut by one recipe also heap up, usually elsewhere.",
        SMALL,
    )
    yield Row(SCOPE, SMALL, space_above_px=2)


def _symbol(painter: Painter, text: str) -> Row:
    return Row(text, BODY, painter, _SYMBOL_PX, space_above_px=5)


def _ellipse(canvas: Canvas, box: Box) -> None:
    turn = np.linspace(0.0, 2.0 * np.pi, 48, endpoint=False)
    draw_outline(canvas, _middle(box) + np.column_stack([14.0 * np.cos(turn), 8.0 * np.sin(turn)]))


def _mark(group: Group, likely: bool) -> Painter:
    def point(canvas: Canvas, box: Box) -> None:
        draw_point(canvas, _middle(box), 4.0, likely)

    def shade(canvas: Canvas, box: Box) -> None:
        rows, columns = round(box.height), round(box.width)
        inner = canvas[round(box.top) :, round(box.left) :][:rows, :columns]
        drawn = np.ascontiguousarray(inner)
        ramp = np.geomspace(1, 1000, columns).astype(np.int64)
        draw_density(drawn, np.tile(ramp, (rows, 1)), likely)
        inner[:] = drawn

    return point if group.complete else shade


def _middle(box: Box) -> Points:
    return np.array([(box.left + box.right) / 2, (box.top + box.bottom) / 2])
