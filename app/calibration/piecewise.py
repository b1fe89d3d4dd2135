"""Straight lines between a few points: plain floats, where NumPy's call would cost the most."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class PiecewiseLinear:
    """A function through the points of ascending ``x`` and their ``y``; level beyond the ends."""

    x: tuple[float, ...]
    y: tuple[float, ...]

    @classmethod
    def through(cls, points: Sequence[Sequence[float]]) -> Self:
        """Through (x, y) ``points`` of ascending x, at least one of them."""
        x, y = zip(*points, strict=True)
        return cls(x, y)

    def __call__(self, x: float) -> float:
        after = bisect_right(self.x, x)
        if after in (0, len(self.x)):
            return self.y[max(0, after - 1)]
        (x0, x1), (y0, y1) = self.x[after - 1 : after + 1], self.y[after - 1 : after + 1]
        return (y1 - y0) / (x1 - x0) * (x - x0) + y0
