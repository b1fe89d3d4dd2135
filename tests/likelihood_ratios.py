"""Likelihood ratios written down instead of computed."""

from __future__ import annotations

from app.evidence import LikelihoodRatio, LikelihoodRatios


def make_ratios(
    llr: float, interval: tuple[float, float] | None = None, framed: float = 0.0
) -> LikelihoodRatios:
    """Ratios whose mixture weighs ``llr``, all of it against ordinary avatars."""
    total = LikelihoodRatio(llr, interval or (llr, llr))
    return LikelihoodRatios(
        ordinary=total,
        framed=LikelihoodRatio(framed, (framed, framed)),
        total=total,
        framed_share=0.0,
        is_framed_measured=framed != 0.0,
    )
