"""The average of a list's pictures: sharp eyes where pictures share a frame, mist where not.

Laid over one another as they are, none aligned, generated faces of one family put their eyes in
one place and the average has eyes; people's own photographs put them anywhere. Nothing of a single
person is left in an average of many: the sums that it is drawn from name nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from app.evidence import SCOPE
from app.face.alignment import Box
from app.image.thumbnails import TILE_PX
from app.render import cohort_text, shapes
from app.render.eye_template import Template
from app.render.png import encode_png
from app.render.shapes import Canvas
from app.render.style import PAPER, RULE, STAGE, TEMPLATE_EYE
from app.render.text_layout import HEADING, SMALL, TITLE, PlacedRow, Row, draw_row, stack

Sum = NDArray[Any]
"""The sum of many tiles, (192, 192, 3), of any integer or float kind that holds it."""

LIKELY: Final = "likely_generated"
REST: Final = "rest"
ALL: Final = "all"
FEW: Final = 10
"""Averages of fewer pictures still look like the people in them, whatever their frames."""

_SIDE_PX: Final = 560
_STRIP_PX: Final = 200
_MARGIN_PX: Final = 40
_GAP_PX: Final = 48
# The strip: the middle of the picture around the eyes, 2.8 times as wide as it is tall.
_STRIP: Final = (0.25, 0.382, 0.75, 0.5606)
_RING_PX: Final = 22.0

_HEADING: Final = {
    LIKELY: "Average of the likely generated",
    REST: "Average of the rest",
    ALL: "Average of all",
}

_MEANING: Final = {
    LIKELY: "Chosen partly by where their eyes lie, so sharp eyes are to be expected here: how "
    "many pictures could be chosen is what counts.",
    REST: "People's own photographs each have their own frame. Eyes that show here would mean that "
    "more pictures share a frame than were flagged.",
    ALL: "Nothing was chosen here: eyes that show mean that a large share of the list has one "
    "frame.",
}


@dataclass(frozen=True, eq=False)
class _Figure:
    """One average and what is said of it. ``rgb`` is ``None`` where there is nothing to average."""

    heading: str
    count: int
    rgb: NDArray[np.uint8] | None


def draw_composite(
    averages: Mapping[str, tuple[int, Sum]],
    *,
    of: str | None = None,
    title: str = "What the pictures have in common",
    template: Template | None = None,
) -> bytes:
    """The averages as PNG bytes; the same input gives the same bytes.

    ``averages``: how many pictures and the sum of their tiles for ``likely_generated`` and
    ``rest``; a missing group is empty. ``of``: one of the two or ``all``; ``None`` shows the two
    side by side. ``template``: draws its rings over the averages. Raises ``ValueError`` for another
    ``of``.
    """
    names = (LIKELY, REST) if of is None else (of,)
    figures = [_figure(averages, name) for name in names]
    columns = [_column(number) for number in range(len(figures))]
    right = round(columns[-1].right)
    heading = stack(_heading(title), Box(_MARGIN_PX, _MARGIN_PX, right, _MARGIN_PX), 0)
    top = heading[-1].bottom + 22
    rows = [*heading]
    bottom = top
    for name, figure, column in zip(names, figures, columns, strict=True):
        below = top + _SIDE_PX + 12 + _STRIP_PX + 14
        said = stack(_says(name, figure), Box(column.left, below, column.right, below), 0)
        rows += said
        bottom = max(bottom, said[-1].bottom)
    print_ = stack(_small_print(), Box(_MARGIN_PX, bottom + 24, right, bottom + 24), 0)
    rows += print_
    shape = round(print_[-1].bottom) + _MARGIN_PX, right + _MARGIN_PX, 3
    canvas: Canvas = np.full(shape, PAPER, dtype=np.uint8)
    for figure, column in zip(figures, columns, strict=True):
        _draw_figure(canvas, figure, Box(column.left, top, column.right, top), template)
    return encode_png(_lettered(canvas, rows))


def mean_picture(count: int, total: Sum) -> NDArray[np.uint8]:
    """The average of ``count`` (1 or more) tiles from their sum, uint8 (192, 192, 3)."""
    if total.shape != (TILE_PX, TILE_PX, 3):
        raise ValueError(f"a sum of tiles has no shape {total.shape}")
    return np.round(np.asarray(total, dtype=np.float64) / count).clip(0, 255).astype(np.uint8)


def _figure(averages: Mapping[str, tuple[int, Sum]], name: str) -> _Figure:
    if name not in _HEADING:
        raise ValueError(f"there is no average of {name!r}")
    wanted = (LIKELY, REST) if name == ALL else (name,)
    groups = [averages[group] for group in wanted if group in averages and averages[group][0] > 0]
    count = sum(n for n, _ in groups)
    if count == 0:
        return _Figure(_HEADING[name], 0, None)
    total = np.sum([np.asarray(total, dtype=np.float64) for _, total in groups], axis=0)
    return _Figure(_HEADING[name], count, mean_picture(count, total))


def _column(number: int) -> Box:
    left = _MARGIN_PX + number * (_SIDE_PX + _GAP_PX)
    return Box(left, 0, left + _SIDE_PX, 0)


def _heading(title: str) -> Iterator[Row]:
    yield Row(title, TITLE)
    yield Row(
        "Avatars laid over one another as they are, none aligned: eyes stay sharp where pictures "
        "share one frame, and turn to mist where they do not. Below each, its eyes enlarged.",
        SMALL,
        space_above_px=4,
    )


def _says(name: str, figure: _Figure) -> Iterator[Row]:
    yield Row(f"{figure.heading}: {cohort_text.counted(figure.count, 'picture')}", HEADING)
    yield Row(caution(name, figure.count), SMALL, space_above_px=4)


def caution(name: str, count: int) -> str:
    """How far an average of ``count`` pictures may be read, and how."""
    if count == 0:
        return "There is no picture in this group, so there is no average."
    if count == 1:
        return "A single picture, not an average: its sharpness says nothing."
    if count < FEW:
        return "Few pictures: each still shows through, so sharpness says little."
    return _MEANING[name]


def _small_print() -> Iterator[Row]:
    yield Row(
        "An average shows a shared frame, not who made it: portraits that somebody cut by one "
        "recipe are sharp as well. It says nothing of any one picture.",
        SMALL,
    )
    yield Row(SCOPE, SMALL, space_above_px=2)


def _draw_figure(canvas: Canvas, figure: _Figure, at: Box, template: Template | None) -> None:
    square = Box(at.left, at.top, at.right, at.top + _SIDE_PX)
    strip = Box(at.left, square.bottom + 12, at.right, square.bottom + 12 + _STRIP_PX)
    for box in (square, strip):
        shapes.fill_box(canvas, box, STAGE if figure.rgb is not None else RULE)
    if figure.rgb is None:
        return
    _enlarge(canvas, figure.rgb, (0.0, 0.0, 1.0, 1.0), square)
    _enlarge(canvas, figure.rgb, _STRIP, strip)
    if template is None:
        return
    for eye in template.centres:
        spot = eye * _SIDE_PX + [square.left, square.top]
        shapes.crosshair_ring(canvas, spot, _RING_PX, TEMPLATE_EYE, shapes.SLIM)


def _enlarge(
    canvas: Canvas, rgb: NDArray[np.uint8], part: tuple[float, float, float, float], box: Box
) -> None:
    """``part`` of ``rgb`` (unit coordinates) fills ``box``, straight from px to px."""
    left, top, right, bottom = part
    scale = np.array([right - left, bottom - top]) * TILE_PX / [box.width, box.height]
    # From a px of the drawing to one of the tile, both counted from their first px's centre.
    origin = np.array([left, top]) * TILE_PX + scale / 2 - 0.5
    turn = np.array([[scale[0], 0.0, origin[0]], [0.0, scale[1], origin[1]]])
    size = round(box.width), round(box.height)
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    drawn = cv2.warpAffine(rgb, turn, size, flags=how, borderMode=cv2.BORDER_REPLICATE)
    x, y = round(box.left), round(box.top)
    canvas[y : y + size[1], x : x + size[0]] = drawn


def _lettered(canvas: Canvas, rows: list[PlacedRow]) -> Canvas:
    image = Image.fromarray(canvas)
    draw = ImageDraw.Draw(image)
    for row in rows:
        draw_row(draw, row)
    return np.asarray(image)
