"""A square part of the picture's frame with a whole list's eyes in it, and its axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from app.arrays import FloatArray, Int64Array
from app.face.alignment import Box
from app.render import shapes
from app.render.eye_template import REGION_SDS, EyeTemplate
from app.render.lettering import write_line
from app.render.scatter.eye_histogram import EyeGroup, EyeHistogram
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
from app.render.text_layout import TextStyle

AXIS_PX: Final = 64
"""Room for the numbers and the name of an axis."""
DENSITY_COLOURS: Final = {True: (VERMILLION, BLACK), False: (SKY_BLUE, BLUE)}
"""A density's colours from few to many: of the likely StyleGAN, of the rest."""
_TICK_STYLE: Final = TextStyle(15, FAINT_INK)
_AXIS_STYLE: Final = TextStyle(16, INK)


@dataclass(frozen=True)
class ScatterPanel:
    """A square part of the picture's frame drawn into a square of the canvas.

    ``corner``, ``side``: unit coordinates. ``eye``: 0 left, 1 right, ``None`` for both.
    ``tick_step``: from one tick to the next.
    """

    box: Box
    corner: tuple[float, float]
    side: float
    tick_step: float
    eye: int | None = None

    def to_canvas(self, points: FloatArray) -> FloatArray:
        """``points`` (n, 2), unit coordinates, as px of the canvas."""
        on_canvas: FloatArray = (points - self.corner) / self.side * self.box.width + [
            self.box.left,
            self.box.top,
        ]
        return on_canvas

    def ticks(self, axis: int) -> list[float]:
        """The numbers along an axis (0 across, 1 down), unit coordinates."""
        lower = self.corner[axis]
        first = int(np.ceil(lower / self.tick_step - 1e-9))
        last = int(np.floor((lower + self.side) / self.tick_step + 1e-9))
        return [n * self.tick_step for n in range(first, last + 1)]


def draw_scatter_panel(
    canvas: Canvas, panel: ScatterPanel, histogram: EyeHistogram, template: EyeTemplate
) -> None:
    """The eyes of both groups and the template's regions; all but the letters."""
    box = panel.box
    edge = Box(box.left - 1, box.top - 1, box.right + 1, box.bottom + 1)
    shapes.fill_box(canvas, edge, FAINT_INK)
    shapes.fill_box(canvas, box, PAPER)
    inner = canvas[round(box.top) : round(box.bottom), round(box.left) : round(box.right)]
    local_panel = ScatterPanel(
        Box(0, 0, inner.shape[1], inner.shape[0]),
        panel.corner,
        panel.side,
        panel.tick_step,
        panel.eye,
    )
    # Drawn on a canvas of its own, so that nothing spills over the edge.
    local_canvas = np.ascontiguousarray(inner)
    _draw_grid(local_canvas, local_panel)
    for group, likely in ((histogram.rest, False), (histogram.likely, True)):
        if group.is_complete:
            _draw_points(local_canvas, local_panel, group, likely)
        else:
            draw_density(local_canvas, _density_cells(group, panel), likely)
    draw_regions(local_canvas, local_panel, template)
    inner[:] = local_canvas


def _draw_grid(canvas: Canvas, panel: ScatterPanel) -> None:
    for axis in (0, 1):
        for value in panel.ticks(axis):
            index = int(panel.to_canvas(np.array([[value, value]]))[0][axis])
            lines = canvas if axis else canvas.transpose(1, 0, 2)
            if index < len(lines):
                lines[index] = RULE


def _draw_points(canvas: Canvas, panel: ScatterPanel, group: EyeGroup, likely: bool) -> None:
    points = group.points if panel.eye is None else group.points[:, panel.eye : panel.eye + 1]
    points_px = panel.to_canvas(points.reshape(-1, 2))
    is_visible = ((points_px > -8) & (points_px < panel.box.width + 8)).all(axis=1)
    # Smaller where there are many; the insets hold few.
    min_radius = 1.9 if panel.eye is None else 2.6
    radius = float(np.clip(60.0 / np.sqrt(max(group.faces, 1)), min_radius, 3.2))
    for point in points_px[is_visible]:
        draw_eye(canvas, point, radius, likely)


def draw_eye(canvas: Canvas, point: FloatArray, radius_px: float, likely: bool) -> None:
    """One eye in the colour and shape of its group."""
    if likely:
        shapes.draw_dot(canvas, point, radius_px + 0.6, VERMILLION, "diamond", shapes.SLIM_CASING)
    else:
        shapes.draw_dot(canvas, point, radius_px, SKY_BLUE, "disc", ((0.5, BLUE),))


def _density_cells(group: EyeGroup, panel: ScatterPanel) -> Int64Array:
    return group.frame if panel.eye is None else group.insets[panel.eye]


def draw_density(canvas: Canvas, cells: Int64Array, likely: bool) -> None:
    """Cells with eyes in them tinted the darker the more, by their logarithm."""
    size = canvas.shape[1], canvas.shape[0]
    counts = cv2.resize(cells.astype(np.float32), size, interpolation=cv2.INTER_NEAREST)
    depth = np.log1p(counts) / np.log1p(max(1.0, float(counts.max())))
    light, dark = (np.array(c, dtype=np.float32) for c in DENSITY_COLOURS[likely])
    tint = light + (dark - light) * depth[..., None]
    # A single eye in a cell is a breath, so that a million do not paint the frame one colour.
    opacity = np.where(counts > 0, 0.25 + 0.75 * depth, 0.0)[..., None]
    canvas[:] = np.round(canvas * (1.0 - opacity) + tint * opacity).astype(np.uint8)


def draw_regions(canvas: Canvas, panel: ScatterPanel, template: EyeTemplate) -> None:
    """An open ellipse around each template eye that the panel shows."""
    angles = np.linspace(0.0, 2.0 * np.pi, 72, endpoint=False)
    radii = REGION_SDS * np.array(template.sd)
    for eye, centre in enumerate(template.centres):
        if panel.eye in (None, eye):
            path = centre + radii * np.column_stack([np.cos(angles), np.sin(angles)])
            draw_outline(canvas, panel.to_canvas(path))


def draw_outline(canvas: Canvas, path: FloatArray) -> None:
    """The template's open line through ``path`` (n, 2), px of the canvas."""
    fixed_point = np.round((path - 0.5) * 16).astype(np.int32)
    for width, colour in ((4, INK), (2, TEMPLATE_EYE.colour)):
        cv2.polylines(canvas, [fixed_point], True, colour, width, cv2.LINE_AA, 4)


def label_axes(canvas: Canvas, panel: ScatterPanel) -> None:
    """Numbers along the lower and the left side, and what they count."""
    box, digits = panel.box, 1 if panel.tick_step >= 0.1 else 2
    for axis in (0, 1):
        for value in panel.ticks(axis):
            x, y = panel.to_canvas(np.array([[value, value]]))[0].tolist()
            text = f"{value + 0.0:.{digits}f}"
            if axis == 0:
                write_line(canvas, (x, box.bottom + 14), text, _TICK_STYLE, "middle")
            else:
                write_line(canvas, (box.left - 10, y), text, _TICK_STYLE, "right")
    middle = (box.left + box.right) / 2, box.bottom + 38
    write_line(canvas, middle, "across", _AXIS_STYLE, "middle")
    write_line(canvas, (box.left - 44, box.top + 12), "down", _AXIS_STYLE, "right")
