"""Scales: from one reading to its log10 likelihood ratio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from app.calibration.file import StampEntry
from app.evidence import Match, Reading
from app.face.alignment import Alignment

HIT_MEASURE: Final = "hit"
"""The measure that is 1.0 where the stamp was read, and 0.0 where it was not."""


@dataclass(frozen=True)
class StampScale:
    """``hit_llr``: llr of a stamp that was read; ``interval``: its 95 % interval."""

    hit_llr: float
    interval: tuple[float, float]
    bounds: tuple[float, float]

    def weigh(self, reading: Reading) -> LlrEstimate:
        return (
            LlrEstimate(self.hit_llr, self.interval)
            if reading.measures[HIT_MEASURE] > 0.5
            else NO_EVIDENCE
        )


def build_stamp_scale(entry: StampEntry) -> StampScale:
    """The scale that a file's entry describes."""
    return StampScale(
        hit_llr=entry.hit_llr,
        interval=(entry.interval[0], entry.interval[1]),
        bounds=(entry.bounds[0], entry.bounds[1]),
    )


@dataclass(frozen=True, eq=False)
class LlrEstimate:
    """One reading on its scale: llr within its bounds, 95 % interval, and what it matched."""

    llr: float
    interval: tuple[float, float]
    match: Match | None = None
    alignment: Alignment | None = None
    """The weighed crop square: corrected for pose, mean of all measurements."""
    side_px: float | None = None
    """Side of the face crop that was measured; ``None`` where a check is not about the crop."""


NO_EVIDENCE = LlrEstimate(0.0, (0.0, 0.0))


class Scale(Protocol):
    """Turns a check's reading into a likelihood ratio."""

    @property
    def bounds(self) -> tuple[float, float]:
        """Bounds of every llr, as far as validation supports."""
        ...

    def weigh(self, reading: Reading) -> LlrEstimate:
        """The llr estimate of ``reading``."""
        ...


def clamp_llr(llr: float, bounds: tuple[float, float]) -> float:
    """``llr`` within ``bounds``."""
    return min(bounds[1], max(bounds[0], llr))
