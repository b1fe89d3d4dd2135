"""Fits ``models/cohort.json`` on pictures that were judged by calibrations that never saw them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.calibration.alignment_model import MAX_ZOOM, ZOOMED_SHARE
from app.calibration.densities import FloatArray
from app.cohort import template_density
from app.cohort.parameters import (
    ConcentrationEntry,
    DuplicatesEntry,
    FittedOn,
    FrameEntry,
    Numbers,
    PrevalenceEntry,
    RateEntry,
)
from app.training.calibration.alignment_model import STUDIO_SHARE
from app.training.calibration.sample_weights import ALIGNED_KINDS
from app.training.cohort.volumes import fit_spread, volumes
from app.training.corpus import FFHQ_KINDS, ORDINARY_KINDS, STUDIO_KINDS
from app.training.evaluation.metrics import upper_bound
from app.training.evaluation.scoring import Scored

# Bins as narrow as there are pictures to fill them; where generated ones begin they are narrowest.
EDGES: Final = (
    -2.5, -2.0, -1.5, -1.0, -0.6, -0.3, 0.0, 0.3, 0.6, 1.0, 1.4, 1.8, 2.2, 2.6, 2.9, 3.15,
)  # fmt: skip
_MOST_OF_ONE: Final = 300
"""A collector speaks for as many pictures as this, however many it has."""
_UNSEEN: Final = 0.5
"""Pictures that are added to each table's bins, spread over all of them."""
# The next generator is another one than those of the fit: a share of the generated is taken to be
# as much weaker as this, per unit of llr above the first bins that any were found in.
_WEAKER_SHARE: Final = 0.3
_WEAKER: Final = -1.0
_WEAKER_FROM: Final = 0.3
# Found by simulated lists, drawn from collectors that the tables did not see (benchmarks.cohort).
_FRAMED_COST: Final = (200.0, 5.0)
_SPREAD: Final = (0.08, 0.12)

_FAMILIES: Final = (
    ("ffhq", 1.0 - STUDIO_SHARE, FFHQ_KINDS),
    ("studio", STUDIO_SHARE, STUDIO_KINDS),
)
_FREEDOM: Final = 4.0
_ON_TEMPLATE_LLR: Final = 2.0
# Near: several times the spread of frames and of the measurement, as wide as house styles are.
_NEAR: Final = (0.03, 0.045, 0.06)
_NEAR_LN_SIDE: Final = (-0.14, 0.38)
_ZOOMS: Final = 24
# The narrowest house style of the fit (a league's portraits): 0.011, 0.027, 0.043, 0.027.
_HOUSE: Final = (0.010, 0.020, 0.050, 0.020)
_ALLOWANCE: Final = 4.0
_CORE: Final = 4.3
_FLOORS: Final = (3.95, 5.2)
"""log10 densities that ordinary near pictures are allowed in the frame, untouched and zoomed."""
_SAFETY: Final = math.log10(2.0)
"""If more is found among ordinary pictures, the floor is as much above that."""

_RADIUS: Final = 2
_SAME_PLACE: Final = (0.012, 0.012, 0.04, 0.03)
_TELLING_BITS: Final = (24, 40)


@dataclass(frozen=True)
class Held:
    """One scored picture, judged by numbers that did not see its collector."""

    kind: str
    collector: str
    llr: float
    eye_llr: float
    square: tuple[float, float, float, float] | None

    @property
    def generated(self) -> bool:
        return self.kind in (*FFHQ_KINDS, *STUDIO_KINDS)


def held_out(scores: Iterable[Scored]) -> list[Held]:
    """The scored ones of ``scores``."""
    found = []
    for s in scores:
        if s.outcome != "scored":
            continue
        eyes = s.checks.get("eye_alignment")
        eye_llr = eyes[1] if isinstance(eyes, tuple) else 0.0
        found.append(Held(s.row.kind, s.row.collector, s.llr, eye_llr, s.square))
    return found


def fit_cohort(held: Sequence[Held], likely_llr: float, calibration: str) -> Numbers:
    """The numbers that lists are judged by. Deterministic; the order of ``held`` is no matter.

    ``likely_llr``: where the verdict begins. ``calibration``: the id of the one that ships.
    """
    held = sorted(held, key=lambda h: (h.kind, h.collector, h.llr, h.eye_llr, h.square or ()))
    ordinary = [h for h in held if h.kind in ORDINARY_KINDS]
    return Numbers(
        format=1,
        fitted_on=FittedOn(
            calibration=calibration,
            pictures=dict(sorted(Counter(h.kind for h in held).items())),
            collectors=len({h.collector for h in held}),
        ),
        likely=_rate(ordinary, lambda h: h.llr >= likely_llr),
        prevalence=fit_prevalence(held),
        concentration=fit_concentration(held),
        duplicates=DuplicatesEntry(
            radius=_RADIUS, within=list(_SAME_PLACE), bits=list(_TELLING_BITS)
        ),
    )


def fit_prevalence(held: Sequence[Held]) -> PrevalenceEntry:
    """How llr fall for generated, ordinary and framed pictures."""
    generated = _table([h for h in held if h.generated])
    weaker = generated * np.exp(_WEAKER * np.maximum(_middles(), _WEAKER_FROM))
    generated = (1.0 - _WEAKER_SHARE) * generated + _WEAKER_SHARE * weaker / weaker.sum()
    ordinary = [h for h in held if h.kind in ORDINARY_KINDS]
    return PrevalenceEntry(
        edges=list(EDGES),
        generated=_shares(generated),
        ordinary=_shares(_table(ordinary)),
        framed=_shares(_table([h for h in held if h.kind in ALIGNED_KINDS])),
        framed_cost=_FRAMED_COST[0],
        framed_cost_most=_FRAMED_COST[1],
        spread_below=_SPREAD[0],
        spread_above=_SPREAD[1],
        floor=_figures(upper_bound(0, len(ordinary))),
    )


