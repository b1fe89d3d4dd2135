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

from app.calibration.densities import FloatArray
from app.cohort.parameters import PrevalenceEntry

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


_CLOSE: Final = 1.920729
"""Half the 95 % quantile of χ² with one degree of freedom."""
_STEPS: Final = 34
"""Of a golden search: the share is found to 1e-7."""
_GOLDEN: Final = (5**0.5 - 1) / 2
_FIRST: Final = np.concatenate(
    [[0.0], np.geomspace(1e-7, 0.5, 56), 1.0 - np.geomspace(0.4, 1e-7, 40), [1.0]]
)
_AROUND: Final = 24
_ROUNDS: Final = 5


@dataclass(frozen=True, eq=False)
class Prevalence:
    """``estimate`` and ``interval`` of π; ``framed`` the share of all that are framed photographs.

    ``posterior`` (bins,): of a picture in each bin, under this very mixture.
    """

    estimate: float
    interval: tuple[float, float]
    framed: float
    posterior: FloatArray


def prevalence(counts: FloatArray, numbers: PrevalenceEntry) -> Prevalence:
    """The share of generated pictures behind ``counts`` (bins,) of llr."""
    generated = np.array(numbers.generated)
    ordinary, framed = np.array(numbers.ordinary), np.array(numbers.framed)
    if not counts.any():
        return Prevalence(0.0, (0.0, 1.0), 0.0, np.zeros(len(counts)))
    seen = counts > 0

    def profile(shares: FloatArray) -> tuple[FloatArray, FloatArray]:
        return _profile(
            shares, counts[seen], generated[seen], ordinary[seen], framed[seen], numbers
        )

    estimate, low, high = _ends(lambda shares: profile(shares)[0])
    a = float(profile(np.array([estimate]))[1][0])
    others = (1.0 - a) * ordinary + a * framed
    made = estimate * generated
    return Prevalence(
        estimate=estimate,
        interval=_widened(estimate, low, high, numbers),
        framed=(1.0 - estimate) * a,
        posterior=made / (made + (1.0 - estimate) * others),
    )


def mixture(counts: FloatArray, of: FloatArray, among: FloatArray) -> tuple[float, float, float]:
    """The share of ``of`` among pictures of two sorts only, and its 95 % interval."""
    seen = counts > 0
    if not seen.any():
        return 0.5, 0.0, 1.0

    def likelihood(shares: FloatArray) -> FloatArray:
        both = shares[:, None] * of[seen] + (1.0 - shares[:, None]) * among[seen]
        out: FloatArray = np.log(both) @ counts[seen]
        return out

    return _ends(likelihood)


def _widened(
    estimate: float, low: float, high: float, numbers: PrevalenceEntry
) -> tuple[float, float]:
    below = np.sqrt(
        (estimate - low) ** 2 + (numbers.spread_below * estimate) ** 2 + numbers.floor**2
    )
    above = np.hypot(high - estimate, numbers.spread_above * estimate)
    down = 0.0 if low == 0.0 else max(0.0, float(estimate - below))
    return down, min(1.0, float(estimate + above))


def _profile(
    shares: FloatArray,
    counts: FloatArray,
    generated: FloatArray,
    ordinary: FloatArray,
    framed: FloatArray,
    numbers: PrevalenceEntry,
) -> tuple[FloatArray, FloatArray]:
    """ln likelihood of each of ``shares`` (n,) at the likeliest share of framed ones; and that.

    What framed ones cost is the lesser of two concave penalties: each is searched, the better kept.
    """
    made = shares[:, None] * generated
    rest = 1.0 - shares[:, None]

    def at(a: FloatArray) -> FloatArray:
        others = ordinary + a[:, None] * (framed - ordinary)
        out: FloatArray = np.log(made + rest * others + 1e-300) @ counts
        return out

    cheap = _highest(lambda a: at(a) - numbers.framed_cost * a, len(shares))
    dear = _highest(at, len(shares))
    costs = at(cheap) - numbers.framed_cost * cheap, at(dear) - numbers.framed_cost_most
    first = costs[0] >= costs[1]
    return np.where(first, *costs), np.where(first, cheap, dear)


def _highest(function: Callable[[FloatArray], FloatArray], count: int) -> FloatArray:
    """Where each of ``count`` concave functions on 0 to 1 is highest (golden section)."""
    low, high = np.zeros(count), np.ones(count)
    for _ in range(_STEPS):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        up = function(left) < function(right)
        low, high = np.where(up, left, low), np.where(up, high, right)
    middle = (low + high) / 2
    # The ends themselves are the commonest answers.
    at = np.stack([function(np.zeros(count)), function(middle), function(np.ones(count))])
    out: FloatArray = np.choose(at.argmax(axis=0), [0.0 * middle, middle, 0.0 * middle + 1.0])
    return out


def _ends(likelihood: Callable[[FloatArray], FloatArray]) -> tuple[float, float, float]:
    """Where ``likelihood`` (of shares, vectorised) is highest, and between which it stays close."""
    grid, values = _FIRST, likelihood(_FIRST)
    for _ in range(_ROUNDS):
        best = values.argmax()
        close = np.flatnonzero(values >= values[best] - _CLOSE)
        edges = {max(0, close[0] - 1), max(0, best - 1), best, max(0, close[-1])}
        more = np.concatenate(
            [np.linspace(grid[i], grid[min(i + 1, len(grid) - 1)], _AROUND)[1:-1] for i in edges]
        )
        more = np.setdiff1d(more, grid)
        if not len(more):
            break
        grid = np.concatenate([grid, more])
        values = np.concatenate([values, likelihood(more)])
        order = grid.argsort()
        grid, values = grid[order], values[order]
    close = np.flatnonzero(values >= values.max() - _CLOSE)
    return float(grid[values.argmax()]), float(grid[close[0]]), float(grid[close[-1]])
