"""Apparent skin tone: the individual typology angle (ITA) of the cheeks, for error rates by tone.

It depends on light and camera as much as on skin and says nothing about ancestry: the same person
moves a band or two from one photograph to the next. Its only purpose is to see whether false alarms
and recall depend on how light or dark a face appears. No score uses it.

ITA = arctan((L* − 50) ÷ b*), degrees; Chardon, Cretois, Hourseau 1991 (International Journal of
Cosmetic Science 13), whose six bands are used here.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np

from app.arrays import FloatArray, RgbArray
from app.face.face import Face

ITA_BANDS: Final = (
    ("very_light", 55.0),
    ("light", 41.0),
    ("intermediate", 28.0),
    ("tan", 10.0),
    ("brown", -30.0),
    ("dark", -math.inf),
)
"""Name and lowest ITA (excluded), degrees, from light to dark."""
MIN_CHROMA: Final = 3.0
"""CIELAB chroma below which a picture has no colour to measure (black and white photographs)."""
# On the cheeks below the eyes, outside the nose's shadow and above the mouth (MediaPipe's mesh).
_CHEEK_POINTS: Final = (50, 280, 205, 425, 101, 330)
_RADIUS_EYE_DISTANCES: Final = 0.08


def cheek_ita_deg(rgb: RgbArray, face: Face) -> float | None:
    """ITA of the cheeks of ``face`` in ``rgb`` (h, w, 3), degrees; ``None`` without colour."""
    pixels = _cheek_pixels(rgb, face)
    if not len(pixels):
        return None
    lab = cv2.cvtColor((pixels[None] / 255.0).astype(np.float32), cv2.COLOR_RGB2LAB)[0]
    lightness, a, b = np.median(lab, axis=0).tolist()
    if math.hypot(a, b) < MIN_CHROMA:
        return None
    return math.degrees(math.atan2(lightness - 50.0, max(b, 1e-6)))


def ita_band(ita_deg: float) -> str:
    """The name of the band that ``ita_deg`` falls into."""
    return next(name for name, lowest in ITA_BANDS if ita_deg > lowest)


def _cheek_pixels(rgb: RgbArray, face: Face) -> FloatArray:
    """Pixels of a square around each cheek point, (n, 3); those inside the picture."""
    height, width = rgb.shape[:2]
    half = max(0.5, _RADIUS_EYE_DISTANCES * face.eye_distance_px)
    patches = []
    for x, y in face.landmarks[list(_CHEEK_POINTS)].tolist():
        left, right = max(0, math.floor(x - half)), min(width, math.ceil(x + half))
        top, bottom = max(0, math.floor(y - half)), min(height, math.ceil(y + half))
        if left < right and top < bottom:
            patches.append(rgb[top:bottom, left:right].reshape(-1, 3).astype(np.float64))
    out: FloatArray = np.concatenate(patches) if patches else np.zeros((0, 3))
    return out
