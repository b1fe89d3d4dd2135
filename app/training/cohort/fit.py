"""Fits ``models/cohort.json`` on pictures that were judged by calibrations that never saw them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.arrays import FloatArray
from app.calibration.alignment_model import MAX_ZOOM, ZOOMED_SHARE
from app.cohort import template_density
from app.cohort.parameters import (
    CohortFittedOn,
    CohortParameters,
    ConcentrationEntry,
    DuplicatesEntry,
    FrameEntry,
    PrevalenceEntry,
    RateEntry,
)
from app.training.calibration.alignment_model import STUDIO_SHARE
from app.training.calibration.sample_weights import ALIGNED_KINDS
from app.training.calibration.student_t import fit_t
from app.training.cohort.volumes import estimate_volumes
from app.training.corpus import FFHQ_KINDS, ORDINARY_KINDS, STUDIO_KINDS
from app.training.evaluation.metrics import clopper_pearson_upper
from app.training.evaluation.scoring import ScoredPicture

# Bins as narrow as there are pictures to fill them; where generated ones begin they are narrowest.
LLR_BIN_EDGES: Final = (
    -2.5, -2.0, -1.5, -1.0, -0.6, -0.3, 0.0, 0.3, 0.6, 1.0, 1.4, 1.8, 2.2, 2.6, 2.9, 3.15,
)  # fmt: skip
_MAX_PICTURES_PER_COLLECTOR: Final = 300
"""A collector speaks for as many pictures as this, however many it has."""
_PSEUDO_COUNT: Final = 0.5
"""Pictures that are added to each table's bins, spread over all of them."""
# The next generator is another one than those of the fit: a share of the generated is taken to be
# as much weaker as this, per unit of llr above the first bins that any were found in.
_WEAKER_SHARE: Final = 0.3
_WEAKER_SLOPE: Final = -1.0
_WEAKER_FROM_LLR: Final = 0.3
# Found by simulated lists, drawn from collectors that the tables did not see (benchmarks.cohort).
_FRAMED_COST: Final = (200.0, 5.0)
_SPREAD: Final = (0.08, 0.12)

_FAMILIES: Final = (
    ("ffhq", 1.0 - STUDIO_SHARE, FFHQ_KINDS),
    ("studio", STUDIO_SHARE, STUDIO_KINDS),
)
_FRAME_FREEDOM: Final = 4.0
_ON_TEMPLATE_LLR: Final = 2.0
# Near: several times the spread of frames and of the measurement, as wide as house styles are.
_NEAR: Final = (0.03, 0.045, 0.06)
_NEAR_LN_SIDE: Final = (-0.14, 0.38)
_ZOOMS: Final = 24
# The narrowest house style of the fit (a league's portraits): 0.011, 0.027, 0.043, 0.027.
_HOUSE_STYLE_SPREAD: Final = (0.010, 0.020, 0.050, 0.020)
_ALLOWANCE: Final = 4.0
_CORE: Final = 4.3
_FLOORS: Final = (3.95, 5.2)
"""log10 densities that ordinary near pictures are allowed in the frame, untouched and zoomed."""
_SAFETY_MARGIN: Final = math.log10(2.0)
"""If more is found among ordinary pictures, the floor is as much above that."""

_PDQ_RADIUS: Final = 31
_PDQ_RADIUS_WITHOUT_FACE: Final = 10


@dataclass(frozen=True)
class HeldOutScore:
    """One scored picture, judged by numbers that did not see its collector."""

    kind: str
    collector: str
    llr: float
    eye_llr: float
    square: tuple[float, float, float, float] | None

    @property
    def is_generated(self) -> bool:
        return self.kind in (*FFHQ_KINDS, *STUDIO_KINDS)


def to_held_out_scores(scores: Iterable[ScoredPicture]) -> list[HeldOutScore]:
    """The scored ones of ``scores``."""
    held_out_scores = []
    for s in scores:
        if s.outcome != "scored":
            continue
        eye_reading = s.checks.get("eye_alignment")
        eye_llr = eye_reading[1] if isinstance(eye_reading, tuple) else 0.0
        held_out_scores.append(HeldOutScore(s.row.kind, s.row.collector, s.llr, eye_llr, s.square))
    return held_out_scores


