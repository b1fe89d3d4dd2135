"""How many of a list are generated: maximum likelihood over the two ratios of every picture.

A list is a mixture of three kinds: generated pictures (share g), real photographs that sit in a
generator's frame (share f), and ordinary avatars (the rest). A picture's two likelihood ratios say
how likely it is of each kind relative to an ordinary avatar,

    generated : framed : ordinary = 10^ordinary : 10^(ordinary − framed) : 1,

so the likelihood of the list for any shares follows from them alone. Shares are those that make it
highest; an interval holds every share whose profile likelihood comes close enough (95 %).

The ratios are calibrated over many collectors, and one list's pictures are not: its generator may
look more like photographs than most, or its photographs more like generated faces. So a share
``atypical_generated`` of the generated pictures may have the pixels of photographs, and a share
``atypical_framed`` of the framed photographs those of generated faces. Both are estimated with the
shares and cost log likelihood in proportion, at the rate at which collectors were found to differ.
Weak ratios are off by as much as strong ones, and that is more of what they say: the rate is no
less than the 95 % quantile of collectors' deviation, ÷ the root mean square ratio in this list.
Where no pixel check measured, ``framed`` is 0 for every picture, generated and framed cannot be
told apart, and the intervals of both shares reach from nothing to all that lies in the frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.arrays import BoolArray, FloatArray, Int64Array
from app.cohort.count_quantiles import count_interval
from app.cohort.parameters import PrevalenceEntry

_MAX_EXPONENT: Final = 300.0
_LOG_LIKELIHOOD_DROP: Final = 1.920729
"""Half the 95 % quantile of χ² with one degree of freedom."""
_GROUP_STEP: Final = 0.1
"""Ratios are grouped in steps of this, log10: a list of any length is as fast as a short one."""
_INITIAL_SHARES: Final = np.concatenate([[0.0], np.geomspace(1e-4, 1.0, 32)])
_INITIAL_RATIOS: Final = np.linspace(0.0, 1.0, 21)
_REFINED_POINTS: Final = 31
_REFINE_ROUNDS: Final = 3
_KEPT_DROP: Final = 3.0
"""The grid is refined around every point within this of the highest log likelihood."""
_Z95: Final = 1.644854
"""One-sided 95 % quantile of the normal distribution."""
_MAX_RATIO: Final = 12.0
"""log10: far beyond every bound of a calibration."""
_MIN_RATIO_SIZE: Final = 1e-3
_TIE: Final = 0.01
"""Shares whose log likelihoods differ by less are equally likely; the middle one is given."""


@dataclass(frozen=True)
class ShareEstimate:
    """A share or a number of pictures with its 95 % interval."""

    estimate: float
    interval: tuple[float, float]


@dataclass(frozen=True, eq=False)
class MixtureEstimate:
    """The shares of the three kinds, and what follows for each picture.

    ``among_framed``: the share of generated pictures among those that lie in the frame.
    ``posterior`` (n,): probability that a picture is generated under the list's own shares.
    ``false_flags``: how many of the flagged pictures are not generated.
    """

    generated: ShareEstimate
    framed: ShareEstimate
    ordinary: ShareEstimate
    among_framed: ShareEstimate
    posterior: FloatArray
    false_flags: ShareEstimate


@dataclass(frozen=True, eq=False)
class _Groups:
    """Pictures with nearly the same ratios.

    ``generated``, ``framed`` (k,): likelihood relative to an ordinary avatar; ``count`` and
    ``flagged`` (k,): pictures, and flagged ones; ``of`` (n,): the group of each picture.
    """

    generated: FloatArray
    framed: FloatArray
    count: FloatArray
    flagged: Int64Array
    of: Int64Array


@dataclass(frozen=True)
class _AtypicalRates:
    """Mean share of generated pictures like photographs, and of framed ones like generated."""

    generated: float
    framed: float


@dataclass(frozen=True, eq=False)
class _Axes:
    """Values of the three coordinates of a grid, each ascending."""

    in_frame: FloatArray
    ratio: FloatArray
    looks: FloatArray


@dataclass(frozen=True, eq=False)
class _Grid:
    """Points of the share space, all (m,).

    ``in_frame``: g + f. ``ratio``: g ÷ (g + f). ``looks``: the share of those in the frame whose
    pixels are like generated ones, at its likeliest. ``log_likelihood``: at that.
    """

    in_frame: FloatArray
    ratio: FloatArray
    looks: FloatArray
    log_likelihood: FloatArray

    @property
    def generated(self) -> FloatArray:
        return self.in_frame * self.ratio

    @property
    def framed(self) -> FloatArray:
        return self.in_frame * (1.0 - self.ratio)

    @property
    def is_plausible(self) -> BoolArray:
        out: BoolArray = self.log_likelihood >= self.log_likelihood.max() - _LOG_LIKELIHOOD_DROP
        return out


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


def estimate_mixture(
    ordinary: FloatArray, framed: FloatArray, is_flagged: BoolArray, parameters: PrevalenceEntry
) -> MixtureEstimate:
    """The mixture behind pictures with ratios ``ordinary`` and ``framed`` (n,), log10.

    ``is_flagged`` (n,): which of them are called likely generated. Without pictures everything is
    possible.
    """
    if not len(ordinary):
        unknown = ShareEstimate(0.0, (0.0, 1.0))
        none = ShareEstimate(0.0, (0.0, 0.0))
        return MixtureEstimate(unknown, unknown, unknown, unknown, np.zeros(0), none)
    groups = _group(ordinary, framed, is_flagged)
    grid = _refined_grid(groups, _atypical_rates(groups, parameters))
    best = _most_likely(grid)
    return MixtureEstimate(
        generated=_share(grid, grid.generated, best),
        framed=_share(grid, grid.framed, best),
        ordinary=_share(grid, 1.0 - grid.in_frame, best),
        among_framed=_share(grid, grid.ratio, best),
        posterior=_posterior(groups, grid, best)[groups.of],
        false_flags=_false_flags(groups, grid, best),
    )


def _group(ordinary: FloatArray, framed: FloatArray, is_flagged: BoolArray) -> _Groups:
    ratios = np.clip(np.stack([ordinary, framed], axis=1), -_MAX_RATIO, _MAX_RATIO)
    steps = np.rint(ratios / _GROUP_STEP).astype(np.int64)
    unique, of, counts = np.unique(steps, axis=0, return_inverse=True, return_counts=True)
    of = of.ravel()
    first, second = (unique * _GROUP_STEP).T
    return _Groups(
        generated=10.0**first,
        framed=10.0 ** (first - second),
        count=counts.astype(np.float64),
        flagged=np.bincount(of, is_flagged, minlength=len(unique)).astype(np.int64),
        of=of,
    )


def _atypical_rates(groups: _Groups, parameters: PrevalenceEntry) -> _AtypicalRates:
    """The mean atypical shares to allow for in this list."""
    in_frame = np.maximum(groups.generated, groups.framed) > 1.0
    ratios = np.log10(groups.generated[in_frame] / groups.framed[in_frame])
    count = max(1.0, float(groups.count[in_frame].sum()))
    size = math.sqrt(float(groups.count[in_frame] @ ratios**2) / count)
    least = _Z95 * parameters.mean_deviation / max(size, _MIN_RATIO_SIZE)
    return _AtypicalRates(
        max(parameters.atypical_generated, least), max(parameters.atypical_framed, least)
    )


def _evaluate(groups: _Groups, axes: _Axes, rates: _AtypicalRates) -> _Grid:
    """The grid of every pair of in-frame share and ratio, each at its best ``looks``."""
    shares = axes.in_frame[:, None, None]
    looks = axes.looks[None, :, None]
    in_frame = looks * groups.generated + (1.0 - looks) * groups.framed
    likelihood = np.log(1.0 - shares + shares * in_frame + 1e-300) @ groups.count
    cost = _atypical_cost(axes.ratio[:, None], axes.looks[None, :], rates)
    by_looks = likelihood[:, None, :] - cost[None, :, :]
    best = by_looks.argmax(axis=2)
    all_shares, all_ratios = np.meshgrid(axes.in_frame, axes.ratio, indexing="ij")
    return _Grid(
        all_shares.ravel(),
        all_ratios.ravel(),
        axes.looks[best.ravel()],
        by_looks.max(axis=2).ravel(),
    )


def _atypical_cost(ratio: FloatArray, looks: FloatArray, rates: _AtypicalRates) -> FloatArray:
    """Log likelihood that it costs if a share ``ratio`` is generated and ``looks`` looks so."""
    generated, framed = _atypical_shares(ratio, looks)
    out: FloatArray = generated / rates.generated + framed / rates.framed
    return out


def _atypical_shares(ratio: FloatArray, looks: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Which share of the generated must look photographed, and of the framed generated."""
    missing, surplus = np.maximum(0.0, ratio - looks), np.maximum(0.0, looks - ratio)
    return missing / np.maximum(ratio, 1e-12), surplus / np.maximum(1.0 - ratio, 1e-12)


