"""Thin lines through a template's eyes, and ticks where the irises were measured.

The lines stop short of the eyes and the ticks stand at the picture's edges, so that nothing covers
the eyes themselves: whether they lie where the lines meet is what a reader is to see.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from app.arrays import FloatArray
from app.face.alignment import Box
from app.render.eye_template import EyeTemplate
from app.render.shapes import Canvas, fill_box
from app.render.style import BLACK, IRIS_COLOUR, TEMPLATE_EYE

GAP_SHARE: Final = 0.075
"""Half the gap around an eye ÷ the picture's longer side: about half as wide as an eye is."""
TICK_SHARE: Final = 0.06
"""Length of a tick ÷ the picture's longer side."""

_PICTURE_PX_PER_LINE_PX: Final = 250.0
"""Lines are so much thinner than the picture is long, and never thinner than one px."""
_TICK_PX: Final = 2
_TICK_CASING_PX: Final = 1

Segment = tuple[tuple[float, float], tuple[float, float]]
"""Two ends, px: left or upper one first; level or upright."""


def draw_eye_lines(canvas: Canvas, picture: Box, template: EyeTemplate) -> None:
    """One line across each eye and one down, broken around the eyes; ``picture``: px."""
    longer = max(picture.width, picture.height)
    width_px = max(1, round(longer / _PICTURE_PX_PER_LINE_PX))
    for segment in _broken_lines(_to_canvas(template.centres, picture), picture, longer):
        fill_box(canvas, _intersect(_thicken(segment, width_px), picture), TEMPLATE_EYE.colour)


def draw_iris_ticks(canvas: Canvas, picture: Box, eyes: FloatArray) -> None:
    """Ticks at the edges, in line with each of ``eyes`` (2, 2), unit coordinates.

    At the top and the bottom for both eyes, at the left and the right for the eye of that side.
    """
    length = TICK_SHARE * max(picture.width, picture.height)
    for segment in _ticks(_to_canvas(eyes, picture), picture, length):
        casing = _thicken(segment, _TICK_PX + 2 * _TICK_CASING_PX)
        fill_box(canvas, _intersect(casing, picture), BLACK)
        fill_box(canvas, _intersect(_thicken(segment, _TICK_PX), picture), IRIS_COLOUR)


def _broken_lines(eyes: FloatArray, picture: Box, longer: float) -> Iterator[Segment]:
    gap = GAP_SHARE * longer
    (left_x, left_y), (right_x, right_y) = eyes.tolist()
    middle = (left_x + right_x) / 2
    yield (picture.left, left_y), (left_x - gap, left_y)
    yield (left_x + gap, left_y), (middle, left_y)
    yield (middle, right_y), (right_x - gap, right_y)
    yield (right_x + gap, right_y), (picture.right, right_y)
    for x, y in ((left_x, left_y), (right_x, right_y)):
        yield (x, picture.top), (x, y - gap)
        yield (x, y + gap), (x, picture.bottom)


def _ticks(eyes: FloatArray, picture: Box, length: float) -> Iterator[Segment]:
    (left_x, left_y), (right_x, right_y) = eyes.tolist()
    for x in (left_x, right_x):
        if picture.left <= x <= picture.right:
            yield (x, picture.top), (x, picture.top + length)
            yield (x, picture.bottom - length), (x, picture.bottom)
    if picture.top <= left_y <= picture.bottom:
        yield (picture.left, left_y), (picture.left + length, left_y)
    if picture.top <= right_y <= picture.bottom:
        yield (picture.right - length, right_y), (picture.right, right_y)


def _thicken(segment: Segment, width_px: int) -> Box:
    """``segment`` as a box in whole px, ``width_px`` across: lines are crisp on any background."""
    (x0, y0), (x1, y1) = segment
    if x0 == x1:
        left = round(x0 - width_px / 2)
        return Box(left, y0, left + width_px, y1)
    top = round(y0 - width_px / 2)
    return Box(x0, top, x1, top + width_px)


def _intersect(box: Box, within: Box) -> Box:
    return Box(
        max(box.left, within.left),
        max(box.top, within.top),
        min(box.right, within.right),
        min(box.bottom, within.bottom),
    )


def _to_canvas(points: FloatArray, picture: Box) -> FloatArray:
    origin = np.array([picture.left, picture.top])
    scaled: FloatArray = points * np.array([picture.width, picture.height]) + origin
    return scaled
