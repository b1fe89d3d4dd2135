"""Lines, dots and rings that show on any background: colour in a light casing in a dark one.

Everything is drawn in place, anti-aliased and to a sixteenth of a px, on a canvas uint8 (H, W, 3);
points are px with the origin at the canvas's outer top-left corner.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from app.evidence import Points
from app.face.alignment import Box
from app.render.style import BLACK, WHITE, Colour, Dot, Stroke

Canvas = NDArray[np.uint8]
Segment = tuple[Points, Points]

_SHIFT: Final = 4
_ONE: Final = 1 << _SHIFT
_LEVEL_PX: Final = 1e-9
"""A segment that rises less is level: dividing by it would only overflow."""
Casing = tuple[tuple[float, Colour], ...]
"""How far beyond the stroke each casing reaches, px, and its colour; the outer one comes first."""

CASING: Final[Casing] = ((2.0, BLACK), (1.0, WHITE))
SLIM: Final[Casing] = ((0.5, BLACK),)
"""For avatars drawn small, where the other would hide what it marks."""

# Corners of a dot of radius 1, made about as large to the eye as a disc.
_DOTS: Final[dict[Dot, Points]] = {
    "square": np.array([[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]]),
    "diamond": np.array([[0.0, -1.3], [1.3, 0.0], [0.0, 1.3], [-1.3, 0.0]]),
    "triangle": np.array([[0.0, -1.3], [1.2, 0.9], [-1.2, 0.9]]),
}


def stroke_paths(canvas: Canvas, paths: Iterable[Points], stroke: Stroke, within: Box) -> None:
    """Draw the open paths, each (n, 2), as far as they lie ``within``."""
    pieces = [
        piece
        for path in paths
        for run in _runs(path, within)
        for piece in _dashes(run, stroke.dash_px)
    ]
    for reach, shade in (*CASING, (0.0, stroke.colour)):
        width = round(stroke.width_px + 2 * reach)
        for start, end in pieces:
            cv2.line(canvas, _fixed(start), _fixed(end), shade, width, cv2.LINE_AA, _SHIFT)


def loop(points: Points) -> Points:
    """The path through ``points`` (n, 2) and back to the first: (n + 1, 2)."""
    return np.concatenate([points, points[:1]])


def sides(corners: Points) -> list[Points]:
    """The sides of a polygon (n, 2) as n paths, so that dashes meet in its corners."""
    closed = loop(corners)
    return [closed[i : i + 2] for i in range(len(corners))]


def ways_out(corners: Points, within: Box) -> list[Segment]:
    """Where a polygon (n, 2) leaves ``within``: points on its edge, and unit vectors outwards.

    A side that is out of sight altogether is pointed to from the middle.
    """
    middle = np.array([within.left + within.right, within.top + within.bottom]) / 2
    ways: list[Segment] = []
    for start, end in sides(corners):
        inside = clip_segment(start, end, within)
        if inside is None:
            aim = (start + end) / 2
            seen = clip_segment(middle, aim, within)
            ways.extend([(seen[1], _unit(aim - middle))] if seen else [])
            continue
        if not _near(inside[0], start):
            ways.append((inside[0], _unit(start - end)))
        if not _near(inside[1], end):
            ways.append((inside[1], _unit(end - start)))
    return ways


def arrow_head(canvas: Canvas, tip: Points, way: Points, colour: Colour) -> None:
    """A filled arrow head with its ``tip`` here, pointing along the unit vector ``way``."""
    across = np.array([-way[1], way[0]])
    back = tip - 18.0 * way
    corners = np.stack([tip, back + 9.0 * across, back - 9.0 * across])
    middle = corners.mean(axis=0)
    for reach, shade in (*CASING, (0.0, colour)):
        _fill(canvas, middle + (corners - middle) * (1.0 + reach / 6.0), shade)


def dot(
    canvas: Canvas,
    centre: Points,
    radius_px: float,
    colour: Colour,
    kind: Dot,
    casing: Casing = CASING,
) -> None:
    """A filled dot around ``centre`` (2,)."""
    for reach, shade in (*casing, (0.0, colour)):
        radius = radius_px + reach
        if kind == "disc":
            cv2.circle(canvas, _fixed(centre), round(radius * _ONE), shade, -1, cv2.LINE_AA, _SHIFT)
        else:
            _fill(canvas, centre + _DOTS[kind] * radius, shade)


def crosshair_ring(
    canvas: Canvas, centre: Points, radius_px: float, stroke: Stroke, casing: Casing = CASING
) -> None:
    """An open ring with four ticks outwards; its inside is left untouched."""
    ways = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    ticks = [(centre + way * radius_px, centre + way * radius_px * 1.7) for way in ways]
    for reach, shade in (*casing, (0.0, stroke.colour)):
        width = round(stroke.width_px + 2 * reach)
        for start, end in ticks:
            cv2.line(canvas, _fixed(start), _fixed(end), shade, width, cv2.LINE_AA, _SHIFT)
        radius = round(radius_px * _ONE)
        cv2.circle(canvas, _fixed(centre), radius, shade, width, cv2.LINE_AA, _SHIFT)


def fill_box(canvas: Canvas, box: Box, colour: Colour) -> None:
    """Fill ``box``, its edges rounded to whole px."""
    left, top, right, bottom = (round(v) for v in (box.left, box.top, box.right, box.bottom))
    if left < right and top < bottom:
        cv2.rectangle(canvas, (left, top), (right - 1, bottom - 1), colour, -1)


def clip_segment(start: Points, end: Points, within: Box) -> Segment | None:
    """The part of a segment inside ``within``, or None (Liang and Barsky 1984)."""
    way = end - start
    low, high = 0.0, 1.0
    for axis, (least, most) in enumerate(
        ((within.left, within.right), (within.top, within.bottom))
    ):
        if abs(way[axis]) < _LEVEL_PX:
            if not least <= start[axis] <= most:
                return None
            continue
        ends = sorted(((least - start[axis]) / way[axis], (most - start[axis]) / way[axis]))
        low, high = max(low, float(ends[0])), min(high, float(ends[1]))
    if low > high:
        return None
    return start + low * way, start + high * way


def _runs(path: Points, within: Box) -> list[list[Segment]]:
    """The segments of ``path`` inside ``within``, in runs that hang together."""
    runs: list[list[Segment]] = []
    for start, end in itertools.pairwise(path):
        inside = clip_segment(start, end, within)
        if inside is None:
            continue
        if runs and _near(runs[-1][-1][1], inside[0]):
            runs[-1].append(inside)
        else:
            runs.append([inside])
    return runs


def _dashes(run: list[Segment], dash_px: tuple[float, ...]) -> list[Segment]:
    """The drawn parts of a run; it begins and ends with half a dash, so that corners close."""
    lengths = [float(np.hypot(*(end - start))) for start, end in run]
    total = sum(lengths)
    if not dash_px or total <= dash_px[0]:
        return run
    # Stretch the pattern so that a whole number of them fits.
    stretch = total / (sum(dash_px) * max(1, round(total / sum(dash_px))))
    parts: list[Segment] = []
    done = 0.0
    for (start, end), length in zip(run, lengths, strict=True):
        for low, high in _drawn(done, done + length, dash_px, stretch):
            way = (end - start) / length
            parts.append((start + (low - done) * way, start + (high - done) * way))
        done += length
    return parts


def _drawn(
    start: float, end: float, dash_px: tuple[float, ...], stretch: float
) -> Iterator[tuple[float, float]]:
    """Where between ``start`` and ``end`` along a path the pen is down."""
    period = sum(dash_px) * stretch
    first = -dash_px[0] / 2 * stretch
    at = first + period * math.floor((start - first) / period)
    while at < end:
        for drawn, gap in zip(dash_px[::2], dash_px[1::2], strict=True):
            low, high = max(at, start), min(at + drawn * stretch, end)
            if low < high:
                yield low, high
            at += (drawn + gap) * stretch


def _fill(canvas: Canvas, corners: Points, colour: Colour) -> None:
    fixed = np.array([_fixed(p) for p in corners], dtype=np.int32)
    cv2.fillPoly(canvas, [fixed], colour, cv2.LINE_AA, _SHIFT)


def _fixed(point: Points) -> tuple[int, int]:
    # OpenCV counts from the first pixel's centre, we from its outer corner.
    return round((float(point[0]) - 0.5) * _ONE), round((float(point[1]) - 0.5) * _ONE)


def _unit(way: Points) -> Points:
    return way / max(float(np.hypot(*way)), 1e-9)


def _near(one: Points, other: Points) -> bool:
    return bool(np.abs(one - other).max() < 1e-6)
