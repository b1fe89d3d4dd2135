"""From the checks' likelihood ratios to one.

Pixels first. ``hairline``, ``teeth``, ``background_blur``, ``irises`` and ``texture`` look at one
face, and are not independent: their sum is weighed by a logistic regression fitted on all of them
together. Then the frame. A real photograph in a generator's frame looks, to the eyes alone, like a
generated one. If a share a of ordinary avatars sits in the frame for reasons of its own (data
sets, ID-style crops, apps that cut faces out), then with R_e what the eyes and R_p what the pixels
weigh,

    LR = R_p ÷ ((1 − a) ÷ R_e + a),

so that the eyes alone never weigh more than 1 ÷ a, and pixels that look photographed clear whoever
sits there by chance. A stamp multiplies: it was printed by the generator's own site.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.calibration_file import FusionEntry
from app.density import FloatArray
from app.scales.weighed import Weighed

FRAME: Final = "eye_alignment"
STAMP: Final = "stamp"
KNEE: Final = 0.5
"""How far below a bound the total begins to bend towards it: order is kept where numbers end."""
_Z95: Final = 1.959964


@dataclass(frozen=True, eq=False)
class Fusion:
    """``weights``: of each pixel check's llr. ``offset``: log10, where any pixel check measured."""

    aligned_share: float
    weights: Mapping[str, float]
    offset: float
    uncertainty: FloatArray

    def __call__(
        self, weighed: Mapping[str, Weighed], bounds: tuple[float, float]
    ) -> tuple[float, tuple[float, float]]:
        """Total llr of the checks that measured, and its 95 % interval, both within ``bounds``."""
        total = self.total({name: w.llr for name, w in weighed.items()})
        own = _Z95 * float(np.interp(total, self.uncertainty[:, 0], self.uncertainty[:, 1]))
        arms = [
            math.hypot(own, *(self._moved(weighed, name, side) - total for name in weighed))
            for side in (0, 1)
        ]
        return bent(total, bounds), (bent(total - arms[0], bounds), bent(total + arms[1], bounds))

    def total(self, llrs: Mapping[str, float]) -> float:
        """The total llr without bounds; ``llrs`` holds the checks that measured."""
        eyes = self.frame(llrs[FRAME]) if FRAME in llrs else 0.0
        return eyes + self.pixels(llrs) + llrs.get(STAMP, 0.0)

    def frame(self, llr: float) -> float:
        """What is left of the eyes' llr where a share of ordinary avatars is framed alike."""
        share = self.aligned_share
        return -math.log10((1.0 - share) * 10.0**-llr + share)

    def pixels(self, llrs: Mapping[str, float]) -> float:
        """What the pixel checks weigh together; 0 if none measured."""
        found = [weight * llrs[name] for name, weight in self.weights.items() if name in llrs]
        return self.offset + sum(found) if found else 0.0

    def _moved(self, weighed: Mapping[str, Weighed], name: str, side: int) -> float:
        """The total if the check ``name`` weighed what one end of its interval says."""
        llrs = {n: w.llr for n, w in weighed.items()}
        return self.total(llrs | {name: weighed[name].interval[side]})


def bent(llr: float, bounds: tuple[float, float]) -> float:
    """``llr`` within ``bounds``, strictly ascending: beyond the knee it approaches the bound."""
    low, high = bounds
    if llr > high - KNEE:
        return high - KNEE * math.exp(-(llr - high + KNEE) / KNEE)
    if llr < low + KNEE:
        return low + KNEE * math.exp((llr - low - KNEE) / KNEE)
    return llr


def fusion(entry: FusionEntry) -> Fusion:
    """The fusion that a file's entry describes."""
    return Fusion(
        aligned_share=entry.aligned_share,
        weights=dict(entry.weights),
        offset=entry.offset,
        uncertainty=np.array(entry.uncertainty),
    )
