"""The marks of checks as the overlay draws them: one number and one style for each check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.arrays import FloatArray
from app.evidence import Analysis, Evidence, Mark, Reading
from app.face.alignment import Box
from app.render import shapes
from app.render.shapes import CASING, Canvas, Casing
from app.render.style import CheckStyle, Stroke, check_style

MARK_RADIUS_PX: Final = 3.5
BADGE_RADIUS_PX: Final = 14.0


@dataclass(frozen=True, eq=False)
class StyledMark:
    """A mark with its check's style. ``number``: of the check, 1 for the first of the analysis.

    ``is_dashed``: whether another mark of the check, with another label, is drawn solid.
    """

    number: int
    check: str
    mark: Mark
    style: CheckStyle
    is_dashed: bool = False


@dataclass(frozen=True, eq=False)
class Badge:
    """The number of a check in a disc of its colour, at ``centre`` px of the canvas."""

    number: int
    centre: FloatArray
    style: CheckStyle


def marks_of(number: int, evidence: Evidence) -> tuple[StyledMark, ...]:
    """Every mark of one check; those with other labels than the first are dashed."""
    if not isinstance(evidence.measurement, Reading):
        return ()
    marks = [mark for mark in evidence.measurement.marks if len(mark.points)]
    lines = [mark.label for mark in marks if mark.shape != "dots"]
    style = check_style(evidence.check.name)
    return tuple(
        StyledMark(number, evidence.check.name, mark, style, mark.label not in lines[:1])
        for mark in marks
    )


def all_marks(analysis: Analysis) -> tuple[StyledMark, ...]:
    """The marks of every check, in the order of the analysis."""
    return tuple(
        styled
        for number, evidence in enumerate(analysis.evidence, start=1)
        for styled in marks_of(number, evidence)
    )


def draw_mark(
    canvas: Canvas,
    points: FloatArray,
    styled: StyledMark,
    within: Box,
    casing: Casing = CASING,
    dot_radius_px: float = MARK_RADIUS_PX,
) -> None:
    """One mark in its check's style; ``points`` (n, 2) px of the canvas."""
    style, shape = styled.style, styled.mark.shape
    if shape == "dots":
        for point in points[shapes.is_inside(points, within)]:
            shapes.draw_dot(canvas, point, dot_radius_px, style.colour, style.dot_shape, casing)
        return
    path = shapes.close_path(points) if shape == "outline" else points
    stroke = Stroke(style.colour, 2, style.dash_px if styled.is_dashed else ())
    shapes.stroke_paths(canvas, [path], stroke, within, casing)


def draw_badge_disc(canvas: Canvas, badge: Badge) -> None:
    """The disc of a badge; its number is written later."""
    shapes.draw_dot(canvas, badge.centre, BADGE_RADIUS_PX, badge.style.colour, "disc")


def place_badges(
    points_by_check: Sequence[tuple[int, CheckStyle, FloatArray]],
    keep_clear: FloatArray,
    within: Box,
) -> tuple[Badge, ...]:
    """A badge at a corner of each check's marks, apart from other badges and ``keep_clear``.

    ``points_by_check``: number, style and marked points (n, 2) of each check; ``keep_clear``:
    points (n, 2) that no badge may hide, the eyes. All px of the canvas.
    """
    badges: list[Badge] = []
    taken = [*keep_clear]
    for number, style, points in points_by_check:
        corners = _corners_around(points, within)
        distances = [
            min((float(np.hypot(*(corner - other))) for other in taken), default=np.inf)
            for corner in corners
        ]
        clear = [d >= 2.4 * BADGE_RADIUS_PX for d in distances]
        best = clear.index(True) if any(clear) else int(np.argmax(distances))
        badges.append(Badge(number, corners[best], style))
        taken.append(corners[best])
    return tuple(badges)


def _corners_around(points: FloatArray, within: Box) -> list[FloatArray]:
    """Centres for a badge just outside the corners of ``points``, moved into ``within``."""
    reach = BADGE_RADIUS_PX + 4.0
    (left, top), (right, bottom) = points.min(axis=0) - reach, points.max(axis=0) + reach
    lower = np.array([within.left, within.top]) + reach
    upper = np.maximum(np.array([within.right, within.bottom]) - reach, lower)
    corners = ((right, top), (left, top), (right, bottom), (left, bottom))
    return [np.clip(np.array(corner), lower, upper) for corner in corners]
