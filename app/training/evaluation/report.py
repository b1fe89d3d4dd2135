"""The figures of an evaluation, as one JSON object."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np

from app.arrays import FloatArray
from app.checks import CHECKS
from app.evidence import Outcome, Verdict
from app.training.calibration.sample_weights import ALIGNED_KINDS
from app.training.corpus import ORDINARY_KINDS
from app.training.evaluation.breakdowns import (
    compare_framed_ratio,
    rates_by_size,
    rates_by_skin_tone,
)
from app.training.evaluation.evaluate import Evaluation
from app.training.evaluation.metrics import auc, can_carry, cllr, cllr_min, rate_above, recall_at
from app.training.evaluation.pool_auc import compare_by_size, count_strong_on_aligned
from app.training.evaluation.scoring import ScoredPicture, scored_llrs

ROC_FALSE_POSITIVE_RATES: Final = (1e-2, 1e-3, 1e-4)
RECALLS: Final = (0.98, 0.99)
REFERENCE_KINDS: Final = ("stylegan1", "stylegan2")
"""The recall of these sets the threshold at which false alarms are compared."""
GAN_EYE_DISTANCE_THRESHOLD: Final = 0.02
"""Published threshold of GANEyeDistance (Yang, Singh, Menczer 2024)."""


def build_evaluation_report(evaluation: Evaluation, likely_llr: float) -> dict[str, Any]:
    """The whole evaluation. ``likely_llr`` is the llr at which a verdict says likely StyleGAN."""
    scores = evaluation.scores
    generated = [s for s in scores if s.row.is_generated]
    real = [s for s in scores if not s.row.is_generated]
    ordinary = [s for s in scores if s.row.kind in ORDINARY_KINDS]
    return {
        "mode": evaluation.mode,
        "counts": {"pictures": len(scores), "generated": len(generated), "real": len(real)},
        "outcomes": dict(Counter(s.outcome for s in scores)),
        "threshold_llr": likely_llr,
        "all": compare(generated, real),
        "ordinary": compare(generated, ordinary),
        "aligned": compare(generated, [s for s in real if s.row.kind in ALIGNED_KINDS]),
        "against_framed": compare_framed_ratio(scores),
        "by_skin_tone": rates_by_skin_tone(scores),
        "by_size": rates_by_size(scores),
        "strong_on_aligned": count_strong_on_aligned(scores),
        "sizes": compare_by_size(evaluation.scores_by_size),
        "false_alarms_at_recall": [false_alarms_at_recall(scores, r) for r in RECALLS],
        "gan_eye_distance": report_gan_eye_distance(scores),
        "by_kind": summarize_groups(scores, lambda s: s.row.kind),
        "by_source": summarize_groups(scores, lambda s: f"{s.row.kind}/{s.row.source}"),
        "unmeasurable": {
            c.name: round(
                1 - sum(isinstance(s.checks.get(c.name), tuple) for s in scores) / len(scores), 5
            )
            for c in CHECKS
        },
        "evasions": {
            name: summarize_groups(changed, lambda s: s.row.kind)
            for name, changed in evaluation.perturbed_scores.items()
        },
        "evasions_found": {
            name: compare(changed, ordinary)["roc"]
            for name, changed in evaluation.perturbed_scores.items()
        },
        "false_alarms": [
            {"path": s.row.path, "llr": round(s.llr, 3)}
            for s in sorted(real, key=lambda s: -s.llr)
            if s.llr >= likely_llr and s.row.kind in ORDINARY_KINDS
        ],
        "pictures_per_second": round(evaluation.pictures_per_second, 1),
    }


def compare(generated: Sequence[ScoredPicture], real: Sequence[ScoredPicture]) -> dict[str, Any]:
    """ROC over all pictures (unscored ones are never flagged); Cllr over scored ones.

    No recall is given at a false-positive rate that so few real pictures cannot show.
    """
    flagged_generated, flagged_real = (
        _llr_array(generated, unscored=-math.inf),
        _llr_array(real, unscored=-math.inf),
    )
    scored_generated, scored_real = scored_llrs(generated), scored_llrs(real)
    metrics: dict[str, Any] = _replace_nan(
        {
            "generated": len(generated),
            "real": len(real),
            "auc": auc(np.maximum(flagged_generated, -99.0), np.maximum(flagged_real, -99.0)),
            "roc": [
                {
                    "fpr": fpr,
                    "tpr": recall_at(flagged_generated, flagged_real, fpr)
                    if can_carry(len(real), fpr)
                    else None,
                }
                for fpr in ROC_FALSE_POSITIVE_RATES
            ],
            "cllr": cllr(scored_generated, scored_real),
            "cllr_min": cllr_min(scored_generated, scored_real),
        }
    )
    return metrics


def false_alarms_at_recall(scores: Sequence[ScoredPicture], recall: float) -> dict[str, Any]:
    """False alarms and every kind's recall at the llr with ``recall`` on StyleGAN 1 and 2."""
    generated_llrs = _llr_array(
        [s for s in scores if s.row.kind in REFERENCE_KINDS], unscored=-math.inf
    )
    llr = (
        float(np.sort(generated_llrs)[math.floor((1.0 - recall) * len(generated_llrs))])
        if len(generated_llrs)
        else -math.inf
    )
    if llr == -math.inf:  # no such pictures, or too many without a score
        return {"recall": recall, "llr": None}
    false_alarms = rate_above(
        _llr_array([s for s in scores if s.row.kind in ORDINARY_KINDS], unscored=-math.inf), llr
    )
    kinds = sorted({s.row.kind for s in scores})
    return {
        "recall": recall,
        "llr": round(llr, 3),
        "false_alarms": false_alarms.hits,
        "ordinary": false_alarms.trials,
        "upper_95": round(false_alarms.upper_95, 6),
        "found": {
            kind: round(
                float(
                    np.mean(
                        [
                            s.llr >= llr and s.outcome == Outcome.SCORED
                            for s in scores
                            if s.row.kind == kind
                        ]
                    )
                ),
                4,
            )
            for kind in kinds
        },
    }


