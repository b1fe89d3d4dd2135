"""A square part of the picture's frame with a whole list's eyes in it, and its axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from PIL import ImageDraw

from app.evidence import Points
from app.face.alignment import Box
from app.render import shapes
from app.render.eye_template import REGION_SDS, Template
from app.render.scatter.eye_histogram import Cloud, Counts, Group
from app.render.shapes import Canvas
from app.render.style import (
    BLACK,
    BLUE,
    FAINT_INK,
    INK,
    PAPER,
    RULE,
    SKY_BLUE,
    TEMPLATE_EYE,
    VERMILLION,
)
from app.render.text_layout import font

AXIS_PX: Final = 64
"""Room for the numbers and the name of an axis."""
TINTS: Final = {True: (VERMILLION, BLACK), False: (SKY_BLUE, BLUE)}
"""A density's colours from few to many: of the likely generated, of the rest."""
_TICK: Final = 15


@dataclass(frozen=True)
class Panel:
    """A square part of the picture's frame drawn into a square of the canvas.

    ``corner``, ``side``: unit coordinates. ``eye``: 0 left, 1 right, ``None`` for both.
    ``step``: from one tick to the next.
    """

    box: Box
    corner: tuple[float, float]
    side: float
    step: float
    eye: int | None = None

    def place(self, points: Points) -> Points:
        """``points`` (n, 2), unit coordinates, as px of the canvas."""
        placed: Points = (points - self.corner) / self.side * self.box.width + [
            self.box.left,
            self.box.top,
        ]
        return placed

    def ticks(self, axis: int) -> list[float]:
        """The numbers along an axis (0 across, 1 down), unit coordinates."""
        least = self.corner[axis]
        first = int(np.ceil(least / self.step - 1e-9))
        last = int(np.floor((least + self.side) / self.step + 1e-9))
        return [n * self.step for n in range(first, last + 1)]


def draw_panel(canvas: Canvas, panel: Panel, cloud: Cloud, template: Template) -> None:
    """The eyes of both groups and the template's regions; all but the letters."""
    box = panel.box
    edge = Box(box.left - 1, box.top - 1, box.right + 1, box.bottom + 1)
    shapes.fill_box(canvas, edge, FAINT_INK)
    shapes.fill_box(canvas, box, PAPER)
    inner = canvas[round(box.top) : round(box.bottom), round(box.left) : round(box.right)]
    local = Panel(
        Box(0, 0, inner.shape[1], inner.shape[0]),
        panel.corner,
        panel.side,
        panel.step,
        panel.eye,
    )
    # Drawn on a canvas of its own, so that nothing spills over the edge.
    drawn = np.ascontiguousarray(inner)
    _grid(drawn, local)
    for group, likely in ((cloud.rest, False), (cloud.likely, True)):
        if group.complete:
            _draw_points(drawn, local, group, likely)
        else:
            draw_density(drawn, _cells(group, panel), likely)
    draw_regions(drawn, local, template)
    inner[:] = drawn


def _grid(canvas: Canvas, panel: Panel) -> None:
    for axis in (0, 1):
        for value in panel.ticks(axis):
            at = int(panel.place(np.array([[value, value]]))[0][axis])
            lines = canvas if axis else canvas.transpose(1, 0, 2)
            if at < len(lines):
                lines[at] = RULE


def _draw_points(canvas: Canvas, panel: Panel, group: Group, likely: bool) -> None:
    points = group.points if panel.eye is None else group.points[:, panel.eye : panel.eye + 1]
    placed = panel.place(points.reshape(-1, 2))
    seen = ((placed > -8) & (placed < panel.box.width + 8)).all(axis=1)
    # Smaller where there are many; the insets hold few.
    least = 1.9 if panel.eye is None else 2.6
    radius = float(np.clip(60.0 / np.sqrt(max(group.faces, 1)), least, 3.2))
    for point in placed[seen]:
        draw_point(canvas, point, radius, likely)


def draw_point(canvas: Canvas, point: Points, radius_px: float, likely: bool) -> None:
    """One eye in the colour and shape of its group."""
    if likely:
        shapes.dot(canvas, point, radius_px + 0.6, VERMILLION, "diamond", shapes.SLIM)
    else:
        shapes.dot(canvas, point, radius_px, SKY_BLUE, "disc", ((0.5, BLUE),))


def _cells(group: Group, panel: Panel) -> Counts:
    return group.frame if panel.eye is None else group.insets[panel.eye]


def draw_density(canvas: Canvas, cells: Counts, likely: bool) -> None:
    """Cells with eyes in them tinted the darker the more, by their logarithm."""
    size = canvas.shape[1], canvas.shape[0]
    counts = cv2.resize(cells.astype(np.float32), size, interpolation=cv2.INTER_NEAREST)
    deep = np.log1p(counts) / np.log1p(max(1.0, float(counts.max())))
    light, dark = (np.array(c, dtype=np.float32) for c in TINTS[likely])
    tint = light + (dark - light) * deep[..., None]
    # A single eye in a cell is a breath, so that a million do not paint the frame one colour.
    cover = np.where(counts > 0, 0.25 + 0.75 * deep, 0.0)[..., None]
    canvas[:] = np.round(canvas * (1.0 - cover) + tint * cover).astype(np.uint8)


def draw_regions(canvas: Canvas, panel: Panel, template: Template) -> None:
    """An open ellipse around each template eye that the panel shows."""
    turn = np.linspace(0.0, 2.0 * np.pi, 72, endpoint=False)
    reach = REGION_SDS * np.array(template.sd)
    for eye, centre in enumerate(template.centres):
        if panel.eye in (None, eye):
            path = centre + reach * np.column_stack([np.cos(turn), np.sin(turn)])
            draw_outline(canvas, panel.place(path))


def draw_outline(canvas: Canvas, path: Points) -> None:
    """The template's open line through ``path`` (n, 2), px of the canvas."""
    fixed = np.round((path - 0.5) * 16).astype(np.int32)
    for width, colour in ((4, INK), (2, TEMPLATE_EYE.colour)):
        cv2.polylines(canvas, [fixed], True, colour, width, cv2.LINE_AA, 4)


def letter_axes(draw: ImageDraw.ImageDraw, panel: Panel) -> None:
    """Numbers along the lower and the left side, and what they count."""
    box, digits = panel.box, 1 if panel.step >= 0.1 else 2
    for axis in (0, 1):
        for value in panel.ticks(axis):
            at = panel.place(np.array([[value, value]]))[0]
            spot = (float(at[0]), box.bottom + 14) if axis == 0 else (box.left - 10, float(at[1]))
            anchor = "mm" if axis == 0 else "rm"
            draw.text(spot, f"{value + 0.0:.{digits}f}", FAINT_INK, font(_TICK), anchor=anchor)
    middle = (box.left + box.right) / 2, box.bottom + 38
    draw.text(middle, "across", INK, font(_TICK + 1), anchor="mm")
    draw.text((box.left - 44, box.top + 12), "down", INK, font(_TICK + 1), anchor="rm")
