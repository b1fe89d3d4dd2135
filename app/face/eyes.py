"""Both eyes of a face crop, resampled in units of the iris radius, for ``app.checks.irises``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import BoolArray, FloatArray
from app.face.crop import FaceCrop
from app.face.face import IRIS_LEFT, MIRROR_INDEX
from app.face.median import median

MIN_RADIUS_PX: Final = 2.0
"""Narrower irises (turned heads, misplaced landmarks) are a dozen pixels."""
MAX_RADIUS_UNIT: Final = 0.1
"""A larger radius, unit, is a landmark failure: a real one is 0.022."""
GRID_SIZE: Final = 40
"""Samples across an eye's square."""
GRID_EXTENT: Final = 1.5
"""Half the square, in iris radii: the ring and some white of the eye."""

# The lids' outline of the eye on the viewer's left (FACEMESH_RIGHT_EYE of MediaPipe) and the
# cheeks under both eyes.
_LIDS: Final = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
_CHEEKS: Final = (50, 280, 205, 425)

_GRID_AXIS: Final = ((np.arange(GRID_SIZE) + 0.5) / GRID_SIZE * 2.0 - 1.0) * GRID_EXTENT
GRID_X, GRID_Y = np.meshgrid(_GRID_AXIS, _GRID_AXIS)
GRID_RADIUS: Final = np.hypot(GRID_X, GRID_Y)
"""Of every sample from the iris's centre, iris radii: to the right, down, and how far away."""
IRIS_DISC: Final = GRID_RADIUS < 0.9
"""The iris without its very edge."""


@dataclass(frozen=True, eq=False)
class Eye:
    """One eye in units of its iris radius.

    ``lab``: CIE Lab (40, 40, 3); ``open_mask``: between lids.

    ``centre`` and ``radius`` of the iris: unit coordinates of the crop.
    """

    lab: FloatArray
    open_mask: BoolArray
    centre: FloatArray
    radius: float

    @property
    def lightness(self) -> FloatArray:
        out: FloatArray = self.lab[..., 0]
        return out

    @property
    def visible_share(self) -> float:
        """Share of the iris that the lids leave free, 0 to 1."""
        return float((IRIS_DISC & self.open_mask).sum() / IRIS_DISC.sum())


def quantile(values: FloatArray, share: float) -> float:
    """As numpy's, between the nearest two; a third of the time for so few numbers.

    ``values`` in ascending order, at least one; ``share`` 0 to 1.
    """
    position = share * (len(values) - 1)
    low = int(position)
    high = min(low + 1, len(values) - 1)
    return float(values[low] + (position - low) * (values[high] - values[low]))


def extract_eye(crop: FaceCrop, centre: int) -> Eye | None:
    """The eye whose iris centre is landmark ``centre``; ``None`` if it is too small."""
    points = crop.landmarks
    iris_centre = points[centre]
    radius = float(np.linalg.norm(points[centre + 1 : centre + 5] - iris_centre, axis=1).mean())
    if radius * crop.side_px < MIN_RADIUS_PX or radius > MAX_RADIUS_UNIT:
        return None
    sample_px = (
        (iris_centre + radius * np.stack([GRID_X, GRID_Y], axis=2)) * crop.side_px - 0.5
    ).astype(np.float32)
    sample_px = np.clip(sample_px, -1e4, 1e4)  # the limit of OpenCV's fixed-point coordinates
    pixels = cv2.remap(
        crop.rgb,
        sample_px[..., 0],
        sample_px[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    lids = list(_LIDS) if centre == IRIS_LEFT else MIRROR_INDEX[list(_LIDS)]
    return Eye(
        _to_lab(pixels), _lid_mask((points[lids] - iris_centre) / radius), iris_centre, radius
    )


def _to_lab(pixels: NDArray[np.generic]) -> FloatArray:
    out: FloatArray = np.asarray(
        cv2.cvtColor(pixels.astype(np.float32) / np.float32(255.0), cv2.COLOR_RGB2LAB),
        dtype=np.float64,
    )
    return out


def _lid_mask(outline: FloatArray) -> BoolArray:
    """Which samples lie within ``outline``, in iris radii from the centre."""
    bits = 4
    samples = (np.clip(outline, -50.0, 50.0) / GRID_EXTENT + 1.0) / 2.0 * GRID_SIZE - 0.5
    mask = np.zeros((GRID_SIZE, GRID_SIZE), dtype=np.uint8)
    cv2.fillPoly(mask, [np.round(samples * 2**bits).astype(np.int32)], (1,), shift=bits)
    return mask.astype(np.bool_)


def cheek_lightness(crop: FaceCrop) -> float:
    """Median L* of four places on the cheeks."""
    cheek_px = np.clip(crop.landmarks[list(_CHEEKS)] * crop.side_px, 0, crop.side_px - 1).astype(
        np.intp
    )
    return float(median(_to_lab(crop.rgb[cheek_px[:, 1], cheek_px[:, 0]][None])[0, :, 0]))
