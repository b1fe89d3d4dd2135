"""Lines, dots and rings that show on any background: colour in a light casing in a dark one.

Everything is drawn in place, anti-aliased and to a sixteenth of a px, on a canvas uint8 (H, W, 3);
points are px with the origin at the canvas's outer top-left corner.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import cv2
import numpy as np

from app.arrays import BoolArray, FloatArray, Int32Array, RgbArray
from app.face.alignment import Box
from app.render.style import BLACK, WHITE, Colour, DotShape, Stroke

Canvas = RgbArray
Segment = tuple[FloatArray, FloatArray]

_SUBPIXEL_BITS: Final = 4
_SUBPIXEL_SCALE: Final = 1 << _SUBPIXEL_BITS
_MIN_RISE_PX: Final = 1e-9
"""A segment that rises less is level: dividing by it would only overflow."""
Casing = tuple[tuple[float, Colour], ...]
"""How far beyond the stroke each casing reaches, px, and its colour; the outer one comes first."""

CASING: Final[Casing] = ((2.0, BLACK), (1.0, WHITE))
SLIM_CASING: Final[Casing] = ((0.5, BLACK),)
"""For avatars drawn small, where the other would hide what it marks."""

# Corners of a dot of radius 1, made about as large to the eye as a disc.
_DOT_CORNERS: Final[dict[DotShape, FloatArray]] = {
    "square": np.array([[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]]),
    "diamond": np.array([[0.0, -1.3], [1.3, 0.0], [0.0, 1.3], [-1.3, 0.0]]),
    "triangle": np.array([[0.0, -1.3], [1.2, 0.9], [-1.2, 0.9]]),
}


def make_canvas(width_px: int, height_px: int, colour: Colour) -> Canvas:
    """A canvas of one colour."""
    canvas: Canvas = np.empty((height_px, width_px, 3), dtype=np.uint8)
    # A tenth of the time that numpy takes to repeat three numbers.
    cv2.rectangle(canvas, (0, 0), (width_px - 1, height_px - 1), colour, -1)
    return canvas


def stroke_paths(
    canvas: Canvas,
    paths: Iterable[FloatArray],
    stroke: Stroke,
    within: Box,
    casing: Casing = CASING,
) -> None:
    """Draw the open paths, each (n, 2), as far as they lie ``within``."""
    pieces = [
        piece
        for path in paths
        for run in _clip_path(path, within)
        for piece in _split_into_dashes(run, stroke.dash_px)
    ]
    for reach, shade in (*casing, (0.0, stroke.colour)):
        _draw_segments(canvas, pieces, shade, round(stroke.width_px + 2 * reach))


def close_path(points: FloatArray) -> FloatArray:
    """The path through ``points`` (n, 2) and back to the first: (n + 1, 2)."""
    return np.concatenate([points, points[:1]])


def polygon_sides(corners: FloatArray) -> list[FloatArray]:
    """The sides of a polygon (n, 2) as n paths, so that dashes meet in its corners."""
    closed = close_path(corners)
    return [closed[i : i + 2] for i in range(len(corners))]


def find_exits(corners: FloatArray, within: Box) -> list[Segment]:
    """Where a polygon (n, 2) leaves ``within``: points on its edge, and unit vectors outwards.

    A side that is out of sight altogether is pointed to from the middle.
    """
    middle = np.array([within.left + within.right, within.top + within.bottom]) / 2
    exits: list[Segment] = []
    for start, end in polygon_sides(corners):
        inside = clip_segment(start, end, within)
        if inside is None:
            target = (start + end) / 2
            visible = clip_segment(middle, target, within)
            exits.extend([(visible[1], _normalize(target - middle))] if visible else [])
            continue
        if not _is_near(inside[0], start):
            exits.append((inside[0], _normalize(start - end)))
        if not _is_near(inside[1], end):
            exits.append((inside[1], _normalize(end - start)))
    return exits


def draw_arrow_head(canvas: Canvas, tip: FloatArray, direction: FloatArray, colour: Colour) -> None:
    """A filled arrow head with its ``tip`` here, pointing along the unit vector ``direction``."""
    across = np.array([-direction[1], direction[0]])
    back = tip - 18.0 * direction
    corners = np.stack([tip, back + 9.0 * across, back - 9.0 * across])
    middle = corners.mean(axis=0)
    for reach, shade in (*CASING, (0.0, colour)):
        _fill_polygon(canvas, middle + (corners - middle) * (1.0 + reach / 6.0), shade)


def draw_dot(
    canvas: Canvas,
    centre: FloatArray,
    radius_px: float,
    colour: Colour,
    shape: DotShape,
    casing: Casing = CASING,
) -> None:
    """A filled dot around ``centre`` (2,)."""
    for reach, shade in (*casing, (0.0, colour)):
        radius = radius_px + reach
        if shape == "disc":
            cv2.circle(
                canvas,
                _to_fixed_point(centre).tolist(),
                round(radius * _SUBPIXEL_SCALE),
                shade,
                -1,
                cv2.LINE_AA,
                _SUBPIXEL_BITS,
            )
        else:
            _fill_polygon(canvas, centre + _DOT_CORNERS[shape] * radius, shade)


def draw_crosshair_ring(
    canvas: Canvas, centre: FloatArray, radius_px: float, stroke: Stroke, casing: Casing = CASING
) -> None:
    """An open ring with four ticks outwards; its inside is left untouched."""
    directions = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    ticks = [(centre + way * radius_px, centre + way * radius_px * 1.7) for way in directions]
    for reach, shade in (*casing, (0.0, stroke.colour)):
        width = round(stroke.width_px + 2 * reach)
        _draw_segments(canvas, ticks, shade, width)
        radius = round(radius_px * _SUBPIXEL_SCALE)
        middle = _to_fixed_point(centre).tolist()
        cv2.circle(canvas, middle, radius, shade, width, cv2.LINE_AA, _SUBPIXEL_BITS)


def box_centre(box: Box) -> FloatArray:
    """The middle of ``box``, (2,)."""
    return np.array([(box.left + box.right) / 2, (box.top + box.bottom) / 2])


def fill_box(canvas: Canvas, box: Box, colour: Colour) -> None:
    """Fill ``box``, its edges rounded to whole px."""
    left, top, right, bottom = (round(v) for v in (box.left, box.top, box.right, box.bottom))
    if left < right and top < bottom:
        cv2.rectangle(canvas, (left, top), (right - 1, bottom - 1), colour, -1)


def clip_segment(start: FloatArray, end: FloatArray, within: Box) -> Segment | None:
    """The part of a segment inside ``within``, or None (Liang and Barsky 1984)."""
    vector = end - start
    low, high = 0.0, 1.0
    for axis, (lower, upper) in enumerate(
        ((within.left, within.right), (within.top, within.bottom))
    ):
        if abs(vector[axis]) < _MIN_RISE_PX:
            if not lower <= start[axis] <= upper:
                return None
            continue
        ends = sorted(((lower - start[axis]) / vector[axis], (upper - start[axis]) / vector[axis]))
        low, high = max(low, float(ends[0])), min(high, float(ends[1]))
    if low > high:
        return None
    return start + low * vector, start + high * vector


def is_inside(points: FloatArray, box: Box) -> BoolArray:
    """Whether each of ``points`` (n, 2) lies in ``box``: (n,)."""
    lower, upper = [box.left, box.top], [box.right, box.bottom]
    inside: BoolArray = np.all((points >= lower) & (points <= upper), axis=1)
    return inside


def _clip_path(path: FloatArray, within: Box) -> list[list[Segment]]:
    """The segments of ``path`` inside ``within``, in runs that hang together."""
    if is_inside(path, within).all():
        return [list(itertools.pairwise(path))]
    runs: list[list[Segment]] = []
    for start, end in itertools.pairwise(path):
        inside = clip_segment(start, end, within)
        if inside is None:
            continue
        if runs and _is_near(runs[-1][-1][1], inside[0]):
            runs[-1].append(inside)
        else:
            runs.append([inside])
    return runs


def _split_into_dashes(run: list[Segment], dash_px: tuple[float, ...]) -> list[Segment]:
    """The drawn parts of a run; it begins and ends with half a dash, so that corners close."""
    if not dash_px:
        return run
    lengths = [float(np.hypot(*(end - start))) for start, end in run]
    total = sum(lengths)
    if total <= dash_px[0]:
        return run
    # Stretch the pattern so that a whole number of them fits.
    stretch = total / (sum(dash_px) * max(1, round(total / sum(dash_px))))
    parts: list[Segment] = []
    travelled = 0.0
    for (start, end), length in zip(run, lengths, strict=True):
        for low, high in _dash_spans(travelled, travelled + length, dash_px, stretch):
            direction = (end - start) / length
            parts.append(
                (start + (low - travelled) * direction, start + (high - travelled) * direction)
            )
        travelled += length
    return parts


def _dash_spans(
    start: float, end: float, dash_px: tuple[float, ...], stretch: float
) -> Iterator[tuple[float, float]]:
    """Where between ``start`` and ``end`` along a path the pen is down."""
    period = sum(dash_px) * stretch
    first = -dash_px[0] / 2 * stretch
    dash_start = first + period * math.floor((start - first) / period)
    while dash_start < end:
        for dash, gap in zip(dash_px[::2], dash_px[1::2], strict=True):
            low, high = max(dash_start, start), min(dash_start + dash * stretch, end)
            if low < high:
                yield low, high
            dash_start += (dash + gap) * stretch


def _draw_segments(
    canvas: Canvas, segments: Sequence[Segment], colour: Colour, width_px: int
) -> None:
    """Straight strokes of one colour and width."""
    if segments:
        ends = list(_to_fixed_point(np.array(segments)))
        cv2.polylines(canvas, ends, False, colour, width_px, cv2.LINE_AA, _SUBPIXEL_BITS)


def _fill_polygon(canvas: Canvas, corners: FloatArray, colour: Colour) -> None:
    cv2.fillPoly(canvas, [_to_fixed_point(corners)], colour, cv2.LINE_AA, _SUBPIXEL_BITS)


def _to_fixed_point(points: FloatArray) -> Int32Array:
    """``points`` (…, 2) as OpenCV takes them."""
    # OpenCV counts from the first pixel's centre, we from its outer corner.
    fixed_point: Int32Array = np.rint((points - 0.5) * _SUBPIXEL_SCALE).astype(np.int32)
    return fixed_point


def _normalize(vector: FloatArray) -> FloatArray:
    return vector / max(float(np.hypot(*vector)), 1e-9)


def _is_near(first: FloatArray, second: FloatArray) -> bool:
    return bool(np.abs(first - second).max() < 1e-6)
