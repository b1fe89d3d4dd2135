"""Face: 478 named landmarks and geometry derived from them. No detector here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.arrays import FloatArray

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
FACE_OVAL: Final = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)
# fmt: on
"""The face's outline in order, from the middle of the forehead clockwise (FACEMESH_FACE_OVAL)."""


def mirror_index(pairs: tuple[int, ...]) -> NDArray[np.intp]:
    """The permutation of landmarks, (478,), that swaps each pair and leaves the rest."""
    index = np.arange(LANDMARK_COUNT)
    first, second = np.array(pairs).reshape(-1, 2).T
    index[first], index[second] = second, first
    index.setflags(write=False)
    return index


# fmt: off
_MIRROR_PAIRS: Final = (
    3, 248, 7, 249, 20, 250, 21, 251, 22, 252, 23, 253, 24, 254, 25, 255, 26, 256, 27, 257, 28,
    258, 29, 259, 30, 260, 31, 261, 32, 262, 33, 263, 34, 264, 35, 265, 36, 266, 37, 267, 38, 268,
    39, 269, 40, 270, 41, 271, 42, 272, 43, 273, 44, 274, 45, 275, 46, 276, 47, 277, 48, 278, 49,
    279, 50, 280, 51, 281, 52, 282, 53, 283, 54, 284, 55, 285, 56, 286, 57, 287, 58, 288, 59, 289,
    60, 290, 61, 291, 62, 292, 63, 293, 64, 294, 65, 295, 66, 296, 67, 297, 68, 298, 69, 299, 70,
    300, 71, 301, 72, 302, 73, 303, 74, 304, 75, 305, 76, 306, 77, 307, 78, 308, 79, 309, 80, 310,
    81, 311, 82, 312, 83, 313, 84, 314, 85, 315, 86, 316, 87, 317, 88, 318, 89, 319, 90, 320, 91,
    321, 92, 322, 93, 323, 95, 324, 96, 325, 97, 326, 98, 327, 99, 328, 100, 329, 101, 330, 102,
    331, 103, 332, 104, 333, 105, 334, 106, 335, 107, 336, 108, 337, 109, 338, 110, 339, 111, 340,
    112, 341, 113, 342, 114, 343, 115, 344, 116, 345, 117, 346, 118, 347, 119, 348, 120, 349, 121,
    350, 122, 351, 123, 352, 124, 353, 125, 354, 126, 355, 127, 356, 128, 357, 129, 358, 130, 359,
    131, 360, 132, 361, 133, 362, 134, 363, 135, 364, 136, 365, 137, 366, 138, 367, 139, 368, 140,
    369, 141, 370, 142, 371, 143, 372, 144, 373, 145, 374, 146, 375, 147, 376, 148, 377, 149, 378,
    150, 379, 153, 380, 154, 381, 155, 382, 156, 383, 157, 384, 158, 385, 159, 386, 160, 387, 161,
    388, 162, 389, 163, 390, 165, 391, 166, 392, 167, 393, 169, 394, 170, 395, 171, 396, 172, 397,
    173, 398, 174, 399, 176, 400, 177, 401, 178, 402, 179, 403, 180, 404, 181, 405, 182, 406, 183,
    407, 184, 408, 185, 409, 186, 410, 187, 411, 188, 412, 189, 413, 190, 414, 191, 415, 192, 416,
    193, 417, 194, 418, 196, 419, 198, 420, 201, 421, 202, 422, 203, 423, 204, 424, 205, 425, 206,
    426, 207, 427, 208, 428, 209, 429, 210, 430, 211, 431, 212, 432, 213, 433, 214, 434, 215, 435,
    216, 436, 217, 437, 218, 438, 219, 439, 220, 440, 221, 441, 222, 442, 223, 443, 224, 444, 225,
    445, 226, 446, 227, 447, 228, 448, 229, 449, 230, 450, 231, 451, 232, 452, 233, 453, 234, 454,
    235, 455, 236, 456, 237, 457, 238, 458, 239, 459, 240, 460, 241, 461, 242, 462, 243, 463, 244,
    464, 245, 465, 246, 466, 247, 467, 468, 473, 469, 476, 470, 475, 471, 474, 472, 477,
)
# fmt: on
MIRROR_INDEX: Final = mirror_index(_MIRROR_PAIRS)
"""``MIRROR_INDEX[i]`` is the landmark that point i becomes in a mirrored picture; found by matching
the mean of 3,400 measured faces with its own mirror image (an involution with 28 fixed points)."""


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
        oval: FloatArray = self.landmarks[list(FACE_OVAL)]
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
        cheek_line = right - left
        width_squared = float(cheek_line @ cheek_line)
        if width_squared == 0.0:
            return 90.0
        share = float((tip - left) @ cheek_line) / width_squared
        return math.degrees(math.asin(min(1.0, max(-1.0, 2.0 * share - 1.0))))

    @property
    def mouth_open(self) -> float:
        """Gap between the inner lips as a share of the mouth's width; 0 is closed."""
        gap = np.linalg.norm(self.landmarks[INNER_LIP_BOTTOM] - self.landmarks[INNER_LIP_TOP])
        width = np.linalg.norm(self.mouth[1] - self.mouth[0])
        return float(gap / width) if width > 0 else 0.0

    def mirrored(self, width_px: float) -> Face:
        """The same face in the picture mirrored left to right; its own inverse."""
        flipped = np.column_stack([width_px - self.landmarks[:, 0], self.landmarks[:, 1]])
        return Face(flipped).with_mirrored_indices()

    def with_mirrored_indices(self) -> Face:
        """The same points under the names they have in the mirrored picture."""
        return Face(self.landmarks[MIRROR_INDEX])
