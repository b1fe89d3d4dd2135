"""The avatar as it is, drawn large, with what was measured drawn over it and around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from app.arrays import FloatArray
from app.evidence import Analysis, Match
from app.face.alignment import Box
from app.face.face import Face
from app.face.orientation import turn_points_back, turned_size
from app.image.picture import Picture
from app.render import shapes
from app.render.overlay.mark_style import (
    Badge,
    StyledMark,
    all_marks,
    draw_badge_disc,
    draw_mark,
    place_badges,
)
from app.render.shapes import Canvas
from app.render.style import (
    CROP_SQUARE,
    IRIS_COLOUR,
    OTHER_FACE,
    PICTURE_FRAME,
    SURROUND,
    TEMPLATE_EYE,
    TEMPLATE_FRAME,
)

LONG_SIDE_PX: Final = 800
MIN_MARGIN_PX: Final = 72
MAX_MARGIN_PX: Final = 200
_CROP_PADDING_PX: Final = 20
"""Room left beyond the crop square where the margin grows to hold it."""

MAX_FIT_DISTANCE: Final = 10.0
"""Standard deviations beyond which no template fits: families scatter by some three."""
RING_RADIUS_PX: Final = 20.0
_IRIS_RADIUS_PX: Final = (2.5, 4.5)


@dataclass(frozen=True)
class OverlayLayout:
    """Where the picture lies: its ``avatar`` box inside the ``area``, px of the canvas."""

    picture_size: tuple[int, int]
    avatar: Box
    area: Box

    def to_canvas(self, points: FloatArray) -> FloatArray:
        """``points`` (n, 2), px of the picture, as px of the canvas."""
        scale = np.array([self.avatar.width, self.avatar.height]) / self.picture_size
        origin = np.array([self.avatar.left, self.avatar.top])
        on_canvas: FloatArray = np.asarray(points, dtype=np.float64) * scale + origin
        return on_canvas

    def box_to_canvas(self, box: Box) -> FloatArray:
        """Corners of ``box``, px of the picture, as px of the canvas: (4, 2), clockwise."""
        xs, ys = (
            (box.left, box.right, box.right, box.left),
            (box.top, box.top, box.bottom, box.bottom),
        )
        return self.to_canvas(np.column_stack([xs, ys]))


def scale_factor(picture_size: tuple[int, int]) -> float:
    """How many times as large as the picture the avatar is drawn."""
    return LONG_SIDE_PX / max(picture_size)


def avatar_size(picture_size: tuple[int, int]) -> tuple[int, int]:
    """Size of the drawn avatar: its longer side 800 px, its proportions kept, no side below 1."""
    scale = scale_factor(picture_size)
    width, height = (max(1, round(side * scale)) for side in picture_size)
    return width, height


def margins(picture_size: tuple[int, int], analysis: Analysis) -> tuple[int, int]:
    """Room left and right, above and below, so that crop square and template frame show."""
    shown_points = [crop_square_px(analysis)]
    if analysis.match and shows_template_frame(analysis.match, picture_size):
        frame = analysis.match.frame
        shown_points.append(np.array([[frame.left, frame.top], [frame.right, frame.bottom]]))
    size, drawn_size = np.array(picture_size), np.array(avatar_size(picture_size))
    points = [p for p in shown_points if p is not None]
    overhangs = [np.maximum(-p, p - size).max(axis=0) for p in points]
    needed = np.max([np.zeros(2), *overhangs], axis=0) * drawn_size / size + _CROP_PADDING_PX
    x, y = np.clip(needed, MIN_MARGIN_PX, MAX_MARGIN_PX)
    return round(float(x)), round(float(y))


def lay_out_overlay(
    picture_size: tuple[int, int], analysis: Analysis, height_px: int
) -> OverlayLayout:
    """An area at least ``height_px`` tall at the canvas's left, the avatar in its middle."""
    width, height = avatar_size(picture_size)
    x, y = margins(picture_size, analysis)
    area_height = max(height + 2 * y, height_px)
    top = (area_height - height) // 2
    return OverlayLayout(
        picture_size,
        avatar=Box(x, top, x + width, top + height),
        area=Box(0, 0, width + 2 * x, area_height),
    )


def crop_square_px(analysis: Analysis) -> FloatArray | None:
    """The crop square aligned to the face, as it was scored, px (4, 2); None if none was."""
    if analysis.alignment is None:
        return None
    turned_box = _picture_box(turned_size(analysis.size, analysis.orientation_deg))
    corners = analysis.alignment.corners(turned_box)
    return turn_points_back(corners, analysis.size, analysis.orientation_deg)


def extra_marks(analysis: Analysis) -> tuple[StyledMark, ...]:
    """Every check's marks but irises and crop square, which the overlay always draws."""
    known = _always_drawn_points(analysis)
    return tuple(
        styled
        for styled in all_marks(analysis)
        if not any(_is_same_place(styled.mark.points, k, analysis.size) for k in known)
    )


def overlay_badges(layout: OverlayLayout, analysis: Analysis) -> tuple[Badge, ...]:
    """The number of each check beside its marks."""
    points: dict[int, list[StyledMark]] = {}
    for styled in extra_marks(analysis):
        points.setdefault(styled.number, []).append(styled)
    eyes = analysis.face.eyes if analysis.face else np.empty((0, 2))
    marked = [
        (
            number,
            group[0].style,
            layout.to_canvas(np.concatenate([styled.mark.points for styled in group])),
        )
        for number, group in points.items()
    ]
    return place_badges(marked, layout.to_canvas(eyes), layout.area)


