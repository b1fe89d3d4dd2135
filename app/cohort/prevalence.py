"""How many of a list are generated: maximum likelihood over all llr, never a count of verdicts.

A list is a mixture of generated pictures (share π), photographs that sit in a generator's frame
(share a of the others) and ordinary ones. How llr fall for each is known in bins from pictures
that the calibration did not see; π is what makes the list's llr likeliest, whatever a is. The
interval holds every π whose likelihood comes close enough (profile likelihood, 95 %), and is
widened by what the tables themselves may be off: a list's generator may be another one than those
of the fit. π is the rate of whatever the list was drawn from; ``expected`` counts this list.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.arrays import FloatArray
from app.cohort.parameters import PrevalenceEntry

_MAX_EXPONENT: Final = 300.0


def posterior(llr: float, prevalence: float) -> float:
    """P(generated | picture) for ``llr`` (log10) where a share ``prevalence`` is generated."""
    if not 0.0 <= prevalence <= 1.0:
        raise ValueError("a prevalence lies between 0 and 1")
    if prevalence in (0.0, 1.0):
        return prevalence
    exponent = llr + math.log10(prevalence / (1.0 - prevalence))
    return 1.0 / (1.0 + math.pow(10.0, min(_MAX_EXPONENT, max(-_MAX_EXPONENT, -exponent))))


def even_llr(prevalence: float) -> float | None:
    """The llr at which the posterior passes 1/2; ``None`` where it never does."""
    if not 0.0 < prevalence < 1.0:
        return None
    return math.log10((1.0 - prevalence) / prevalence)


_LOG_LIKELIHOOD_DROP: Final = 1.920729
"""Half the 95 % quantile of χ² with one degree of freedom."""
_GOLDEN_STEPS: Final = 34
"""Of a golden search: the share is found to 1e-7."""
_GOLDEN_RATIO: Final = (5**0.5 - 1) / 2
_INITIAL_GRID: Final = np.concatenate(
    [[0.0], np.geomspace(1e-7, 0.5, 56), 1.0 - np.geomspace(0.4, 1e-7, 40), [1.0]]
)
_REFINED_POINTS: Final = 24
_REFINE_ROUNDS: Final = 5


@dataclass(frozen=True, eq=False)
class PrevalenceEstimate:
    """``estimate`` and ``interval`` of π; ``framed`` the share of all that are framed photographs.

    ``posterior`` (bins,): of a picture in each bin, under this very mixture.
    """

    estimate: float
    interval: tuple[float, float]
    framed: float
    posterior: FloatArray


def estimate_prevalence(counts: FloatArray, parameters: PrevalenceEntry) -> PrevalenceEstimate:
    """The share of generated pictures behind ``counts`` (bins,) of llr."""
    generated = np.array(parameters.generated)
    ordinary, framed = np.array(parameters.ordinary), np.array(parameters.framed)
    if not counts.any():
        return PrevalenceEstimate(0.0, (0.0, 1.0), 0.0, np.zeros(len(counts)))
    occupied = counts > 0

    def profile(shares: FloatArray) -> tuple[FloatArray, FloatArray]:
        return _profile_likelihood(
            shares,
            counts[occupied],
            generated[occupied],
            ordinary[occupied],
            framed[occupied],
            parameters,
        )

    estimate, low, high = _likelihood_interval(lambda shares: profile(shares)[0])
    framed_share = float(profile(np.array([estimate]))[1][0])
    not_generated = (1.0 - framed_share) * ordinary + framed_share * framed
    from_generator = estimate * generated
    return PrevalenceEstimate(
        estimate=estimate,
        interval=_widen_interval(estimate, low, high, parameters),
        framed=(1.0 - estimate) * framed_share,
        posterior=from_generator / (from_generator + (1.0 - estimate) * not_generated),
    )


def estimate_mixture(
    counts: FloatArray, first: FloatArray, second: FloatArray
) -> tuple[float, float, float]:
    """The share of ``first`` among pictures of two sorts only, and its 95 % interval."""
    occupied = counts > 0
    if not occupied.any():
        return 0.5, 0.0, 1.0

    def likelihood(shares: FloatArray) -> FloatArray:
        both = shares[:, None] * first[occupied] + (1.0 - shares[:, None]) * second[occupied]
        out: FloatArray = np.log(both) @ counts[occupied]
        return out

    return _likelihood_interval(likelihood)


def _widen_interval(
    estimate: float, low: float, high: float, parameters: PrevalenceEntry
) -> tuple[float, float]:
    lower_error = np.sqrt(
        (estimate - low) ** 2 + (parameters.spread_below * estimate) ** 2 + parameters.floor**2
    )
    upper_error = np.hypot(high - estimate, parameters.spread_above * estimate)
    lower = 0.0 if low == 0.0 else max(0.0, float(estimate - lower_error))
    return lower, min(1.0, float(estimate + upper_error))


def _profile_likelihood(
    shares: FloatArray,
    counts: FloatArray,
    generated: FloatArray,
    ordinary: FloatArray,
    framed: FloatArray,
    parameters: PrevalenceEntry,
) -> tuple[FloatArray, FloatArray]:
    """ln likelihood of each of ``shares`` (n,) at the likeliest share of framed ones; and that.

    What framed ones cost is the lesser of two concave penalties: each is searched, the better kept.
    """
    generated_part = shares[:, None] * generated
    other_share = 1.0 - shares[:, None]

    def log_likelihood(a: FloatArray) -> FloatArray:
        others = ordinary + a[:, None] * (framed - ordinary)
        out: FloatArray = np.log(generated_part + other_share * others + 1e-300) @ counts
        return out

    best_linear = _maximize(lambda a: log_likelihood(a) - parameters.framed_cost * a, len(shares))
    best_capped = _maximize(log_likelihood, len(shares))
    penalized = (
        log_likelihood(best_linear) - parameters.framed_cost * best_linear,
        log_likelihood(best_capped) - parameters.framed_cost_most,
    )
    is_linear = penalized[0] >= penalized[1]
    return np.where(is_linear, *penalized), np.where(is_linear, best_linear, best_capped)


def _maximize(function: Callable[[FloatArray], FloatArray], count: int) -> FloatArray:
    """Where each of ``count`` concave functions on 0 to 1 is highest (golden section)."""
    low, high = np.zeros(count), np.ones(count)
    for _ in range(_GOLDEN_STEPS):
        left, right = high - _GOLDEN_RATIO * (high - low), low + _GOLDEN_RATIO * (high - low)
        is_rising = function(left) < function(right)
        low, high = np.where(is_rising, left, low), np.where(is_rising, high, right)
    middle = (low + high) / 2
    # The ends themselves are the commonest answers.
    values = np.stack([function(np.zeros(count)), function(middle), function(np.ones(count))])
    out: FloatArray = np.choose(values.argmax(axis=0), [0.0 * middle, middle, 0.0 * middle + 1.0])
    return out


def _likelihood_interval(
    likelihood: Callable[[FloatArray], FloatArray],
) -> tuple[float, float, float]:
    """Where ``likelihood`` (of shares, vectorised) is highest, and between which it stays close."""
    grid, values = _INITIAL_GRID, likelihood(_INITIAL_GRID)
    for _ in range(_REFINE_ROUNDS):
        best = values.argmax()
        plausible = np.flatnonzero(values >= values[best] - _LOG_LIKELIHOOD_DROP)
        cells = {max(0, plausible[0] - 1), max(0, best - 1), best, max(0, plausible[-1])}
        added = np.concatenate(
            [
                np.linspace(grid[i], grid[min(i + 1, len(grid) - 1)], _REFINED_POINTS)[1:-1]
                for i in cells
            ]
        )
        added = np.setdiff1d(added, grid)
        if not len(added):
            break
        grid = np.concatenate([grid, added])
        values = np.concatenate([values, likelihood(added)])
        order = grid.argsort()
        grid, values = grid[order], values[order]
    plausible = np.flatnonzero(values >= values.max() - _LOG_LIKELIHOOD_DROP)
    return float(grid[values.argmax()]), float(grid[plausible[0]]), float(grid[plausible[-1]])
