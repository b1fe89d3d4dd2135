"""The similarity transform that FFHQ alignment fixes: the crop square that a face asks for.

FFHQ's recipe (Karras, Laine, Aila 2019, arXiv 1812.04948, appendix A; released as
``download_ffhq.py``) cuts every portrait so that eyes and mouth lie in the same place. A generator
trained on such crops draws its faces there. Computed again from the landmarks of a finished
picture, the square is the picture's own frame if the picture is an untouched StyleGAN portrait.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.face import Face, FloatArray

# The recipe's three numbers (``download_ffhq.py``): half the side is the larger of two eye
# distances and 1.8 eye-to-mouth distances, and the centre lies a tenth of the way to the mouth.
EYE_FACTOR: Final = 2.0
MOUTH_FACTOR: Final = 1.8
CENTRE_SHIFT: Final = 0.1


@dataclass(frozen=True)
class Box:
    """An upright rectangle, px: ``left``, ``top``, ``right``, ``bottom``."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top


@dataclass(frozen=True)
class Alignment:
    """The crop square that a face asks for, seen from a frame.

    ``centre``: (x, y) in unit coordinates of the frame (0 to 1, y down). ``side``: side of the
    square ÷ √(frame width × height). ``roll_deg``: turn of the square, degrees, clockwise
    positive. An untouched StyleGAN portrait has centre (0.500, 0.496), side 1.00, roll 0.
    """

    centre: tuple[float, float]
    side: float
    roll_deg: float

    def vector(self) -> tuple[float, float, float, float]:
        """(centre x, centre y, ln side, roll in radians): the coordinates densities live in."""
        return (*self.centre, math.log(self.side), math.radians(self.roll_deg))


def crop_square(face: Face) -> FloatArray:
    """Corners of the crop square that FFHQ's recipe cuts for ``face``, px, (4, 2).

    Order: top left, top right, bottom right, bottom left, in the square's own orientation. Irises
    stand for the recipe's eye centres (means of six dlib points). Raises ``ValueError`` if the
    landmarks are degenerate (all four points in one place).
    """
    eye_middle = face.eyes.mean(axis=0)
    eye_line = face.eyes[1] - face.eyes[0]
    to_mouth = face.mouth.mean(axis=0) - eye_middle
    # The recipe's x axis mixes the eye line with the perpendicular of eye-to-mouth.
    axis = eye_line + np.array([to_mouth[1], -to_mouth[0]])
    length = float(np.hypot(*axis))
    half = max(EYE_FACTOR * float(np.hypot(*eye_line)), MOUTH_FACTOR * float(np.hypot(*to_mouth)))
    if length == 0.0 or half == 0.0:
        raise ValueError("eyes and mouth coincide: no crop square")
    x = axis / length * half
    y = np.array([-x[1], x[0]])
    centre = eye_middle + CENTRE_SHIFT * to_mouth
    return np.stack([centre - x - y, centre + x - y, centre + x + y, centre - x + y])


def align(face: Face, frame: Box) -> Alignment:
    """The crop square of ``face`` as seen from ``frame``."""
    corners = crop_square(face)
    centre = corners.mean(axis=0)
    edge = corners[1] - corners[0]
    return Alignment(
        centre=(
            float((centre[0] - frame.left) / frame.width),
            float((centre[1] - frame.top) / frame.height),
        ),
        side=float(np.hypot(*edge)) / math.sqrt(frame.width * frame.height),
        roll_deg=math.degrees(math.atan2(edge[1], edge[0])),
    )
