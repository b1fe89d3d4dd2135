"""The average of a list's pictures: sharp eyes where pictures share a frame, blurred where not.

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

from app.arrays import RgbArray
from app.cohort.number_text import pluralize
from app.evidence import SCOPE
from app.face.alignment import Box
from app.records import AVERAGE_TILE_PX
from app.render import shapes
from app.render.eye_lines import draw_eye_lines
from app.render.eye_template import EyeTemplate
from app.render.lettering import write_rows
from app.render.png import encode_png
from app.render.shapes import Canvas
from app.render.style import PAPER, RULE, SURROUND
from app.render.text_layout import HEADING, SMALL, TITLE, TextRow, stack_rows

TileSum = NDArray[Any]
"""The sum of many tiles, (192, 192, 3), of any integer or float kind that holds it."""

LIKELY: Final = "likely_stylegan"
REST: Final = "rest"
ALL: Final = "all"
MIN_AVERAGED: Final = 10
"""Averages of fewer pictures still look like the people in them, in any frame."""

_SIDE_PX: Final = 560
_STRIP_PX: Final = 200
_MARGIN_PX: Final = 40
_GAP_PX: Final = 48
# The strip: the middle of the picture around the eyes, 2.8 times as wide as it is tall.
_EYE_STRIP: Final = (0.25, 0.382, 0.75, 0.5606)

_GROUP_HEADING: Final = {
    LIKELY: "Average of the likely StyleGAN",
    REST: "Average of the rest",
    ALL: "Average of all",
}

_GROUP_CAVEAT: Final = {
    LIKELY: "Chosen partly by where their eyes lie, so sharp eyes are to be expected here: how "
    "many pictures could be chosen is what counts.",
    REST: "People's own photographs each have their own frame. Eyes that show here would mean that "
    "more pictures share a frame than were flagged.",
    ALL: "Nothing was chosen here: eyes that show mean that a large share of the list has one "
    "frame.",
}


@dataclass(frozen=True, eq=False)
class _Average:
    """One average with its heading. ``rgb`` is ``None`` where there is nothing to average."""

    heading: str
    count: int
    rgb: RgbArray | None


def draw_composite(
    averages: Mapping[str, tuple[int, TileSum]],
    *,
    group: str | None = None,
    title: str = "What the pictures have in common",
    template: EyeTemplate | None = None,
) -> bytes:
    """The averages as PNG bytes; the same input gives the same bytes.

    ``averages``: how many pictures and the sum of their tiles for ``likely_stylegan`` and
    ``rest``; a missing group is empty. ``group``: one of the two or ``all``; ``None`` shows the two
    side by side. ``template``: draws its lines over the averages. Raises ``ValueError`` for another
    ``group``.
    """
    names = (LIKELY, REST) if group is None else (group,)
    drawn_averages = [_make_average(averages, name) for name in names]
    columns = [_column_box(number) for number in range(len(drawn_averages))]
    right = round(columns[-1].right)
    heading = stack_rows(_heading_rows(title), Box(_MARGIN_PX, _MARGIN_PX, right, _MARGIN_PX), 0)
    top = heading[-1].bottom + 22
    rows = [*heading]
    bottom = top
    for name, drawn_average, column in zip(names, drawn_averages, columns, strict=True):
        caption_top = top + _SIDE_PX + 12 + _STRIP_PX + 14
        caption = stack_rows(
            _caption_rows(name, drawn_average),
            Box(column.left, caption_top, column.right, caption_top),
            0,
        )
        rows += caption
        bottom = max(bottom, caption[-1].bottom)
    footer = stack_rows(_footer_rows(), Box(_MARGIN_PX, bottom + 24, right, bottom + 24), 0)
    rows += footer
    height = round(footer[-1].bottom) + _MARGIN_PX
    canvas = shapes.make_canvas(right + _MARGIN_PX, height, PAPER)
    for drawn_average, column in zip(drawn_averages, columns, strict=True):
        _draw_average(canvas, drawn_average, Box(column.left, top, column.right, top), template)
    write_rows(canvas, rows)
    return encode_png(canvas)


def mean_picture(count: int, total: TileSum) -> RgbArray:
    """The average of ``count`` (1 or more) tiles from their sum, uint8 (192, 192, 3)."""
    if total.shape != (AVERAGE_TILE_PX, AVERAGE_TILE_PX, 3):
        raise ValueError(f"a sum of tiles has no shape {total.shape}")
    return np.round(np.asarray(total, dtype=np.float64) / count).clip(0, 255).astype(np.uint8)


def _make_average(averages: Mapping[str, tuple[int, TileSum]], name: str) -> _Average:
    if name not in _GROUP_HEADING:
        raise ValueError(f"there is no average of {name!r}")
    members = (LIKELY, REST) if name == ALL else (name,)
    groups = [averages[group] for group in members if group in averages and averages[group][0] > 0]
    count = sum(n for n, _ in groups)
    if count == 0:
        return _Average(_GROUP_HEADING[name], 0, None)
    total = np.sum([np.asarray(total, dtype=np.float64) for _, total in groups], axis=0)
    return _Average(_GROUP_HEADING[name], count, mean_picture(count, total))


def _column_box(index: int) -> Box:
    left = _MARGIN_PX + index * (_SIDE_PX + _GAP_PX)
    return Box(left, 0, left + _SIDE_PX, 0)


def _heading_rows(title: str) -> Iterator[TextRow]:
    yield TextRow(title, TITLE)
    yield TextRow(
        "Avatars laid over one another as they are, none aligned: eyes stay sharp where pictures "
        "share one frame, and blur where they do not. Below each, its eyes enlarged.",
        SMALL,
        space_above_px=4,
    )


def _caption_rows(name: str, average: _Average) -> Iterator[TextRow]:
    yield TextRow(f"{average.heading}: {pluralize(average.count, 'picture')}", HEADING)
    yield TextRow(caveat_text(name, average.count), SMALL, space_above_px=4)


def caveat_text(name: str, count: int) -> str:
    """How far an average of ``count`` pictures may be read, and how."""
    if count == 0:
        return "There is no picture in this group, so there is no average."
    if count == 1:
        return "A single picture, not an average: its sharpness says nothing."
    if count < MIN_AVERAGED:
        return "Few pictures: each still shows through, so sharpness says little."
    return _GROUP_CAVEAT[name]


def _footer_rows() -> Iterator[TextRow]:
    yield TextRow(
        "An average shows a shared frame, not who made it: portraits that somebody cut by one "
        "recipe are sharp as well. It says nothing of any one picture.",
        SMALL,
    )
    yield TextRow(SCOPE, SMALL, space_above_px=2)


def _draw_average(
    canvas: Canvas, average: _Average, column: Box, template: EyeTemplate | None
) -> None:
    square = Box(column.left, column.top, column.right, column.top + _SIDE_PX)
    strip = Box(column.left, square.bottom + 12, column.right, square.bottom + 12 + _STRIP_PX)
    for box in (square, strip):
        shapes.fill_box(canvas, box, SURROUND if average.rgb is not None else RULE)
    if average.rgb is None:
        return
    _draw_enlarged(canvas, average.rgb, (0.0, 0.0, 1.0, 1.0), square)
    _draw_enlarged(canvas, average.rgb, _EYE_STRIP, strip)
    if template is None:
        return
    draw_eye_lines(canvas, square, template)


def _draw_enlarged(
    canvas: Canvas, rgb: RgbArray, source_box: tuple[float, float, float, float], box: Box
) -> None:
    """``source_box`` of ``rgb`` (unit coordinates) fills ``box``, straight from px to px."""
    left, top, right, bottom = source_box
    scale = np.array([right - left, bottom - top]) * AVERAGE_TILE_PX / [box.width, box.height]
    # From a px of the drawing to one of the tile, both counted from their first px's centre.
    origin = np.array([left, top]) * AVERAGE_TILE_PX + scale / 2 - 0.5
    matrix = np.array([[scale[0], 0.0, origin[0]], [0.0, scale[1], origin[1]]])
    size = round(box.width), round(box.height)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    enlarged = cv2.warpAffine(rgb, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    x, y = round(box.left), round(box.top)
    canvas[y : y + size[1], x : x + size[0]] = enlarged
