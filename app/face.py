"""Face: 478 named landmarks and what follows from them by geometry alone. No detector here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LANDMARK_COUNT: Final = 478
"""MediaPipe Face Mesh (468) plus the ten iris points (Ablavatski et al. 2020, arXiv 2006.10962)."""

# MediaPipe's canonical face model numbers its points as seen by the viewer of an unmirrored
# picture: 468 and 473 are the iris centres on the viewer's left and right.
IRIS_LEFT: Final = 468
IRIS_RIGHT: Final = 473
MOUTH_CORNER_LEFT: Final = 61
MOUTH_CORNER_RIGHT: Final = 291
INNER_LIP_TOP: Final = 13
INNER_LIP_BOTTOM: Final = 14
NOSE_TIP: Final = 1
CHEEK_LEFT: Final = 234
CHEEK_RIGHT: Final = 454
# fmt: off
OVAL: Final = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)
# fmt: on
"""The face's outline in order, from the middle of the forehead clockwise (FACEMESH_FACE_OVAL)."""


@dataclass(frozen=True, eq=False)
class Face:
    """One face in a picture.

    ``landmarks``: float64 (478, 2), px (x right, y down, origin at the outer top-left corner),
    read-only. Left and right are the viewer's. Raises ``ValueError`` on another shape or on a
    value that is not finite.
    """

    landmarks: FloatArray

    def __post_init__(self) -> None:
        points = np.array(self.landmarks, dtype=np.float64)
        if points.shape != (LANDMARK_COUNT, 2):
            raise ValueError(f"landmarks must be ({LANDMARK_COUNT}, 2), not {points.shape}")
        if not np.isfinite(points).all():
            raise ValueError("landmarks must be finite")
        points.setflags(write=False)
        object.__setattr__(self, "landmarks", points)

    @cached_property
    def eyes(self) -> FloatArray:
        """Iris centres, px, (2, 2): the viewer's left first."""
        eyes: FloatArray = self.landmarks[[IRIS_LEFT, IRIS_RIGHT]]
        eyes.setflags(write=False)
        return eyes

    @cached_property
    def mouth(self) -> FloatArray:
        """Mouth corners, px, (2, 2): the viewer's left first."""
        mouth: FloatArray = self.landmarks[[MOUTH_CORNER_LEFT, MOUTH_CORNER_RIGHT]]
        mouth.setflags(write=False)
        return mouth

    @cached_property
    def oval(self) -> FloatArray:
        """The face's outline, px, (36, 2)."""
        oval: FloatArray = self.landmarks[list(OVAL)]
        oval.setflags(write=False)
        return oval

    @property
    def eye_distance_px(self) -> float:
        """Distance between the iris centres, px."""
        return float(np.linalg.norm(self.eyes[1] - self.eyes[0]))

    @property
    def roll_deg(self) -> float:
        """Slope of the line through the eyes, degrees, clockwise in the picture is positive."""
        dx, dy = self.eyes[1] - self.eyes[0]
        return math.degrees(math.atan2(dy, dx))

    @property
    def yaw_deg(self) -> float:
        """Turn of the head, degrees, positive to the viewer's right; 0 is frontal.

        From where the nose tip falls between the two cheeks: on a head taken as a cylinder the
        tip moves by the sine of the turn. Good to some five degrees; not a pose estimate.
        """
        left, right, tip = self.landmarks[[CHEEK_LEFT, CHEEK_RIGHT, NOSE_TIP]]
        across = right - left
        width2 = float(across @ across)
        if width2 == 0.0:
            return 90.0
        share = float((tip - left) @ across) / width2
        return math.degrees(math.asin(min(1.0, max(-1.0, 2.0 * share - 1.0))))

    @property
    def mouth_open(self) -> float:
        """Gap between the inner lips as a share of the mouth's width; 0 is closed."""
        gap = np.linalg.norm(self.landmarks[INNER_LIP_BOTTOM] - self.landmarks[INNER_LIP_TOP])
        width = np.linalg.norm(self.mouth[1] - self.mouth[0])
        return float(gap / width) if width > 0 else 0.0
