"""Where a generator family puts the eyes, as drawings of a whole list need it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from app.arrays import FloatArray

IRIS_SD: Final = (0.007, 0.004)
"""Standard deviations across and down, unit coordinates, of irises around the FFHQ template.

Measured on 1,019 StyleGAN 1, 2 and 3 pictures of 256 to 400 px: (0.0066 to 0.0075, 0.0037 to
0.0041), as MediaPipe finds them; faces differ in where their eyes lie within the frame.
"""
REGION_SDS: Final = 3.0
"""Within so many of them 96 % of those irises lie; both of a face in 92 %."""


@dataclass(frozen=True)
class EyeTemplate:
    """A family's iris centres, unit coordinates of an untouched picture, left first."""

    name: str
    eyes: tuple[tuple[float, float], tuple[float, float]]
    sd: tuple[float, float] = IRIS_SD

    @property
    def centres(self) -> FloatArray:
        """The iris centres, (2, 2)."""
        return np.array(self.eyes, dtype=np.float64)

    def distances(self, eyes: FloatArray) -> FloatArray:
        """How many standard deviations each of ``eyes`` (n, 2, 2) lies from its own: (n, 2)."""
        distances_sd: FloatArray = np.hypot(*np.moveaxis((eyes - self.centres) / self.sd, -1, 0))
        return distances_sd