def fit_cohort(
    scores: Sequence[HeldOutScore], likely_llr: float, calibration: str
) -> CohortParameters:
    """The numbers that lists are judged by. Deterministic; the order of ``scores`` is no matter.

    ``likely_llr``: where the verdict begins. ``calibration``: the id of the one that ships.
    """
    scores = sorted(scores, key=lambda h: (h.kind, h.collector, h.llr, h.eye_llr, h.square or ()))
    ordinary = [h for h in scores if h.kind in ORDINARY_KINDS]
    return CohortParameters(
        format=1,
        fitted_on=CohortFittedOn(
            calibration=calibration,
            pictures=dict(sorted(Counter(h.kind for h in scores).items())),
            collectors=len({h.collector for h in scores}),
        ),
        likely=_estimate_rate(ordinary, lambda h: h.llr >= likely_llr),
        prevalence=fit_prevalence(scores),
        concentration=fit_concentration(scores),
        duplicates=DuplicatesEntry(
            radius=_PDQ_RADIUS, radius_without_face=_PDQ_RADIUS_WITHOUT_FACE
        ),
    )


def fit_prevalence(scores: Sequence[HeldOutScore]) -> PrevalenceEntry:
    """How llr fall for generated, ordinary and framed pictures."""
    generated = _llr_histogram([h for h in scores if h.is_generated])
    weaker = generated * np.exp(_WEAKER_SLOPE * np.maximum(_bin_centres(), _WEAKER_FROM_LLR))
    generated = (1.0 - _WEAKER_SHARE) * generated + _WEAKER_SHARE * weaker / weaker.sum()
    ordinary = [h for h in scores if h.kind in ORDINARY_KINDS]
    return PrevalenceEntry(
        edges=list(LLR_BIN_EDGES),
        generated=_round_shares(generated),
        ordinary=_round_shares(_llr_histogram(ordinary)),
        framed=_round_shares(_llr_histogram([h for h in scores if h.kind in ALIGNED_KINDS])),
        framed_cost=_FRAMED_COST[0],
        framed_cost_most=_FRAMED_COST[1],
        spread_below=_SPREAD[0],
        spread_above=_SPREAD[1],
        floor=_round_significant(clopper_pearson_upper(0, len(ordinary))),
    )


def fit_concentration(scores: Sequence[HeldOutScore]) -> ConcentrationEntry:
    """The frames, the room in them, and how dense ordinary pictures are there."""
    entries = [
        _fit_frame(name, share, squares)
        for name, share, kinds in _FAMILIES
        if len(squares := _stack_squares([h for h in scores if h.kind in kinds]))
    ]
    ordinary = [h for h in scores if h.kind in ORDINARY_KINDS]
    draft = ConcentrationEntry(
        frames=entries,
        max_zoom=MAX_ZOOM,
        zooms=_ZOOMS,
        zoomed_share=ZOOMED_SHARE,
        near=list(_NEAR),
        near_ln_side=list(_NEAR_LN_SIDE),
        house=list(_HOUSE_STYLE_SPREAD),
        allowance=_ALLOWANCE,
        core=_CORE,
        floor_density=_FLOORS[0],
        floor_density_zoomed=_FLOORS[1],
        measured={},
        volumes=estimate_volumes(entries, _ZOOMS, MAX_ZOOM),
        on_template_llr=_ON_TEMPLATE_LLR,
        background=_estimate_rate(ordinary, lambda h: h.eye_llr >= _ON_TEMPLATE_LLR),
    )
    measured = measure_ordinary_densities(ordinary, draft)
    return draft.model_copy(
        update={
            "measured": measured,
            "floor_density": max(
                _FLOORS[0], _round_significant(measured["untouched"] + _SAFETY_MARGIN)
            ),
            "floor_density_zoomed": max(
                _FLOORS[1], _round_significant(measured["zoomed"] + _SAFETY_MARGIN)
            ),
        }
    )


