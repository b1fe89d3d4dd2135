"""The scale for ``stamp``: a hit names the generator; no hit says nothing, for most bear none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.calibration_file import StampEntry
from app.evidence import Reading
from app.scales.weighed import NOTHING, Weighed

HIT: Final = "hit"
"""The measure that is 1.0 where the stamp was read, and 0.0 where it was not."""


@dataclass(frozen=True)
class StampScale:
    """``hit_llr``: what reading the stamp weighs; ``interval`` its 95 % interval."""

    hit_llr: float
    interval: tuple[float, float]
    bounds: tuple[float, float]

    def weigh(self, reading: Reading) -> Weighed:
        return Weighed(self.hit_llr, self.interval) if reading.measures[HIT] > 0.5 else NOTHING


def stamp_scale(entry: StampEntry) -> StampScale:
    """The scale that a file's entry describes."""
    return StampScale(
        hit_llr=entry.hit_llr,
        interval=(entry.interval[0], entry.interval[1]),
        bounds=(entry.bounds[0], entry.bounds[1]),
    )