def fit_concentration(held: Sequence[Held]) -> ConcentrationEntry:
    """The frames, the room in them, and how dense ordinary pictures are there."""
    entries = [
        _frame(name, share, squares)
        for name, share, kinds in _FAMILIES
        if len(squares := _squares([h for h in held if h.kind in kinds]))
    ]
    ordinary = [h for h in held if h.kind in ORDINARY_KINDS]
    bare = ConcentrationEntry(
        frames=entries,
        max_zoom=MAX_ZOOM,
        zooms=_ZOOMS,
        zoomed_share=ZOOMED_SHARE,
        near=list(_NEAR),
        near_ln_side=list(_NEAR_LN_SIDE),
        house=list(_HOUSE),
        allowance=_ALLOWANCE,
        core=_CORE,
        floor_density=_FLOORS[0],
        floor_density_zoomed=_FLOORS[1],
        measured={},
        volumes=volumes(entries, _ZOOMS, MAX_ZOOM),
        on_template_llr=_ON_TEMPLATE_LLR,
        background=_rate(ordinary, lambda h: h.eye_llr >= _ON_TEMPLATE_LLR),
    )
    measured = measured_densities(ordinary, bare)
    return bare.model_copy(
        update={
            "measured": measured,
            "floor_density": max(_FLOORS[0], _figures(measured["untouched"] + _SAFETY)),
            "floor_density_zoomed": max(_FLOORS[1], _figures(measured["zoomed"] + _SAFETY)),
        }
    )


def measured_densities(ordinary: Sequence[Held], numbers: ConcentrationEntry) -> dict[str, float]:
    """How dense ordinary near pictures are in the frame (log10), all and of the worst collector.

    The mean of the frame's density over pictures is the density of pictures in the frame.
    """

    def mean_density(some: Sequence[Held]) -> tuple[float, float]:
        squares = _squares(some)
        squares = squares[template_density.near(squares, numbers)]
        if not len(squares):
            return 0.0, 0.0
        by_zoom = template_density.densities(squares, numbers)
        both = by_zoom[:, 0], template_density.any_zoom(by_zoom)
        one, zoomed = (math.log10(float(np.mean(10.0**d)) + 1e-9) for d in both)
        return _figures(one), _figures(zoomed)

    by = {c: [h for h in ordinary if h.collector == c] for c in {h.collector for h in ordinary}}
    each = [mean_density(some) for some in by.values() if len(some) >= 20] or [(0.0, 0.0)]
    untouched, zoomed = mean_density(ordinary)
    return {
        "untouched": untouched,
        "zoomed": zoomed,
        "untouched_worst_collector": max(e[0] for e in each),
        "zoomed_worst_collector": max(e[1] for e in each),
    }


def _frame(name: str, share: float, squares: FloatArray) -> FrameEntry:
    mean, scale = fit_spread(squares, _FREEDOM)
    return FrameEntry(
        name=name,
        share=share,
        freedom=_FREEDOM,
        mean=[_figures(m) for m in mean],
        scale=[[_figures(c) for c in row] for row in scale],
    )


def _rate(held: Sequence[Held], hit: Callable[[Held], bool]) -> RateEntry:
    hits = [hit(h) for h in held]
    collectors = sorted({h.collector for h in held})
    own = [[x for x, h in zip(hits, held, strict=True) if h.collector == c] for c in collectors]
    return RateEntry(
        hits=sum(hits),
        pictures=len(hits),
        # The mean under Jeffreys' prior: none seen is not none ever.
        rate=_figures((sum(hits) + 0.5) / (len(hits) + 1)),
        upper_95=_figures(upper_bound(sum(hits), len(hits))),
        worst_collector=_figures(max(sum(o) / len(o) for o in own if len(o) >= 20 or len(own) < 2)),
    )


def _table(held: Sequence[Held]) -> FloatArray:
    """The share of each bin; no collector of a kind counts for more than a few hundred pictures."""
    by: dict[tuple[str, str], list[float]] = {}
    for h in held:
        by.setdefault((h.kind, h.collector), []).append(h.llr)
    total = np.zeros(len(EDGES) + 1)
    for llrs in by.values():
        counts = np.bincount(np.searchsorted(EDGES, llrs, side="right"), minlength=len(total))
        total += counts * min(_MOST_OF_ONE, len(llrs)) / len(llrs)
    total += _UNSEEN
    out: FloatArray = total / total.sum()
    return out


def _middles() -> FloatArray:
    """The middle of each bin."""
    edges = np.array([EDGES[0] - 0.5, *EDGES, EDGES[-1] + 0.25])
    out: FloatArray = (edges[1:] + edges[:-1]) / 2.0
    return out


def _squares(held: Iterable[Held]) -> FloatArray:
    return np.array([h.square for h in held if h.square is not None]).reshape(-1, 4)


def _shares(table: FloatArray) -> list[float]:
    return [float(f"{share:.6g}") for share in table]


def _figures(number: float) -> float:
    return float(f"{number:.5g}")