def report_gan_eye_distance(scores: Sequence[ScoredPicture]) -> dict[str, Any]:
    """Figures of GANEyeDistance (with irises) on the same pictures, for comparison only."""
    generated = np.array([s.gan_eye_distance for s in scores if s.row.kind in REFERENCE_KINDS])
    real = np.array([s.gan_eye_distance for s in scores if s.row.kind in ORDINARY_KINDS])
    if not len(generated) or not len(real):
        return {}
    thresholds = [float(np.quantile(generated, r)) for r in RECALLS]
    return {
        "published_threshold": {
            "recall": round(float((generated < GAN_EYE_DISTANCE_THRESHOLD).mean()), 4),
            "false_alarms": int((real < GAN_EYE_DISTANCE_THRESHOLD).sum()),
        },
        "at_recall": [
            {"recall": r, "false_alarms": int((real <= t).sum())}
            for r, t in zip(RECALLS, thresholds, strict=True)
        ],
    }


def summarize_groups(
    scores: Iterable[ScoredPicture], key: Callable[[ScoredPicture], str]
) -> dict[str, Any]:
    """For each group: pictures, pictures without a score, and counts by verdict."""
    groups: dict[str, list[ScoredPicture]] = {}
    for s in scores:
        groups.setdefault(key(s), []).append(s)
    return {
        name: {
            "pictures": len(group),
            "unscored": dict(Counter(s.outcome for s in group if s.outcome != Outcome.SCORED)),
            "likely_stylegan": round(
                sum(s.verdict == Verdict.LIKELY_STYLEGAN for s in group) / len(group), 4
            ),
            "unlikely_stylegan": round(
                sum(s.verdict == Verdict.UNLIKELY_STYLEGAN for s in group) / len(group), 4
            ),
            "median_llr": round(float(np.median(_llr_array(group, unscored=0.0))), 2),
        }
        for name, group in sorted(groups.items())
    }


def _llr_array(scores: Sequence[ScoredPicture], *, unscored: float) -> FloatArray:
    return np.array([s.llr if s.outcome == Outcome.SCORED else unscored for s in scores])


def _replace_nan(value: Any) -> Any:
    """``value`` with NaN as ``None`` (JSON has no NaN) and floats rounded to six decimals."""
    if isinstance(value, dict):
        return {k: _replace_nan(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_replace_nan(v) for v in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
