"""How a face is posed, in numbers that know nothing of where it lies in the picture.

FFHQ's recipe took its eye centres from dlib's lids and corners; irises follow the gaze, and every
landmark shifts a little as the head turns. The crop square computed from irises therefore misses
the original one by an amount that the pose foretells. These are the numbers it is foretold from;
how much each one moves the square is fitted (``fitting``), the numbers themselves are geometry.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.alignment import crop_square
from app.face import Face, FloatArray

# Landmarks left and right of the midline (MediaPipe Face Mesh numbers), a group averaged.
_PAIRS: Final[tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]] = (
    ((33, 133), (362, 263)),  # eye corners
    ((468,), (473,)),  # irises
    ((61,), (291,)),  # mouth corners
    ((234,), (454,)),  # cheeks
    ((105,), (334,)),  # brows
    ((48,), (278,)),  # wings of the nose
    ((172,), (397,)),  # jaw
)
# On the midline: nose tip, bridge, chin, forehead, outer lips, inner lips, under the nose.
_MIDLINE: Final = (1, 168, 152, 10, 0, 17, 13, 14, 2)
_UPPER_LIDS: Final = (159, 386)
_LOWER_LIDS: Final = (145, 374)
_NOSE_TIP: Final = 1
_FOREHEAD: Final = 10
_NOSE_TIP_AT: Final = 2 * len(_PAIRS)
"""Where the nose tip stands among the odd (x) and the even (y) numbers."""


@dataclass(frozen=True, eq=False)
class FaceShape:
    """Pose and expression in the crop square's own coordinates (unit of its side, centre 0).

    ``odd`` (23,) change sign when the picture is mirrored, ``even`` (26,) do not.
    """

    odd: FloatArray
    even: FloatArray

    @property
    def pose(self) -> FloatArray:
        """(turn, nod): where the nose tip lies in the square, unit of its side, (2,).

        Yaw and pitch, in effect, without a model of the head.
        """
        return np.array([self.odd[_NOSE_TIP_AT], self.even[_NOSE_TIP_AT]])


def face_shape(face: Face) -> FaceShape:
    """Pose and expression of ``face``. Raises ``ValueError`` as ``crop_square`` does."""
    corners = crop_square(face)
    edge = corners[1] - corners[0]
    side = math.hypot(*edge)
    x = edge / side
    rotation = np.stack([x, np.array([-x[1], x[0]])], axis=1)
    u = (face.landmarks - corners.mean(axis=0)) @ rotation / side
    odd: list[float] = []
    even: list[float] = []
    for left_group, right_group in _PAIRS:
        left, right = u[list(left_group)].mean(axis=0), u[list(right_group)].mean(axis=0)
        odd += [left[0] + right[0], right[1] - left[1]]
        even += [right[0] - left[0], left[1] + right[1]]
    for point in _MIDLINE:
        odd.append(u[point, 0])
        even.append(u[point, 1])
    even.append(float((u[list(_LOWER_LIDS), 1] - u[list(_UPPER_LIDS), 1]).sum()))
    # The square's height and size depend on the turn's amount, not on its direction.
    even += [u[_NOSE_TIP, 0] ** 2, u[_FOREHEAD, 0] ** 2]
    return FaceShape(np.array(odd), np.array(even))
