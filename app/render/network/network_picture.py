"""A network as PNG: lines by kind, a point for each account, and what it does not show."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from app.arrays import FloatArray
from app.cohort.network.layout import NetworkLayout
from app.cohort.network.model import ALL_KINDS, EdgeKind, Network
from app.face.alignment import Box
from app.render import shapes
from app.render.lettering import Outline, write_line, write_rows
from app.render.network.scene import EDGE_STROKE, LABEL, NODE_STYLE, NetworkScene, build_scene
from app.render.png import encode_png
from app.render.shapes import Canvas
from app.render.style import FAINT_INK, PAPER, RULE
from app.render.text_layout import (
    BODY,
    is_legible,
    shorten_to_width,
    text_width_px,
)

_LABEL_PX: Final = 120
_LABEL_OUTLINE: Final = Outline(2, PAPER)
_OUTLINE: Final = ((0.8, PAPER),)


def draw_network(network: Network, layout: NetworkLayout, title: str) -> bytes:
    """PNG bytes; the same network gives the same bytes."""
    scene = build_scene(network, layout, title)
    width, height = scene.size
    canvas = shapes.make_canvas(width, height, PAPER)
    _draw_lines(canvas, scene)
    for index in np.flatnonzero(scene.is_drawn).tolist():
        _draw_node(canvas, scene.points[index], scene.radius_px, int(scene.styles[index]))
    for x, y, radius, _ in scene.discs:
        centre = round(x), round(y)
        cv2.circle(canvas, centre, round(radius), RULE, -1, cv2.LINE_AA)
        cv2.circle(canvas, centre, round(radius), FAINT_INK, 2, cv2.LINE_AA)
    for row, subject in scene.legend:
        assert row.symbol is not None
        _draw_symbol(canvas, row.symbol, subject)
    write_rows(canvas, (*scene.rows, *(row for row, _ in scene.legend)))
    _write_labels(canvas, scene)
    return encode_png(canvas)


def _draw_lines(canvas: Canvas, scene: NetworkScene) -> None:
    height, width = canvas.shape[:2]
    within = Box(0, 0, width, height)
    for code, kind in enumerate(ALL_KINDS):
        chosen = scene.edges[scene.kinds[scene.edges] == code]
        stroke = EDGE_STROKE[kind]
        if scene.is_dashed:
            shapes.stroke_paths(canvas, list(scene.ends[chosen]), stroke, within, ())
        else:
            fixed_point = np.round((scene.ends[chosen] - 0.5) * 16).astype(np.int32)
            cv2.polylines(canvas, list(fixed_point), False, stroke.colour, 1, cv2.LINE_AA, 4)


def _draw_node(canvas: Canvas, point: FloatArray, radius_px: float, style: int) -> None:
    colour, shape, _ = NODE_STYLE[style]
    shapes.draw_dot(canvas, point, radius_px, colour, shape, _OUTLINE)


def _draw_symbol(canvas: Canvas, box: Box, subject: EdgeKind | int) -> None:
    middle = shapes.box_centre(box)
    if isinstance(subject, EdgeKind):
        ends = np.array([[box.left, middle[1]], [box.right, middle[1]]])
        shapes.stroke_paths(canvas, [ends], EDGE_STROKE[subject], box, ())
    else:
        _draw_node(canvas, middle, 6.5, subject)


def _write_labels(canvas: Canvas, scene: NetworkScene) -> None:
    """Names and numbers, each only where none stands yet; what a disc holds, in its middle."""
    taken: list[tuple[float, float, float, float]] = []
    for x, y, text in scene.labels:
        shown = shorten_to_width(
            text if is_legible(text) else "(in another script)", LABEL, _LABEL_PX
        )
        half = text_width_px(shown, LABEL) / 2 + 2
        box = (x - half, y - LABEL.size_px / 2, x + half, y + LABEL.size_px / 2)
        if not any(_overlap(box, other) for other in taken):
            taken.append(box)
            write_line(canvas, (x, y), shown, LABEL, "middle", _LABEL_OUTLINE)
    for x, y, _, text in scene.discs:
        write_line(canvas, (x, y), text, BODY, "middle")


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
