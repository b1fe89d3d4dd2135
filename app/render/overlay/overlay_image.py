"""The avatar as it is, drawn large, with what was measured drawn over it and around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from app.evidence import Analysis, Mark, Match, Points, Reading
from app.face.alignment import Box
from app.face.face import Face
from app.image.picture import Picture
from app.render import shapes
from app.render.shapes import Canvas
from app.render.style import (
    CROP_SQUARE,
    IRIS,
    OTHER_FACE,
    PICTURE_FRAME,
    STAGE,
    TEMPLATE_EYE,
    TEMPLATE_FRAME,
    CheckStyle,
    check_style,
)

LONG_SIDE_PX: Final = 800
MIN_MARGIN_PX: Final = 72
MAX_MARGIN_PX: Final = 200
_BREATH_PX: Final = 20
"""Room left beyond the crop square where the margin grows to hold it."""

FAR: Final = 10.0
"""Standard deviations beyond which no template fits: families scatter by some three."""
RING_PX: Final = 20.0
_IRIS_PX: Final = (2.5, 4.5)
_MARK_PX: Final = 3.5


@dataclass(frozen=True)
class Stage:
    """Where the picture lies: its ``avatar`` box inside the ``area``, px of the canvas."""

    picture_size: tuple[int, int]
    avatar: Box
    area: Box

    def place(self, points: Points) -> Points:
        """``points`` (n, 2), px of the picture, as px of the canvas."""
        scale = np.array([self.avatar.width, self.avatar.height]) / self.picture_size
        origin = np.array([self.avatar.left, self.avatar.top])
        placed: Points = np.asarray(points, dtype=np.float64) * scale + origin
        return placed

    def corners(self, box: Box) -> Points:
        """Corners of ``box``, px of the picture, as px of the canvas: (4, 2), clockwise."""
        xs, ys = (
            (box.left, box.right, box.right, box.left),
            (box.top, box.top, box.bottom, box.bottom),
        )
        return self.place(np.column_stack([xs, ys]))


@dataclass(frozen=True)
class DrawnMark:
    """A mark of some check that the overlay does not draw by itself already, and its style."""

    check: str
    mark: Mark
    style: CheckStyle


def enlargement(picture_size: tuple[int, int]) -> float:
    """How many times as large as the picture the avatar is drawn."""
    return LONG_SIDE_PX / max(picture_size)


def avatar_size(picture_size: tuple[int, int]) -> tuple[int, int]:
    """Size of the drawn avatar: its longer side 800 px, its proportions kept, no side below 1."""
    scale = enlargement(picture_size)
    width, height = (max(1, round(side * scale)) for side in picture_size)
    return width, height


def margins(picture_size: tuple[int, int], analysis: Analysis) -> tuple[int, int]:
    """Room left and right, above and below, so that crop square and template frame show."""
    reach = [square_asked(analysis)]
    if analysis.match and shows_frame(analysis.match, picture_size):
        frame = analysis.match.frame
        reach.append(np.array([[frame.left, frame.top], [frame.right, frame.bottom]]))
    size, drawn = np.array(picture_size), np.array(avatar_size(picture_size))
    points = [p for p in reach if p is not None]
    over = [np.maximum(-p, p - size).max(axis=0) for p in points]
    needed = np.max([np.zeros(2), *over], axis=0) * drawn / size + _BREATH_PX
    x, y = np.clip(needed, MIN_MARGIN_PX, MAX_MARGIN_PX)
    return round(float(x)), round(float(y))


def set_stage(picture_size: tuple[int, int], analysis: Analysis, height_px: int) -> Stage:
    """A stage at least ``height_px`` tall at the canvas's left, the avatar towards its top."""
    width, height = avatar_size(picture_size)
    x, y = margins(picture_size, analysis)
    return Stage(
        picture_size,
        avatar=Box(x, y, x + width, y + height),
        area=Box(0, 0, width + 2 * x, max(height + 2 * y, height_px)),
    )


def square_asked(analysis: Analysis) -> Points | None:
    """The crop square that the face asks for, as it was weighed, px (4, 2); None if none was."""
    whole = _whole(analysis.size)
    return analysis.alignment.corners(whole) if analysis.alignment else None


def other_marks(analysis: Analysis) -> tuple[DrawnMark, ...]:
    """Every check's marks but irises and crop square, which the overlay always draws."""
    known = _always_drawn(analysis)
    marks = [
        (evidence.check.name, mark)
        for evidence in analysis.evidence
        if isinstance(evidence.measured, Reading)
        for mark in evidence.measured.marks
        if len(mark.points) and not any(_same_place(mark.points, k, analysis.size) for k in known)
    ]
    names = list(dict.fromkeys(name for name, _ in marks))
    return tuple(DrawnMark(name, mark, check_style(names.index(name))) for name, mark in marks)