def draw_overlay_image(
    canvas: Canvas, layout: OverlayLayout, picture: Picture, analysis: Analysis
) -> None:
    """Draw the avatar and everything over it, in place; may spill beyond ``layout.area``."""
    shapes.fill_box(canvas, layout.area, SURROUND)
    _draw_avatar(canvas, layout, picture)
    for face in analysis.faces[1:]:
        outline = shapes.close_path(layout.to_canvas(face.oval))
        shapes.stroke_paths(canvas, [outline], OTHER_FACE, layout.area)
    if analysis.face:
        _draw_crop_square(canvas, layout, analysis)
    frame = shapes.polygon_sides(layout.box_to_canvas(_picture_box(picture.size)))
    shapes.stroke_paths(canvas, frame, PICTURE_FRAME, layout.area)
    for styled in extra_marks(analysis):
        draw_mark(canvas, layout.to_canvas(styled.mark.points), styled, layout.area)
    if analysis.match:
        _draw_template(canvas, layout, analysis.match)
    if analysis.face:
        _draw_irises(canvas, layout, analysis.face)
    for badge in overlay_badges(layout, analysis):
        draw_badge_disc(canvas, badge)


def fits_template(match: Match) -> bool:
    """Whether the face comes near the template at all."""
    return match.distance <= MAX_FIT_DISTANCE


def shows_template_frame(match: Match, picture_size: tuple[int, int]) -> bool:
    """Whether the generator's frame is worth drawing: it fits, and is not the picture's own."""
    box, whole = match.frame, _picture_box(picture_size)
    frame_edges = np.array([box.left, box.top, box.right, box.bottom])
    distance = np.abs(frame_edges - [whole.left, whole.top, whole.right, whole.bottom]).max()
    return fits_template(match) and bool(distance > 0.5)


def template_eyes_px(match: Match, picture_size: tuple[int, int]) -> FloatArray:
    """Where the template puts the irises, px of the picture, (2, 2).

    In the matched frame if that fits, else in the picture's own: the least bad of many frames that
    do not fit would mean nothing.
    """
    box = match.frame if fits_template(match) else _picture_box(picture_size)
    eyes = np.array(match.template_eyes, dtype=np.float64)
    eyes_px: FloatArray = eyes * [box.width, box.height] + [box.left, box.top]
    return eyes_px


def _draw_avatar(canvas: Canvas, layout: OverlayLayout, picture: Picture) -> None:
    left, top = int(layout.avatar.left), int(layout.avatar.top)
    size = avatar_size(picture.size)
    # Larger: straight from px to px, no filter that sharpens or rings. Smaller: the mean.
    interpolation = cv2.INTER_LINEAR_EXACT if scale_factor(picture.size) > 1.0 else cv2.INTER_AREA
    resized = cv2.resize(picture.rgb, size, interpolation=interpolation)
    canvas[top : top + size[1], left : left + size[0]] = resized


def _draw_crop_square(canvas: Canvas, layout: OverlayLayout, analysis: Analysis) -> None:
    square_px = crop_square_px(analysis)
    if square_px is None:
        return
    square = layout.to_canvas(square_px)
    shapes.stroke_paths(canvas, shapes.polygon_sides(square), CROP_SQUARE, layout.area)
    edge = Box(4, 4, layout.area.right - 4, layout.area.bottom - 4)
    for tip, direction in shapes.find_exits(square, edge):
        shapes.draw_arrow_head(canvas, tip, direction, CROP_SQUARE.colour)


def _draw_template(canvas: Canvas, layout: OverlayLayout, match: Match) -> None:
    if shows_template_frame(match, layout.picture_size):
        frame = shapes.polygon_sides(layout.box_to_canvas(match.frame))
        shapes.stroke_paths(canvas, frame, TEMPLATE_FRAME, layout.area)
    eyes = layout.to_canvas(template_eyes_px(match, layout.picture_size))
    for eye in eyes[shapes.is_inside(eyes, layout.area)]:
        shapes.draw_crosshair_ring(canvas, eye, RING_RADIUS_PX, TEMPLATE_EYE)


def _draw_irises(canvas: Canvas, layout: OverlayLayout, face: Face) -> None:
    eyes = layout.to_canvas(face.eyes)
    # Smaller where the eyes are close together, so that they stay two.
    radius = float(np.clip(np.hypot(*(eyes[1] - eyes[0])) / 10.0, *_IRIS_RADIUS_PX))
    for eye in eyes[shapes.is_inside(eyes, layout.area)]:
        shapes.draw_dot(canvas, eye, radius, IRIS_COLOUR, "disc")


def _always_drawn_points(analysis: Analysis) -> list[FloatArray]:
    if analysis.face is None:
        return []
    square = crop_square_px(analysis)
    return [analysis.face.eyes, *([] if square is None else [square])]


def _is_same_place(first: FloatArray, second: FloatArray, size: tuple[int, int]) -> bool:
    # Marks lie inside the picture; the square they repeat may not.
    if first.shape != second.shape:
        return False
    return bool(np.abs(np.clip(first, 0, size) - np.clip(second, 0, size)).max() < 1.0)


def _picture_box(size: tuple[int, int]) -> Box:
    return Box(0.0, 0.0, float(size[0]), float(size[1]))