def _refined_grid(groups: _Groups, rates: _AtypicalRates) -> _Grid:
    """A grid that is fine wherever shares are plausible."""
    axes = _Axes(_INITIAL_SHARES, _INITIAL_RATIOS, _INITIAL_RATIOS)
    grid = _evaluate(groups, axes, rates)
    for _ in range(_REFINE_ROUNDS):
        kept = grid.log_likelihood >= grid.log_likelihood.max() - _KEPT_DROP
        axes = _Axes(
            _refine(axes.in_frame, grid.in_frame[kept]),
            _refine(axes.ratio, grid.ratio[kept]),
            _refine(axes.looks, grid.looks[kept]),
        )
        grid = _evaluate(groups, axes, rates)
    return grid


def _refine(axis: FloatArray, kept: FloatArray) -> FloatArray:
    """Points from one step of ``axis`` below ``kept`` to one above."""
    low = axis[max(0, int(np.searchsorted(axis, kept.min())) - 1)]
    high = axis[min(len(axis) - 1, int(np.searchsorted(axis, kept.max())) + 1)]
    return np.linspace(low, high, _REFINED_POINTS)


def _most_likely(grid: _Grid) -> int:
    """Index of the most likely point; of a tie, the one in the middle of its generated shares."""
    tied = np.flatnonzero(grid.log_likelihood >= grid.log_likelihood.max() - _TIE)
    generated = grid.generated[tied]
    middle = (generated.min() + generated.max()) / 2.0
    # Shares that differ by less than the grid resolves are one share: nothing to choose between.
    if np.ptp(generated) < 0.25 * np.ptp(grid.generated[grid.is_plausible]):
        return int(grid.log_likelihood.argmax())
    return int(tied[np.abs(generated - middle).argmin()])


