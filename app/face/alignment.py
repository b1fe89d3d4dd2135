"""The crop square of FFHQ's alignment, computed from a face's landmarks.

FFHQ's recipe (Karras, Laine, Aila 2019, arXiv 1812.04948, appendix A; released as
``download_ffhq.py``) cuts every portrait so that eyes and mouth lie in the same place. A generator
trained on such crops draws its faces there. Computed again from the landmarks of a finished
picture, the square is the picture's own frame if the picture is an untouched StyleGAN portrait.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.arrays import FloatArray
from app.face.face import Face

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
    """The crop square of a face, relative to a frame.

    ``centre``: (x, y) in unit coordinates of the frame (0 to 1, y down). ``side``: side of the
    square ÷ √(frame width × height). ``roll_deg``: turn of the square, degrees, clockwise
    positive. An untouched StyleGAN portrait has centre (0.500, 0.496), side 1.00, roll 0.
    """

    centre: tuple[float, float]
    side: float
    roll_deg: float

    @classmethod
    def from_vector(cls, vector: Sequence[float]) -> Alignment:
        """The inverse of ``vector``."""
        x, y, ln_side, roll = vector
        return cls((float(x), float(y)), math.exp(ln_side), math.degrees(roll))

    def corners(self, frame: Box) -> FloatArray:
        """The square's corners in ``frame``, px, (4, 2), in the order of ``crop_square``."""
        half = self.side * math.sqrt(frame.width * frame.height) / 2
        roll = math.radians(self.roll_deg)
        x = half * np.array([math.cos(roll), math.sin(roll)])
        y = np.array([-x[1], x[0]])
        centre = np.array(
            [
                frame.left + self.centre[0] * frame.width,
                frame.top + self.centre[1] * frame.height,
            ]
        )
        return np.stack([centre - x - y, centre + x - y, centre + x + y, centre - x + y])

    def vector(self) -> tuple[float, float, float, float]:
        """(centre x, centre y, ln side, roll in radians): the coordinates of the densities."""
        return (*self.centre, math.log(self.side), math.radians(self.roll_deg))


def crop_square(face: Face) -> FloatArray:
    """Corners of the crop square that FFHQ's recipe cuts for ``face``, px, (4, 2).

    Order: top left, top right, bottom right, bottom left, in the square's own orientation. Irises
    stand for the recipe's eye centres (means of six dlib points). Raises ``ValueError`` if the
    landmarks are degenerate (all four points in one place).
    """
    # Plain floats: numpy on pairs of numbers is ten times slower, and this runs five times per
    # face.
    (left_x, left_y), (right_x, right_y) = face.eyes.tolist()
    (mouth_left_x, mouth_left_y), (mouth_right_x, mouth_right_y) = face.mouth.tolist()
    eyes_x, eyes_y = (left_x + right_x) / 2, (left_y + right_y) / 2
    line_x, line_y = right_x - left_x, right_y - left_y
    down_x, down_y = (
        (mouth_left_x + mouth_right_x) / 2 - eyes_x,
        (mouth_left_y + mouth_right_y) / 2 - eyes_y,
    )
    # The recipe's x axis mixes the eye line with the perpendicular of eye-to-mouth.
    axis_x, axis_y = line_x + down_y, line_y - down_x
    length = math.hypot(axis_x, axis_y)
    half = max(EYE_FACTOR * math.hypot(line_x, line_y), MOUTH_FACTOR * math.hypot(down_x, down_y))
    if length == 0.0 or half == 0.0:
        raise ValueError("eyes and mouth coincide: no crop square")
    x, y = axis_x / length * half, axis_y / length * half
    centre_x, centre_y = eyes_x + CENTRE_SHIFT * down_x, eyes_y + CENTRE_SHIFT * down_y
    return np.array(
        [
            (centre_x - x + y, centre_y - y - x),
            (centre_x + x + y, centre_y + y - x),
            (centre_x + x - y, centre_y + y + x),
            (centre_x - x - y, centre_y - y + x),
        ]
    )


def align(face: Face, frame: Box) -> Alignment:
    """The crop square of ``face``, relative to ``frame``."""
    first, second, third, _ = crop_square(face).tolist()
    edge_x, edge_y = second[0] - first[0], second[1] - first[1]
    return Alignment(
        centre=(
            ((first[0] + third[0]) / 2 - frame.left) / frame.width,
            ((first[1] + third[1]) / 2 - frame.top) / frame.height,
        ),
        side=math.hypot(edge_x, edge_y) / math.sqrt(frame.width * frame.height),
        roll_deg=math.degrees(math.atan2(edge_y, edge_x)),
    )
