"""From the checks' likelihood ratios to one.

Pixels first. ``hairline``, ``teeth``, ``background_blur``, ``irises`` and ``texture`` look at one
face, and are not independent: their sum is weighed by a logistic regression fitted on all of them
together. What that sum is worth depends on whom one might take for generated: ordinary avatars
look less like it than photographs that were cut into a generator's frame (data sets, ID-style
crops, apps that cut faces out), so it has a line, slope and offset, against each.

Then the frame. If a share a of ordinary avatars sits in the frame for reasons of its own, then with
R_e what the eyes weigh, and P_o and P_f what the pixels weigh against ordinary and framed ones,

    1 ÷ LR = (1 − a) ÷ (R_e · P_o) + a ÷ P_f,

so that the eyes alone never weigh more than 1 ÷ a, pixels that look photographed clear whoever sits
there by chance, and pixels that look generated are heard where a crop took the frame away. A stamp
multiplies: it was printed by the generator's own site.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.arrays import FloatArray
from app.calibration.file import FusionEntry
from app.calibration.scale import LlrEstimate

EYE_ALIGNMENT_NAME: Final = "eye_alignment"
STAMP_NAME: Final = "stamp"
KNEE: Final = 0.5
"""How far below a bound the total begins to bend towards it: order is kept where numbers end."""
_Z95: Final = 1.959964


@dataclass(frozen=True, eq=False)
class Fusion:
    """``weights``: of each pixel check's llr. ``offset``: log10, where any pixel check measured.

    ``ordinary``, ``framed``: slope and offset that make the pixels' sum an llr against those.
    """

    aligned_share: float
    weights: Mapping[str, float]
    offset: float
    ordinary: tuple[float, float]
    framed: tuple[float, float]
    uncertainty: FloatArray

    def __call__(
        self, estimates: Mapping[str, LlrEstimate], bounds: tuple[float, float]
    ) -> tuple[float, tuple[float, float]]:
        """Total llr of the checks that measured, and its 95 % interval, both within ``bounds``."""
        llrs = {name: w.llr for name, w in estimates.items()}
        total, pixels = self.total_llr(llrs), self.pixel_llr(llrs)
        fit_half_width = 0.0 if pixels is None else self._fit_half_width(pixels)
        half_widths = [
            math.hypot(
                self._combine(llrs, None if pixels is None else pixels + sign * fit_half_width)
                - total,
                *(self._total_at_bound(estimates, llrs, name, side) - total for name in estimates),
            )
            for side, sign in enumerate((-1.0, 1.0))
        ]
        return soft_clip(total, bounds), (
            soft_clip(total - half_widths[0], bounds),
            soft_clip(total + half_widths[1], bounds),
        )

    def total_llr(self, llrs: Mapping[str, float]) -> float:
        """The total llr without bounds; ``llrs`` holds the checks that measured."""
        return self._combine(llrs, self.pixel_llr(llrs))

    def pixel_llr(self, llrs: Mapping[str, float]) -> float | None:
        """What the pixel checks weigh together; ``None`` if none measured."""
        terms = [weight * llrs[name] for name, weight in self.weights.items() if name in llrs]
        return self.offset + sum(terms) if terms else None

    def _combine(self, llrs: Mapping[str, float], pixels: float | None) -> float:
        ordinary, framed = (
            0.0 if pixels is None else slope * pixels + offset
            for slope, offset in (self.ordinary, self.framed)
        )
        share = self.aligned_share
        against = ((1.0 - share, llrs.get(EYE_ALIGNMENT_NAME, 0.0) + ordinary), (share, framed))
        return _llr_against_mixture(against) + llrs.get(STAMP_NAME, 0.0)

    def _fit_half_width(self, pixels: float) -> float:
        """How far ``pixel_llr`` moves when the fit is repeated, to either end of 95 %."""
        return _Z95 * float(np.interp(pixels, self.uncertainty[:, 0], self.uncertainty[:, 1]))

    def _total_at_bound(
        self, estimates: Mapping[str, LlrEstimate], llrs: Mapping[str, float], name: str, side: int
    ) -> float:
        """The total if the check ``name`` weighed what one end of its interval says."""
        return self.total_llr({**llrs, name: estimates[name].interval[side]})


def _llr_against_mixture(against: Sequence[tuple[float, float]]) -> float:
    """The llr against a mixture of (share, llr against it): the harmonic mean of the ratios."""
    weighted = [(share, llr) for share, llr in against if share > 0.0]
    min_llr = min(llr for _, llr in weighted)
    return min_llr - math.log10(sum(share * 10.0 ** (min_llr - llr) for share, llr in weighted))


def soft_clip(llr: float, bounds: tuple[float, float]) -> float:
    """``llr`` within ``bounds``, strictly ascending: beyond the knee it approaches the bound."""
    low, high = bounds
    if llr > high - KNEE:
        return high - KNEE * math.exp(-(llr - high + KNEE) / KNEE)
    if llr < low + KNEE:
        return low + KNEE * math.exp((llr - low - KNEE) / KNEE)
    return llr


def build_fusion(entry: FusionEntry) -> Fusion:
    """The fusion that a file's entry describes."""
    return Fusion(
        aligned_share=entry.aligned_share,
        weights=dict(entry.weights),
        offset=entry.offset,
        ordinary=(entry.ordinary[0], entry.ordinary[1]),
        framed=(entry.framed[0], entry.framed[1]),
        uncertainty=np.array(entry.uncertainty),
    )