def _share(grid: _Grid, share: FloatArray, best: int) -> ShareEstimate:
    plausible = share[grid.is_plausible]
    return ShareEstimate(float(share[best]), (float(plausible.min()), float(plausible.max())))


def _posterior(groups: _Groups, grid: _Grid, point: int) -> FloatArray:
    """Probability that a picture of each group is generated, at one point of ``grid``: (k,)."""
    atypical_generated, atypical_framed = _atypical_shares(grid.ratio[point], grid.looks[point])
    generated = grid.generated[point] * (
        (1.0 - atypical_generated) * groups.generated + atypical_generated * groups.framed
    )
    framed = grid.framed[point] * (
        (1.0 - atypical_framed) * groups.framed + atypical_framed * groups.generated
    )
    out: FloatArray = generated / (generated + framed + 1.0 - grid.in_frame[point] + 1e-300)
    return out


def _false_flags(groups: _Groups, grid: _Grid, best: int) -> ShareEstimate:
    """How many of the flagged pictures are not generated.

    The interval holds 95 % of what chance makes of every plausible point: the flagged are few, and
    how many of them are real is a count, not a rate.
    """
    is_flagged = groups.flagged > 0
    counts = groups.flagged[is_flagged]
    if not len(counts):
        return ShareEstimate(0.0, (0.0, 0.0))
    plausible = np.flatnonzero(grid.is_plausible).tolist()
    real = np.stack([1.0 - _posterior(groups, grid, p)[is_flagged] for p in plausible])
    expected = real @ counts
    low, _ = count_interval(real[expected.argmin()], counts)
    _, high = count_interval(real[expected.argmax()], counts)
    estimate = float((1.0 - _posterior(groups, grid, best)[is_flagged]) @ counts)
    return ShareEstimate(estimate, (float(low), float(high)))
