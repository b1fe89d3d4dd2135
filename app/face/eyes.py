"""Both eyes of a face crop, cut out at their irises' own size: what ``irises`` looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from app.face.crop import FaceCrop
from app.face.face import IRIS_LEFT, MIRROR, FloatArray
from app.face.median import median

Mask = NDArray[np.bool_]

MIN_RADIUS_PX: Final = 2.0
"""Narrower irises (turned heads, misplaced landmarks) are a dozen pixels."""
MAX_RADIUS: Final = 0.1
"""A larger iris, unit, is none: a real one has 0.022."""
GRID: Final = 40
"""Samples across an eye's square."""
REACH: Final = 1.5
"""Half the square, in iris radii: the ring and some white of the eye."""

# The lids' outline of the eye on the viewer's left (FACEMESH_RIGHT_EYE of MediaPipe) and the
# cheeks under both eyes.
_LIDS: Final = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
_CHEEKS: Final = (50, 280, 205, 425)

_AXIS: Final = ((np.arange(GRID) + 0.5) / GRID * 2.0 - 1.0) * REACH
X, Y = np.meshgrid(_AXIS, _AXIS)
R: Final = np.hypot(X, Y)
"""Of every sample from the iris's centre, iris radii: to the right, down, and how far away."""
DISC: Final = R < 0.9
"""The iris without its very edge."""


@dataclass(frozen=True, eq=False)
class Eye:
    """One eye in units of its iris radius. ``lab``: CIE Lab (40, 40, 3); ``open``: between lids.

    ``centre`` and ``radius`` of the iris: unit coordinates of the crop.
    """

    lab: FloatArray
    open: Mask
    centre: FloatArray
    radius: float

    @property
    def lightness(self) -> FloatArray:
        out: FloatArray = self.lab[..., 0]
        return out

    @property
    def visible(self) -> float:
        """Share of the iris that the lids leave free, 0 to 1."""
        return float((DISC & self.open).sum() / DISC.sum())


def quantile(values: FloatArray, share: float) -> float:
    """As numpy's, between the nearest two; a third of the time for so few numbers.

    ``values`` in ascending order, at least one; ``share`` 0 to 1.
    """
    at = share * (len(values) - 1)
    low = int(at)
    high = min(low + 1, len(values) - 1)
    return float(values[low] + (at - low) * (values[high] - values[low]))


def eye_at(crop: FaceCrop, centre: int) -> Eye | None:
    """The eye whose iris centre is landmark ``centre``; ``None`` if it is too small."""
    points = crop.landmarks
    middle = points[centre]
    radius = float(np.linalg.norm(points[centre + 1 : centre + 5] - middle, axis=1).mean())
    if radius * crop.side_px < MIN_RADIUS_PX or radius > MAX_RADIUS:
        return None
    at = ((middle + radius * np.stack([X, Y], axis=2)) * crop.side_px - 0.5).astype(np.float32)
    at = np.clip(at, -1e4, 1e4)  # OpenCV's fixed-point coordinates end soon after
    pixels = cv2.remap(
        crop.rgb, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    lids = list(_LIDS) if centre == IRIS_LEFT else MIRROR[list(_LIDS)]
    return Eye(_lab(pixels), _between_lids((points[lids] - middle) / radius), middle, radius)


def _lab(pixels: NDArray[np.generic]) -> FloatArray:
    out: FloatArray = np.asarray(
        cv2.cvtColor(pixels.astype(np.float32) / np.float32(255.0), cv2.COLOR_RGB2LAB),
        dtype=np.float64,
    )
    return out


def _between_lids(outline: FloatArray) -> Mask:
    """Which samples lie within ``outline``, in iris radii from the centre."""
    bits = 4
    samples = (np.clip(outline, -50.0, 50.0) / REACH + 1.0) / 2.0 * GRID - 0.5
    mask = np.zeros((GRID, GRID), dtype=np.uint8)
    cv2.fillPoly(mask, [np.round(samples * 2**bits).astype(np.int32)], (1,), shift=bits)
    return mask.astype(np.bool_)


def cheek_lightness(crop: FaceCrop) -> float:
    """Median L* of four places on the cheeks."""
    at = np.clip(crop.landmarks[list(_CHEEKS)] * crop.side_px, 0, crop.side_px - 1).astype(np.intp)
    return float(median(_lab(crop.rgb[at[:, 1], at[:, 0]][None])[0, :, 0]))
