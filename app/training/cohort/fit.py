"""Fits ``models/cohort.json`` on held-out scores."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.arrays import FloatArray
from app.calibration.templates import MAX_ZOOM, ZOOMED_SHARE
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

_MIN_PICTURES: Final = 20
"""Collectors with fewer pictures say too little about how collectors differ."""
_SHARES: Final = np.linspace(0.0, 1.0, 201)
_MIN_MEAN_DEVIATION: Final = 0.1
_MAD_TO_SD: Final = 1.4826
_MIN_ATYPICAL: Final = 0.02
"""However alike collectors are: the next one may be another."""

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
"""Floors of the log10 density of ordinary near pictures in the frame, untouched and zoomed."""
_SAFETY_MARGIN: Final = math.log10(2.0)
"""Margin of the floor above the density measured on ordinary pictures."""

_PDQ_RADIUS: Final = 31
_PDQ_RADIUS_WITHOUT_FACE: Final = 10


@dataclass(frozen=True)
class HeldOutScore:
    """One picture, scored by a calibration that was not fitted on its collector."""

    kind: str
    collector: str
    llr: float
    ordinary: float
    framed: float
    eye_llr: float
    square: tuple[float, float, float, float] | None

    @property
    def is_generated(self) -> bool:
        return self.kind in (*FFHQ_KINDS, *STUDIO_KINDS)


def to_held_out_scores(scores: Iterable[ScoredPicture]) -> list[HeldOutScore]:
    """The pictures of ``scores`` whose outcome is ``scored``."""
    held_out_scores = []
    for s in scores:
        if s.outcome != "scored":
            continue
        eye_reading = s.checks.get("eye_alignment")
        eye_llr = eye_reading[1] if isinstance(eye_reading, tuple) else 0.0
        held_out_scores.append(
            HeldOutScore(
                s.row.kind,
                s.row.collector,
                s.llr,
                s.against.ordinary.llr,
                s.against.framed.llr,
                eye_llr,
                s.square,
            )
        )
    return held_out_scores


def fit_cohort(scores: Sequence[HeldOutScore], calibration: str) -> CohortParameters:
    """The parameters of list statistics. Deterministic, whatever the order of ``scores``.

    ``calibration``: the id of the one that ships.
    """
    scores = sorted(scores, key=lambda h: (h.kind, h.collector, h.llr, h.eye_llr, h.square or ()))
    return CohortParameters(
        format=2,
        fitted_on=CohortFittedOn(
            calibration=calibration,
            pictures=dict(sorted(Counter(h.kind for h in scores).items())),
            collectors=len({h.collector for h in scores}),
        ),
        prevalence=fit_prevalence(scores),
        concentration=fit_concentration(scores),
        duplicates=DuplicatesEntry(
            radius=_PDQ_RADIUS, radius_without_face=_PDQ_RADIUS_WITHOUT_FACE
        ),
    )


def fit_prevalence(scores: Sequence[HeldOutScore]) -> PrevalenceEntry:
    """How far collectors of generated pictures and of framed photographs are from their average."""
    generated = _shares_like_generated([h for h in scores if h.is_generated])
    framed = _shares_like_generated([h for h in scores if h.kind in ALIGNED_KINDS])
    return PrevalenceEntry(
        atypical_generated=_mean_atypical([1.0 - share for share in generated]),
        atypical_framed=_mean_atypical(framed),
        mean_deviation=_mean_deviation(scores),
    )


def _mean_deviation(scores: Sequence[HeldOutScore]) -> float:
    """How far collectors' mean ratios against framed photographs are from that of their sort."""
    deviations: list[float] = []
    for is_generated in (True, False):
        sort = [h for h in scores if (h.is_generated if is_generated else h.kind in ALIGNED_KINDS)]
        means = [float(np.mean(llrs)) for llrs in _framed_by_collector(sort).values()]
        if means:
            deviations += (np.array(means) - np.median(means)).tolist()
    deviation = float(np.median(np.abs(deviations))) * _MAD_TO_SD if deviations else 0.0
    return _round_significant(max(_MIN_MEAN_DEVIATION, deviation))


def _shares_like_generated(scores: Sequence[HeldOutScore]) -> list[float]:
    """Of each collector: the likeliest share that looks generated and not photographed."""
    shares = []
    for llrs in _framed_by_collector(scores).values():
        ratios = 10.0 ** np.array(llrs)
        likelihood = np.log(_SHARES[:, None] * ratios + 1.0 - _SHARES[:, None] + 1e-300)
        shares.append(float(_SHARES[likelihood.sum(axis=1).argmax()]))
    return shares


def _framed_by_collector(scores: Sequence[HeldOutScore]) -> dict[tuple[str, str], list[float]]:
    """Measured ratios against framed photographs of every collector that has enough."""
    by_collector: dict[tuple[str, str], list[float]] = {}
    for h in scores:
        if h.framed != 0.0:
            by_collector.setdefault((h.kind, h.collector), []).append(h.framed)
    return {key: llrs for key, llrs in by_collector.items() if len(llrs) >= _MIN_PICTURES}


def _mean_atypical(shares: Sequence[float]) -> float:
    mean = float(np.mean(shares)) if shares else _MIN_ATYPICAL
    return _round_significant(max(_MIN_ATYPICAL, mean))


def fit_concentration(scores: Sequence[HeldOutScore]) -> ConcentrationEntry:
    """The frames, their volumes, and the density of ordinary pictures there."""
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
    """log10 density of ordinary near pictures in the frame, of all and of the worst collector.

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
        # Posterior mean under Jeffreys' prior: zero hits is not a rate of zero.
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


def _stack_squares(scores: Iterable[HeldOutScore]) -> FloatArray:
    return np.array([h.square for h in scores if h.square is not None]).reshape(-1, 4)


def _round_significant(number: float) -> float:
    return float(f"{number:.5g}")
