"""What an llr comes to where a share of generated pictures is known or assumed."""

from __future__ import annotations

import math
from typing import Final

_MOST: Final = 300.0


def posterior(llr: float, prevalence: float) -> float:
    """P(generated | picture) for ``llr`` (log10) among pictures of which ``prevalence`` are."""
    if not 0.0 <= prevalence <= 1.0:
        raise ValueError("a prevalence lies between 0 and 1")
    if prevalence in (0.0, 1.0):
        return prevalence
    exponent = llr + math.log10(prevalence / (1.0 - prevalence))
    return 1.0 / (1.0 + math.pow(10.0, min(_MOST, max(-_MOST, -exponent))))


def even_llr(prevalence: float) -> float | None:
    """The llr at which the posterior passes 1/2; ``None`` where it never does."""
    if not 0.0 < prevalence < 1.0:
        return None
    return math.log10((1.0 - prevalence) / prevalence)
