"""What a scale says of one reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.alignment import Alignment
from app.evidence import Match, Reading


@dataclass(frozen=True, eq=False)
class Weighed:
    """One reading on its scale: llr within its bounds, 95 % interval, and what it matched."""

    llr: float
    interval: tuple[float, float]
    match: Match | None = None
    square: Alignment | None = None
    """The crop square as it was weighed: corrected for pose, mean of all measurements."""


NOTHING = Weighed(0.0, (0.0, 0.0))


class Scale(Protocol):
    """Turns a check's reading into a likelihood ratio."""

    @property
    def bounds(self) -> tuple[float, float]:
        """No llr leaves them: what validation can carry."""
        ...

    def weigh(self, reading: Reading) -> Weighed:
        """The reading's weight."""
        ...


def bounded(llr: float, bounds: tuple[float, float]) -> float:
    """``llr`` within ``bounds``."""
    return min(bounds[1], max(bounds[0], llr))
