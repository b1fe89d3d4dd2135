"""From the checks' likelihood ratios to one.

Pixels first. ``hairline``, ``teeth``, ``background_blur``, ``irises`` and ``texture`` look at one
face, and are not independent: their sum is weighed by a logistic regression fitted on all of them
together. The value of that sum depends on the alternative: ordinary avatars look less like it than
photographs that were cut into a generator's frame (data sets, ID-style crops, apps that cut faces
out), so it has a line, slope and offset, against each. Small crops tell less, and a sum without the
teeth or the irises is another sum: slope and offset depend on the crop's size, and the offset on
which checks could not measure.

Then the frame. If a share a of ordinary avatars sits in the frame for reasons of its own, then with
R_e what the eyes weigh, and P_o and P_f what the pixels weigh against ordinary and framed ones,

    1 ÷ LR = (1 − a) ÷ (R_e · P_o) + a ÷ P_f,

where R_e · P_o is the ratio against ordinary avatars and P_f that against framed photographs, each
within what validation can carry. The eyes alone never weigh more than 1 ÷ a, pixels that look
photographed clear a face that sits there by chance, and pixels that look generated count where a
crop took the frame away. A stamp multiplies both: the generator's own site printed it.

Where the eyes are out of every frame's reach and ``texture`` looks photographed, ``texture`` speaks
for all pixel checks, as if no other had measured: they could hardly say more than how unlikely a
generator is. Where it looks photographed less clearly but ``fine_texture`` does too, both speak. So
a picture can be answered there without looking further.
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from app.calibration.file import FusionEntry, LineEntry, StopEntry
from app.calibration.piecewise import PiecewiseLinear
from app.calibration.scale import LlrEstimate
from app.evidence import LikelihoodRatio, LikelihoodRatios

EYE_ALIGNMENT_NAME: Final = "eye_alignment"
STAMP_NAME: Final = "stamp"
TEXTURE_NAME: Final = "texture"
FINE_TEXTURE_NAME: Final = "fine_texture"
FIRST_CHECKS: Final = (EYE_ALIGNMENT_NAME, TEXTURE_NAME, STAMP_NAME)
"""What is looked at first: it may decide that no other check is needed."""
SECOND_CHECKS: Final = (*FIRST_CHECKS, FINE_TEXTURE_NAME)
"""What is looked at next, and may decide it too."""
REFERENCE_SIDE_PX: Final = 200.0
"""The face crop's side where no check names one."""
KNEE: Final = 0.5
"""How far below a bound soft clipping begins, which preserves the order of totals."""
_Z95: Final = 1.959964

_Ratios = tuple[float, float, float]
"""llr against the mixture, ordinary avatars, framed photographs."""


@dataclass(frozen=True, eq=False)
class PixelLine:
    """The line that calibrates the pixels' sum against one kind of real picture.

    ``slope``, ``offset``: by the crop's ln side, px; ``unmeasured``: log10, added for each check
    that could not measure; ``uncertainty``: of an llr, its deviation.
    """

    slope: PiecewiseLinear
    offset: PiecewiseLinear
    unmeasured: Mapping[str, float]
    bounds: tuple[float, float]
    uncertainty: PiecewiseLinear

    def at(self, side_px: float, measured: Container[str]) -> PixelScale:
        """The line for the sum of the checks ``measured`` on a crop of ``side_px``."""
        ln_side = math.log(side_px)
        missing = sum(value for name, value in self.unmeasured.items() if name not in measured)
        return PixelScale(self, self.slope(ln_side), self.offset(ln_side), missing)

    def llr(self, pixels: float, side_px: float, measured: Container[str]) -> float:
        """The llr of the sum ``pixels`` of the checks ``measured`` on a crop of ``side_px``."""
        return self.at(side_px, measured).llr(pixels)

    def half_width(self, llr: float) -> float:
        """Half width of the fit's 95 % interval at ``llr``."""
        return _Z95 * self.uncertainty(llr)


@dataclass(frozen=True, eq=False)
class PixelScale:
    """``line`` at one size and for one set of checks: ``slope``, and two offsets, log10."""

    line: PixelLine
    slope: float
    offset: float
    missing: float

    def llr(self, pixels: float) -> float:
        """The llr of the sum ``pixels``."""
        return self.slope * pixels + self.offset + self.missing


@dataclass(frozen=True)
class StopRule:
    """Where few checks speak for all; every llr is at or below these.

    The eyes' must be ``eye_llr``; then ``texture`` is enough from ``texture_llr`` down, and
    ``texture`` with ``fine_texture`` where both are at ``both_llr``, ``None`` for nowhere.
    """

    eye_llr: float
    texture_llr: float
    both_llr: float | None = None

    def deciding_checks(self, llrs: Mapping[str, float]) -> tuple[str, ...] | None:
        """The checks that speak for all on a face; ``None`` where every one is needed.

        ``llrs`` holds the checks that measured.
        """
        eyes, texture, fine_texture = (
            llrs.get(name, math.inf)
            for name in (EYE_ALIGNMENT_NAME, TEXTURE_NAME, FINE_TEXTURE_NAME)
        )
        if eyes > self.eye_llr or llrs.get(STAMP_NAME, 0.0) > 0.0:
            return None
        if texture <= self.texture_llr:
            return FIRST_CHECKS
        is_enough = self.both_llr is not None and max(texture, fine_texture) <= self.both_llr
        return SECOND_CHECKS if is_enough else None


