"""The scale of llr: a line that ends at the calibration's bounds, the interval, and the llr."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from app.evidence import Analysis
from app.face.alignment import Box
from app.render import shapes
from app.render.shapes import Canvas
from app.render.style import FAINT_INK, INK, VERDICT_COLOUR
from app.render.text_layout import Painter

HEIGHT_PX: Final = 34
_INSET_PX: Final = 12.0
_BASELINE_PX: Final = 18.0


def scale_painter(analysis: Analysis) -> Painter:
    """A tick at every power of ten, the interval as a bar, the llr as a needle."""
    low, high = analysis.llr_bounds

    def x(llr: float, box: Box) -> float:
        share = (float(np.clip(llr, low, high)) - low) / (high - low)
        return box.left + _INSET_PX + share * (box.width - 2 * _INSET_PX)

    def paint(canvas: Canvas, box: Box) -> None:
        y = box.top + _BASELINE_PX
        shapes.fill_box(canvas, Box(x(low, box), y - 1, x(high, box), y + 1), FAINT_INK)
        for tick in (low, *range(math.ceil(low), math.floor(high) + 1), high):
            tall = 12 if tick in (low, 0, high) else 6
            at = x(tick, box)
            shapes.fill_box(canvas, Box(at - 1, y - tall, at + 1, y + tall), FAINT_INK)
        left, right = (x(end, box) for end in analysis.llr_interval)
        shapes.fill_box(canvas, Box(left - 2, y - 9, right + 2, y + 9), INK)
        shapes.fill_box(canvas, Box(left, y - 7, right, y + 7), VERDICT_COLOUR[analysis.verdict])
        needle = x(analysis.llr, box)
        shapes.fill_box(canvas, Box(needle - 1.5, y - 15, needle + 1.5, y + 15), INK)

    return paint
