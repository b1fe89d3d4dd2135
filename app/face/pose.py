"""Pose features of a face, independent of its position in the picture.

FFHQ's recipe took its eye centres from dlib's lids and corners; irises follow the gaze, and every
landmark shifts a little as the head turns. The crop square computed from irises therefore misses
the original one by an amount that depends on the pose. These numbers predict it; how much each one
moves the square is fitted (``app.training``), the numbers themselves are geometry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from app.arrays import FloatArray
from app.face.alignment import crop_square
from app.face.face import Face

# Landmarks left and right of the midline (MediaPipe Face Mesh numbers), a group averaged.
_LANDMARK_PAIRS: Final[tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]] = (
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
_NOSE_TIP_ROW: Final = 2 * len(_LANDMARK_PAIRS)
"""Where the nose tip stands among the odd (x) and the even (y) numbers."""


@dataclass(frozen=True, eq=False)
class PoseFeatures:
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
        return np.array([self.odd[_NOSE_TIP_ROW], self.even[_NOSE_TIP_ROW]])


def compute_pose_features(face: Face) -> PoseFeatures:
    """Pose and expression of ``face``. Raises ``ValueError`` as ``crop_square`` does."""
    corners = crop_square(face)
    edge_x, edge_y = (corners[1] - corners[0]).tolist()
    side_squared = edge_x**2 + edge_y**2
    to_square = np.array([[edge_x, -edge_y], [edge_y, edge_x]]) / side_squared
    unit_points = (face.landmarks[_USED_LANDMARKS] - corners.mean(axis=0)) @ to_square
    flat = unit_points.ravel()
    # The square's height and size depend on the turn's amount, not on its direction.
    squares = unit_points[_SQUARED_ROWS, 0] ** 2
    return PoseFeatures(_ODD_MAP @ flat, np.append(_EVEN_MAP @ flat, squares))


def _linear_maps() -> tuple[FloatArray, FloatArray]:
    """What takes the points used to the odd (23, ·) and the linear even (24, ·) numbers."""
    odd: list[FloatArray] = []
    even: list[FloatArray] = []
    for left_group, right_group in _LANDMARK_PAIRS:
        left_x, left_y = _mean_rows(left_group)
        right_x, right_y = _mean_rows(right_group)
        odd += [left_x + right_x, right_y - left_y]
        even += [right_x - left_x, left_y + right_y]
    for point in _MIDLINE:
        x, y = _mean_rows((point,))
        odd.append(x)
        even.append(y)
    even.append(2.0 * (_mean_rows(_LOWER_LIDS)[1] - _mean_rows(_UPPER_LIDS)[1]))
    return np.array(odd), np.array(even)


def _mean_rows(group: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    """Rows that take the mean x and the mean y of ``group`` out of the points used."""
    row: FloatArray = np.isin(_USED_LANDMARKS, group) / float(len(group))
    x, y = np.eye(2)
    return np.kron(row, x).astype(np.float64), np.kron(row, y).astype(np.float64)


_USED_LANDMARKS: Final = np.array(
    sorted(
        {p for pair in _LANDMARK_PAIRS for group in pair for p in group}.union(
            _MIDLINE, _UPPER_LIDS, _LOWER_LIDS
        )
    )
)
_SQUARED_ROWS: Final = np.searchsorted(_USED_LANDMARKS, [_NOSE_TIP, _FOREHEAD])
_ODD_MAP, _EVEN_MAP = _linear_maps()