def draw_stage(canvas: Canvas, stage: Stage, picture: Picture, analysis: Analysis) -> None:
    """Draw the avatar and everything over it, in place; may spill beyond ``stage.area``."""
    shapes.fill_box(canvas, stage.area, STAGE)
    _draw_avatar(canvas, stage, picture)
    for face in analysis.faces[1:]:
        outline = shapes.loop(stage.place(face.oval))
        shapes.stroke_paths(canvas, [outline], OTHER_FACE, stage.area)
    if analysis.face:
        _draw_crop_square(canvas, stage, analysis)
    frame = shapes.sides(stage.corners(_whole(picture.size)))
    shapes.stroke_paths(canvas, frame, PICTURE_FRAME, stage.area)
    for drawn in other_marks(analysis):
        draw_mark(canvas, stage.place(drawn.mark.points), drawn.mark.shape, drawn.style, stage.area)
    if analysis.match:
        _draw_template(canvas, stage, analysis.match)
    if analysis.face:
        _draw_irises(canvas, stage, analysis.face)


def draw_mark(canvas: Canvas, points: Points, shape: str, style: CheckStyle, within: Box) -> None:
    """One mark in its check's style; ``points`` (n, 2) px of the canvas."""
    if shape == "dots":
        for point in points[_inside(points, within)]:
            shapes.dot(canvas, point, _MARK_PX, style.colour, style.dot)
    else:
        path = shapes.loop(points) if shape == "outline" else points
        shapes.stroke_paths(canvas, [path], style.stroke, within)


def fits(match: Match) -> bool:
    """Whether the face comes near the template at all."""
    return match.distance <= FAR


def shows_frame(match: Match, picture_size: tuple[int, int]) -> bool:
    """Whether the generator's frame is worth drawing: it fits, and is not the picture's own."""
    box, whole = match.frame, _whole(picture_size)
    ours = np.array([box.left, box.top, box.right, box.bottom])
    apart = np.abs(ours - [whole.left, whole.top, whole.right, whole.bottom]).max()
    return fits(match) and bool(apart > 0.5)


def template_eyes_px(match: Match, picture_size: tuple[int, int]) -> Points:
    """Where the template puts the irises, px of the picture, (2, 2).

    In the matched frame if that fits, else in the picture's own: a frame that was found only as
    the least bad of many would say nothing to whoever looks at it.
    """
    box = match.frame if fits(match) else _whole(picture_size)
    eyes = np.array(match.template_eyes, dtype=np.float64)
    placed: Points = eyes * [box.width, box.height] + [box.left, box.top]
    return placed


def _draw_avatar(canvas: Canvas, stage: Stage, picture: Picture) -> None:
    left, top = int(stage.avatar.left), int(stage.avatar.top)
    size = avatar_size(picture.size)
    # Larger: straight from px to px, no filter that sharpens or rings. Smaller: the mean.
    how = cv2.INTER_LINEAR_EXACT if enlargement(picture.size) > 1.0 else cv2.INTER_AREA
    drawn = cv2.resize(picture.rgb, size, interpolation=how)
    canvas[top : top + size[1], left : left + size[0]] = drawn


def _draw_crop_square(canvas: Canvas, stage: Stage, analysis: Analysis) -> None:
    asked = square_asked(analysis)
    if asked is None:
        return
    square = stage.place(asked)
    shapes.stroke_paths(canvas, shapes.sides(square), CROP_SQUARE, stage.area)
    edge = Box(4, 4, stage.area.right - 4, stage.area.bottom - 4)
    for tip, way in shapes.ways_out(square, edge):
        shapes.arrow_head(canvas, tip, way, CROP_SQUARE.colour)


def _draw_template(canvas: Canvas, stage: Stage, match: Match) -> None:
    if shows_frame(match, stage.picture_size):
        frame = shapes.sides(stage.corners(match.frame))
        shapes.stroke_paths(canvas, frame, TEMPLATE_FRAME, stage.area)
    eyes = stage.place(template_eyes_px(match, stage.picture_size))
    for eye in eyes[_inside(eyes, stage.area)]:
        shapes.crosshair_ring(canvas, eye, RING_PX, TEMPLATE_EYE)


def _draw_irises(canvas: Canvas, stage: Stage, face: Face) -> None:
    eyes = stage.place(face.eyes)
    # Smaller where the eyes are close together, so that they stay two.
    radius = float(np.clip(np.hypot(*(eyes[1] - eyes[0])) / 10.0, *_IRIS_PX))
    for eye in eyes[_inside(eyes, stage.area)]:
        shapes.dot(canvas, eye, radius, IRIS, "disc")


def _always_drawn(analysis: Analysis) -> list[Points]:
    if analysis.face is None:
        return []
    square = square_asked(analysis)
    return [analysis.face.eyes, *([] if square is None else [square])]


def _same_place(one: Points, other: Points, size: tuple[int, int]) -> bool:
    # Marks lie inside the picture; the square they repeat may not.
    if one.shape != other.shape:
        return False
    return bool(np.abs(np.clip(one, 0, size) - np.clip(other, 0, size)).max() < 1.0)


def _inside(points: Points, box: Box) -> Points:
    least, most = [box.left, box.top], [box.right, box.bottom]
    inside: Points = np.all((points >= least) & (points <= most), axis=1)
    return inside


def _whole(size: tuple[int, int]) -> Box:
    return Box(0.0, 0.0, float(size[0]), float(size[1]))