def measure_ordinary_densities(
    ordinary: Sequence[HeldOutScore], numbers: ConcentrationEntry
) -> dict[str, float]:
    """How dense ordinary near pictures are in the frame (log10), all and of the worst collector.

    The mean of the frame's density over pictures is the density of pictures in the frame.
    """

    def mean_density(scores: Sequence[HeldOutScore]) -> tuple[float, float]:
        squares = _stack_squares(scores)
        squares = squares[template_density.is_near_frame(squares, numbers)]
        if not len(squares):
            return 0.0, 0.0
        by_zoom = template_density.template_densities(squares, numbers)
        densities = by_zoom[:, 0], template_density.any_zoom_density(by_zoom)
        untouched, zoomed = (math.log10(float(np.mean(10.0**d)) + 1e-9) for d in densities)
        return _round_significant(untouched), _round_significant(zoomed)

    by_collector = {
        c: [h for h in ordinary if h.collector == c] for c in {h.collector for h in ordinary}
    }
    collector_densities = [
        mean_density(scores) for scores in by_collector.values() if len(scores) >= 20
    ] or [(0.0, 0.0)]
    untouched, zoomed = mean_density(ordinary)
    return {
        "untouched": untouched,
        "zoomed": zoomed,
        "untouched_worst_collector": max(e[0] for e in collector_densities),
        "zoomed_worst_collector": max(e[1] for e in collector_densities),
    }


def _fit_frame(name: str, share: float, squares: FloatArray) -> FrameEntry:
    ones = np.ones(len(squares))
    mean, scale = fit_t(squares, ones, ones, _FRAME_FREEDOM)[:2]
    return FrameEntry(
        name=name,
        share=share,
        freedom=_FRAME_FREEDOM,
        mean=[_round_significant(m) for m in mean],
        scale=[[_round_significant(c) for c in row] for row in scale],
    )


def _estimate_rate(
    scores: Sequence[HeldOutScore], is_hit: Callable[[HeldOutScore], bool]
) -> RateEntry:
    hits = [is_hit(h) for h in scores]
    collectors = sorted({h.collector for h in scores})
    hits_by_collector = [
        [x for x, h in zip(hits, scores, strict=True) if h.collector == c] for c in collectors
    ]
    return RateEntry(
        hits=sum(hits),
        pictures=len(hits),
        # The mean under Jeffreys' prior: none seen is not none ever.
        rate=_round_significant((sum(hits) + 0.5) / (len(hits) + 1)),
        upper_95=_round_significant(clopper_pearson_upper(sum(hits), len(hits))),
        worst_collector=_round_significant(
            max(
                sum(o) / len(o)
                for o in hits_by_collector
                if len(o) >= 20 or len(hits_by_collector) < 2
            )
        ),
    )


def _llr_histogram(scores: Sequence[HeldOutScore]) -> FloatArray:
    """The share of each bin; no collector of a kind counts for more than a few hundred pictures."""
    by_collector: dict[tuple[str, str], list[float]] = {}
    for h in scores:
        by_collector.setdefault((h.kind, h.collector), []).append(h.llr)
    histogram = np.zeros(len(LLR_BIN_EDGES) + 1)
    for llrs in by_collector.values():
        counts = np.bincount(
            np.searchsorted(LLR_BIN_EDGES, llrs, side="right"), minlength=len(histogram)
        )
        histogram += counts * min(_MAX_PICTURES_PER_COLLECTOR, len(llrs)) / len(llrs)
    histogram += _PSEUDO_COUNT
    out: FloatArray = histogram / histogram.sum()
    return out


def _bin_centres() -> FloatArray:
    """The middle of each bin."""
    edges = np.array([LLR_BIN_EDGES[0] - 0.5, *LLR_BIN_EDGES, LLR_BIN_EDGES[-1] + 0.25])
    out: FloatArray = (edges[1:] + edges[:-1]) / 2.0
    return out


def _stack_squares(scores: Iterable[HeldOutScore]) -> FloatArray:
    return np.array([h.square for h in scores if h.square is not None]).reshape(-1, 4)


def _round_shares(table: FloatArray) -> list[float]:
    return [float(f"{share:.6g}") for share in table]


def _round_significant(number: float) -> float:
    return float(f"{number:.5g}")
