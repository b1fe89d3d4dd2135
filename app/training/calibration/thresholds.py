"""Verdict thresholds from held-out scores, and the finished calibration file."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from pydantic import BaseModel

from app.arrays import FloatArray
from app.calibration.file import (
    CalibrationFile,
    CheckEntry,
    FittedOn,
    FusionEntry,
    SmallestEntry,
    ThresholdEntry,
)
from app.evidence import Outcome, Verdict
from app.training.calibration.error_rates import build_error_rates
from app.training.calibration.sample_weights import ALIGNED_KINDS
from app.training.corpus import ORDINARY_KINDS, Corpus
from app.training.evaluation.breakdowns import (
    compare_framed_ratio,
    flatten_rates,
    rates_by_size,
    rates_by_skin_tone,
)
from app.training.evaluation.metrics import cllr, cllr_min, rate_above
from app.training.evaluation.scoring import ScoredPicture, scored_llrs
from app.training.measure import MeasuredPicture

TARGET_FALSE_POSITIVE_RATE: Final = 1e-3
MIN_LIKELY_LLR: Final = 1.0
"""Lowest threshold of ``likely_stylegan``, a ratio of ten, however few ordinary pictures reach
it."""
UNLIKELY_LLR: Final = -1.0
"""A ratio of ten for an ordinary picture, however few generated pictures fall below."""
_SMALLEST_STEPS_PX: Final = 2.0 ** (np.arange(0, 40) / 6.0)
_MIN_SMALL_PICTURES: Final = 1000
"""With fewer, zero false alarms are compatible with a rate of one in a thousand."""
NO_SMALLEST: Final = SmallestEntry(
    eye_distance_px=12.0, false_positives=0, negatives=0, upper_95=1.0
)
"""Default where no small picture was measured: an avatar of 48 px, below which landmarks blur."""
NO_LLRS: Final = np.zeros(0)
"""No pictures: for provisional thresholds."""


def build_calibration_file(
    corpus: Corpus,
    pictures: Sequence[MeasuredPicture],
    networks: Mapping[str, str],
    checks: Mapping[str, CheckEntry],
    fusion_entry: FusionEntry,
    held_out_scores: Sequence[ScoredPicture],
    small_scores: Sequence[ScoredPicture],
) -> CalibrationFile:
    """The finished file; thresholds and figures come from ``held_out_scores``.

    ``small_scores``: scores of downscaled ordinary avatars.
    """
    ordinary = [s for s in held_out_scores if s.row.kind in ORDINARY_KINDS]
    aligned = [s for s in held_out_scores if s.row.kind in ALIGNED_KINDS]
    generated = [s for s in held_out_scores if s.row.kind in ("stylegan1", "stylegan2")]
    # A picture without a score is never flagged: it counts as a negative.
    ordinary_llrs, generated_llrs = (
        np.array([s.llr for s in group]) for group in (ordinary, generated)
    )
    likely_llr = find_threshold(ordinary_llrs, TARGET_FALSE_POSITIVE_RATE)
    smallest = find_smallest([*small_scores, *ordinary], likely_llr)
    # The folds' thresholds are provisional: judge by those of the finished file.
    judged, judged_small = (
        judge(scores, likely_llr, smallest) for scores in (held_out_scores, small_scores)
    )
    return CalibrationFile(
        format=3,
        fitted_on=FittedOn(
            manifest_sha256=corpus.manifest_sha256,
            pictures=dict(sorted(Counter(m.row.kind for m in pictures).items())),
            collectors=len({m.row.collector for m in pictures}),
        ),
        networks=dict(networks),
        checks=dict(checks),
        fusion=fusion_entry,
        bounds=total_bounds(pictures),
        thresholds=[
            build_threshold(
                "likely_stylegan",
                likely_llr,
                ordinary_llrs,
                generated_llrs,
                "llr at or above: ordinary avatars flagged, StyleGAN 1 and 2 found",
            ),
            build_threshold(
                "unlikely_stylegan",
                UNLIKELY_LLR,
                ordinary_llrs,
                generated_llrs,
                "llr above: ordinary avatars not cleared, StyleGAN 1 and 2 not cleared",
            ),
        ],
        smallest=smallest,
        figures={
            f"{name}{pool}": round(measure(scored_llrs(generated), scored_llrs(group)), 4)
            for pool, group in (("", ordinary), ("_aligned", aligned))
            if scored_llrs(group).size
            for name, measure in (("cllr", cllr), ("cllr_min", cllr_min))
        }
        | build_group_figures(judged),
        error_rates=build_error_rates(judged, judged_small),
    )


def judge(
    scores: Sequence[ScoredPicture], likely_llr: float, smallest: SmallestEntry
) -> list[ScoredPicture]:
    """``scores`` with the verdict likely or inconclusive, as the finished file says it."""

    def is_likely(s: ScoredPicture) -> bool:
        is_large_enough = s.eye_distance_px >= smallest.eye_distance_px
        return s.outcome == Outcome.SCORED and is_large_enough and s.llr >= likely_llr

    return [
        replace(s, verdict=Verdict.LIKELY_STYLEGAN if is_likely(s) else Verdict.INCONCLUSIVE)
        for s in scores
    ]


def build_group_figures(judged: Sequence[ScoredPicture]) -> dict[str, float]:
    """Cllr of the ratio against framed photographs; rates by apparent skin tone and by size."""
    scores = [s for s in judged if s.outcome == Outcome.SCORED]
    framed = {
        f"against_framed_{pool}_{name}": float(value)
        for pool, row in compare_framed_ratio(scores).items()
        for name, value in row.items()
    }
    return (
        framed
        | flatten_rates("skin_tone", rates_by_skin_tone(scores))
        | flatten_rates("side_px", rates_by_size(scores))
    )


def total_bounds(pictures: Sequence[MeasuredPicture]) -> list[float]:
    """Bounds of the llr that this many real pictures can support, ordinary and aligned."""
    count = sum(m.row.kind in (*ORDINARY_KINDS, *ALIGNED_KINDS) for m in pictures)
    limit = max(1.0, round(math.log10(max(count, 1) / 3.0), 2))
    return [-limit, limit]


def serialize_model(file: BaseModel) -> bytes:
    """The file's bytes: one row of numbers per line, for readable diffs."""
    text = json.dumps(file.model_dump(), indent=1)
    number_rows = re.compile(r"\[\s+([-+0-9.e,\s]+?)\s+\]")
    return (number_rows.sub(lambda m: f"[{' '.join(m[1].split())}]", text) + "\n").encode()


