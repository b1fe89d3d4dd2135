"""What is kept of a flagged picture: its sheet, smaller, and the cut-outs of its checks alone."""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np

from app.arrays import RgbArray
from app.evidence import Analysis
from app.image.picture import Picture
from app.records import SHEET_DRAWING
from app.render.jpeg import encode_jpeg_within
from app.render.overlay.overlay import draw_sheet

SHEET_SCALE: Final = 0.7
"""At which the small print is 12 px tall, and still read."""
MAX_SHEET_PIXELS: Final = 3_000_000
CUT_OUT_PX: Final = (288, 192)
MAX_SHEET_BYTES: Final = 300_000
MAX_CUT_OUT_BYTES: Final = 24_000


def draw_kept(picture: Picture, analysis: Analysis, base_rate: float) -> dict[str, RgbArray]:
    """The sheet and each check's cut-out, by name: pixels (H, W, 3)."""
    canvas, layout = draw_sheet(picture, analysis, base_rate)
    width, height = layout.size
    scale = min(SHEET_SCALE, math.sqrt(MAX_SHEET_PIXELS / (width * height)))
    drawings = {SHEET_DRAWING: _resize(canvas, (int(width * scale), int(height * scale)))}
    for card in layout.cards:
        box = card.picture_box
        top, bottom, left, right = map(round, (box.top, box.bottom, box.left, box.right))
        name = card.cut_out.evidence.check.name
        drawings[name] = _resize(canvas[top:bottom, left:right], CUT_OUT_PX)
    return drawings


def encode_kept(drawings: dict[str, RgbArray]) -> dict[str, bytes]:
    """What ``draw_kept`` drew, as JPEG; without those that do not fit into their bounds."""
    bounds = {SHEET_DRAWING: MAX_SHEET_BYTES}
    encoded = {
        name: encode_jpeg_within(rgb, bounds.get(name, MAX_CUT_OUT_BYTES))
        for name, rgb in drawings.items()
    }
    return {name: jpeg for name, jpeg in encoded.items() if jpeg}


def _resize(rgb: RgbArray, size: tuple[int, int]) -> RgbArray:
    # Never to less than half: no px is passed over. Means of areas look the same and take six times
    # as long.
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
