"""AUC of generated faces against each pool of real photographs, by size and by check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from app.arrays import FloatArray
from app.checks import CHECKS
from app.evidence import Outcome
from app.training.calibration.sample_weights import ALIGNED_KINDS
from app.training.corpus import ORDINARY_KINDS
from app.training.evaluation.metrics import auc, recall_at
from app.training.evaluation.scoring import ScoredPicture

POOLS: Final[Mapping[str, tuple[str, ...]]] = {
    **{kind: (kind,) for kind in ALIGNED_KINDS},
    "all_aligned": ALIGNED_KINDS,
    "ordinary": ORDINARY_KINDS,
}
FALSE_POSITIVE_RATES: Final = (0.1, 0.01, 0.001)
STRONG_LLR: Final = 3.0
MIN_POOL_PICTURES: Final = 5
"""Fewer pictures than this in either class give no figure."""

ScoreValue = Callable[[ScoredPicture], float | None]


def compare_by_size(sizes: Mapping[str, Sequence[ScoredPicture]]) -> dict[str, Any]:
    """For each size: every generated kind against every pool, by the total and by each check."""
    return {
        size: {
            "total": _compare_pools(scores, _total_llr),
            "checks": {
                check.name: {
                    "measured": _measured_shares(scores, check.name),
                    "against": _compare_pools(scores, _check_llr_getter(check.name)),
                }
                for check in CHECKS
            },
        }
        for size, scores in sizes.items()
    }


def count_strong_on_aligned(scores: Iterable[ScoredPicture]) -> dict[str, Any]:
    """Number of real photographs in the frame whose llr reaches 3: strong false alarms."""
    aligned = [s for s in scores if s.row.kind in ALIGNED_KINDS]
    strong = sum(s.llr >= STRONG_LLR for s in aligned)
    return {"pictures": len(aligned), "strong": strong}


def _compare_pools(scores: Sequence[ScoredPicture], value: ScoreValue) -> dict[str, Any]:
    kinds = sorted({s.row.kind for s in scores if s.row.is_generated})
    generated = {kind: _collect_values(scores, (kind,), value) for kind in kinds}
    return {
        kind: {
            pool: _compare_pair(generated[kind], real)
            for pool, pool_kinds in POOLS.items()
            if len(real := _collect_values(scores, pool_kinds, value)) >= MIN_POOL_PICTURES
        }
        for kind in kinds
        if len(generated[kind]) >= MIN_POOL_PICTURES
    }


def _compare_pair(generated: FloatArray, real: FloatArray) -> dict[str, Any]:
    return {
        "generated": len(generated),
        "real": len(real),
        "auc": round(auc(generated, real), 4),
        **{
            f"recall_at_{rate:g}": round(recall_at(generated, real, rate), 4)
            for rate in FALSE_POSITIVE_RATES
            if len(real) * rate >= 1.0
        },
    }


def _collect_values(
    scores: Sequence[ScoredPicture], kinds: Sequence[str], value: ScoreValue
) -> FloatArray:
    values = [value(s) for s in scores if s.row.kind in kinds]
    return np.array([v for v in values if v is not None])


def _total_llr(scored: ScoredPicture) -> float | None:
    return scored.llr if scored.outcome == Outcome.SCORED else None


def _check_llr_getter(name: str) -> ScoreValue:
    def get_llr(scored: ScoredPicture) -> float | None:
        check_result = scored.checks.get(name)
        return check_result[1] if isinstance(check_result, tuple) else None

    return get_llr


def _measured_shares(scores: Sequence[ScoredPicture], name: str) -> dict[str, float]:
    """Share of the pictures with a face, of each kind, on which the check could measure."""
    kinds = sorted({s.row.kind for s in scores})
    faces = {
        k: [s for s in scores if s.row.kind == k and s.outcome == Outcome.SCORED] for k in kinds
    }
    return {
        kind: round(float(np.mean([isinstance(s.checks.get(name), tuple) for s in kind_scores])), 4)
        for kind, kind_scores in faces.items()
        if kind_scores
    }
