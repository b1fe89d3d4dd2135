"""From the checks' likelihood ratios to one.

Pixels first. ``hairline``, ``teeth``, ``background_blur``, ``irises`` and ``texture`` look at one
face, and are not independent: their sum is weighed by a logistic regression fitted on all of them
together. What that sum is worth depends on whom one might take for generated: ordinary avatars
look less like it than photographs that were cut into a generator's frame (data sets, ID-style
crops, apps that cut faces out), so it has a line, slope and offset, against each.

Then the frame. If a share a of ordinary avatars sits in the frame for reasons of its own, then with
R_e what the eyes weigh, and P_o and P_f what the pixels weigh against ordinary and framed ones,

    1 ÷ LR = (1 − a) ÷ (R_e · P_o) + a ÷ P_f,

where R_e · P_o is the ratio against ordinary avatars and P_f that against framed photographs, each
within what validation can carry. The eyes alone never weigh more than 1 ÷ a, pixels that look
photographed clear a face that sits there by chance, and pixels that look generated count where a
crop took the frame away. A stamp multiplies both: the generator's own site printed it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from app.arrays import FloatArray
from app.calibration.file import FusionEntry
from app.calibration.scale import LlrEstimate
from app.evidence import LikelihoodRatio, LikelihoodRatios

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

    framed_share: float
    weights: Mapping[str, float]
    offset: float
    ordinary: tuple[float, float]
    framed: tuple[float, float]
    uncertainty: FloatArray

    def __call__(
        self, estimates: Mapping[str, LlrEstimate], bounds: tuple[float, float]
    ) -> LikelihoodRatios:
        """Both ratios and their mixture, with 95 % intervals, all within ``bounds``."""
        llrs = {name: w.llr for name, w in estimates.items()}
        pixels = self.pixel_llr(llrs)
        centre = self._ratios(llrs, pixels, bounds)
        fit_half_width = 0.0 if pixels is None else self._fit_half_width(pixels)
        ends = []
        for side, sign in enumerate((-1.0, 1.0)):
            shifted = [
                self._ratios(
                    llrs, None if pixels is None else pixels + sign * fit_half_width, bounds
                ),
                *(self._ratios_at_bound(estimates, llrs, name, side, bounds) for name in estimates),
            ]
            half_widths = np.sqrt(((np.array(shifted) - centre) ** 2).sum(axis=0))
            ends.append(np.clip(centre + sign * half_widths, *bounds))
        total, ordinary, framed = (
            LikelihoodRatio(llr, (low, high))
            for llr, low, high in np.stack([centre, *ends], axis=1).tolist()
        )
        return LikelihoodRatios(
            ordinary=ordinary,
            framed=framed,
            total=total,
            framed_share=self.framed_share,
            is_framed_measured=pixels is not None or llrs.get(STAMP_NAME, 0.0) > 0.0,
        )

    def with_framed_share(self, share: float) -> Fusion:
        """The same for an operator among whose real avatars a ``share`` is framed."""
        return replace(self, framed_share=share)

    def total_llr(self, llrs: Mapping[str, float]) -> float:
        """The total llr without bounds; ``llrs`` holds the checks that measured."""
        return float(self._ratios(llrs, self.pixel_llr(llrs), None)[0])

    def pixel_llr(self, llrs: Mapping[str, float]) -> float | None:
        """What the pixel checks weigh together; ``None`` if none measured."""
        terms = [weight * llrs[name] for name, weight in self.weights.items() if name in llrs]
        return self.offset + sum(terms) if terms else None

    def _ratios(
        self,
        llrs: Mapping[str, float],
        pixels: float | None,
        bounds: tuple[float, float] | None,
    ) -> FloatArray:
        """llr against the mixture, ordinary avatars, framed photographs: (3,)."""
        ordinary, framed = (
            0.0 if pixels is None else slope * pixels + offset
            for slope, offset in (self.ordinary, self.framed)
        )
        stamp = llrs.get(STAMP_NAME, 0.0)
        ordinary += llrs.get(EYE_ALIGNMENT_NAME, 0.0) + stamp
        framed += stamp
        if bounds is not None:
            ordinary, framed = soft_clip(ordinary, bounds), soft_clip(framed, bounds)
        return np.array([mixture_llr(ordinary, framed, self.framed_share), ordinary, framed])

    def _fit_half_width(self, pixels: float) -> float:
        """How far ``pixel_llr`` moves when the fit is repeated, to either end of 95 %."""
        return _Z95 * float(np.interp(pixels, self.uncertainty[:, 0], self.uncertainty[:, 1]))

    def _ratios_at_bound(
        self,
        estimates: Mapping[str, LlrEstimate],
        llrs: Mapping[str, float],
        name: str,
        side: int,
        bounds: tuple[float, float],
    ) -> FloatArray:
        """The ratios if the check ``name`` weighed what one end of its interval says: (3,)."""
        shifted = {**llrs, name: estimates[name].interval[side]}
        return self._ratios(shifted, self.pixel_llr(shifted), bounds)


def mixture_llr(ordinary: float, framed: float, framed_share: float) -> float:
    """The llr against real pictures of which a share ``framed_share`` (0 to 1) is framed.

    The harmonic mean of the two ratios; ``ordinary`` and ``framed`` are log10.
    """
    shares = ((1.0 - framed_share, ordinary), (framed_share, framed))
    weighted = [(share, llr) for share, llr in shares if share > 0.0]
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
        framed_share=entry.framed_share,
        weights=dict(entry.weights),
        offset=entry.offset,
        ordinary=(entry.ordinary[0], entry.ordinary[1]),
        framed=(entry.framed[0], entry.framed[1]),
        uncertainty=np.array(entry.uncertainty),
    )