@dataclass(frozen=True, eq=False)
class Fusion:
    """``weights``: of each pixel check's llr. ``offset``: log10, where any pixel check measured.

    ``ordinary``, ``framed``: the lines that make the pixels' sum an llr against those. ``stop``:
    where few of the pixel checks are weighed for all; ``None`` for nowhere.
    """

    framed_share: float
    weights: Mapping[str, float]
    offset: float
    ordinary: PixelLine
    framed: PixelLine
    stop: StopRule | None = None

    def __call__(
        self, estimates: Mapping[str, LlrEstimate], bounds: tuple[float, float]
    ) -> LikelihoodRatios:
        """Both ratios and their mixture, with 95 % intervals, all within ``bounds``."""
        llrs = self._weighed({name: w.llr for name, w in estimates.items()})
        sides = [estimates[name].side_px for name in llrs if name in self.weights]
        scales = self._scales(max(filter(None, sides), default=REFERENCE_SIDE_PX), llrs)

        def ratios(llrs: Mapping[str, float], shift: float = 0.0) -> _Ratios:
            return self._ratios(llrs, scales, bounds, shift)

        centre = np.array(ratios(llrs))
        ends = []
        for side, sign in enumerate((-1.0, 1.0)):
            shifted = [
                ratios(llrs, sign),
                *(ratios({**llrs, name: estimates[name].interval[side]}) for name in llrs),
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
            is_framed_measured=self.pixel_llr(llrs) is not None or llrs.get(STAMP_NAME, 0.0) > 0.0,
        )

    def is_decided(self, llrs: Mapping[str, float]) -> bool:
        """Whether no check that is not in ``llrs`` can change the ratios."""
        return self._deciding_checks(llrs) is not None

    def with_framed_share(self, share: float) -> Fusion:
        """A copy for an operator whose real avatars have a framed ``share``."""
        return replace(self, framed_share=share)

    def total_llr(self, llrs: Mapping[str, float], side_px: float = REFERENCE_SIDE_PX) -> float:
        """The total llr without bounds; ``llrs`` holds the checks that measured."""
        llrs = self._weighed(llrs)
        return self._ratios(llrs, self._scales(side_px, llrs), (-math.inf, math.inf))[0]

    def pixel_llr(self, llrs: Mapping[str, float]) -> float | None:
        """The combined llr of the pixel checks; ``None`` if none measured."""
        terms = [weight * llrs[name] for name, weight in self.weights.items() if name in llrs]
        return self.offset + sum(terms) if terms else None

    def _weighed(self, llrs: Mapping[str, float]) -> Mapping[str, float]:
        """Those of ``llrs`` that count: where the face is decided, the deciding ones alone."""
        deciding = self._deciding_checks(llrs)
        if deciding is None:
            return llrs
        return {name: llr for name, llr in llrs.items() if name in deciding}

    def _deciding_checks(self, llrs: Mapping[str, float]) -> tuple[str, ...] | None:
        return None if self.stop is None else self.stop.deciding_checks(llrs)

    def _scales(self, side_px: float, measured: Container[str]) -> tuple[PixelScale, PixelScale]:
        """The lines against ordinary avatars and framed photographs, for these checks."""
        return self.ordinary.at(side_px, measured), self.framed.at(side_px, measured)

    def _ratios(
        self,
        llrs: Mapping[str, float],
        scales: tuple[PixelScale, PixelScale],
        bounds: tuple[float, float],
        shift: float = 0.0,
    ) -> _Ratios:
        """llr against the mixture, ordinary avatars, framed photographs.

        ``scales``: of the last two. ``shift``: offset of the lines, in half widths of their fit's
        95 % interval.
        """
        pixels, stamp = self.pixel_llr(llrs), llrs.get(STAMP_NAME, 0.0)
        out = []
        for scale, other in zip(
            scales, (llrs.get(EYE_ALIGNMENT_NAME, 0.0) + stamp, stamp), strict=True
        ):
            line = scale.line
            llr = 0.0 if pixels is None else scale.llr(pixels)
            if pixels is not None and shift:
                llr += shift * line.half_width(llr)
            within = (max(bounds[0], line.bounds[0]), min(bounds[1], line.bounds[1]))
            out.append(llr + other if math.isinf(bounds[1]) else soft_clip(llr + other, within))
        ordinary, framed = out
        return mixture_llr(ordinary, framed, self.framed_share), ordinary, framed


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
        ordinary=_build_line(entry.ordinary, entry.sides_px),
        framed=_build_line(entry.framed, entry.sides_px),
        stop=build_stop_rule(entry.stop),
    )


def build_stop_rule(entry: StopEntry | None) -> StopRule | None:
    """The rule that a file's entry describes."""
    if entry is None:
        return None
    return StopRule(entry.eye_llr, entry.texture_llr, entry.both_llr)


def _build_line(entry: LineEntry, sides_px: Sequence[float]) -> PixelLine:
    ln_sides = tuple(math.log(side) for side in sides_px)
    return PixelLine(
        slope=PiecewiseLinear(ln_sides, tuple(entry.slopes)),
        offset=PiecewiseLinear(ln_sides, tuple(entry.offsets)),
        unmeasured=dict(entry.unmeasured),
        bounds=(entry.bounds[0], entry.bounds[1]),
        uncertainty=PiecewiseLinear.through(entry.uncertainty),
    )