def find_threshold(real: FloatArray, false_positive_rate: float) -> float:
    """Lowest llr, in steps of 0.05, that at most ``false_positive_rate`` of ``real`` reaches."""
    steps = np.round(np.arange(MIN_LIKELY_LLR, 6.0, 0.05), 2)
    passing = [t for t in steps if (real >= t).mean() <= false_positive_rate]
    return float(passing[0])


def find_smallest(scores: Sequence[ScoredPicture], likely_llr: float) -> SmallestEntry:
    """The smallest eye distance above which no size has too many false alarms.

    Sizes are compared in windows of a factor of two, from large to small, in steps of a sixth of an
    octave: the search ends at the first window with too few pictures, or in which more than
    ``TARGET_FALSE_POSITIVE_RATE`` reach ``likely_llr``.
    """
    distances = np.array([s.eye_distance_px for s in scores])
    flagged = np.array([s.llr >= likely_llr for s in scores])
    best = NO_SMALLEST
    largest = float(distances.max(initial=0.0)) / 2.0
    for distance in _SMALLEST_STEPS_PX[largest >= _SMALLEST_STEPS_PX][::-1]:
        window = (distances >= distance) & (distances < 2.0 * distance)
        rate = rate_above(np.where(flagged[window], 1.0, 0.0), 1.0)
        if rate.trials < _MIN_SMALL_PICTURES:
            if best is NO_SMALLEST:
                continue  # too few large pictures: smaller ones decide
            break
        if rate.hits > TARGET_FALSE_POSITIVE_RATE * rate.trials:
            break
        best = SmallestEntry(
            eye_distance_px=round(float(distances[window].min()), 2),
            false_positives=rate.hits,
            negatives=rate.trials,
            upper_95=rate.upper_95,
        )
    return best


def build_threshold(
    verdict: str, llr: float, real: FloatArray, generated: FloatArray, meaning: str
) -> ThresholdEntry:
    """A threshold with the rates measured at it on ordinary and on generated llrs."""
    false_alarms, detections = rate_above(real, llr), rate_above(generated, llr)
    return ThresholdEntry.model_validate(
        {
            "verdict": verdict,
            "llr": llr,
            "false_positive_rate": false_alarms.hits / max(1, false_alarms.trials),
            "false_positives": false_alarms.hits,
            "negatives": false_alarms.trials,
            "upper_95": false_alarms.upper_95,
            "true_positive_rate": detections.hits / max(1, detections.trials),
            "positives": detections.trials,
            "meaning": meaning,
        }
    )
