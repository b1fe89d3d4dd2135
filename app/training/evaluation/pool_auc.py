"""How well generated faces are told from each pool of real photographs, by size and by check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from app.calibration.densities import FloatArray
from app.checks import CHECKS
from app.evidence import Outcome
from app.training.calibration.sample_weights import ALIGNED_KINDS
from app.training.corpus import ORDINARY_KINDS
from app.training.evaluation.metrics import auc, recall_at
from app.training.evaluation.scoring import Scored

POOLS: Final[Mapping[str, tuple[str, ...]]] = {
    **{kind: (kind,) for kind in ALIGNED_KINDS},
    "all_aligned": ALIGNED_KINDS,
    "ordinary": ORDINARY_KINDS,
}
FALSE_POSITIVE_RATES: Final = (0.1, 0.01, 0.001)
STRONG_LLR: Final = 3.0
LEAST: Final = 5
"""Fewer pictures than this on either side give no figure."""

Value = Callable[[Scored], float | None]


def by_size(sizes: Mapping[str, Sequence[Scored]]) -> dict[str, Any]:
    """For each size: every generated kind against every pool, by the total and by each check."""
    return {
        size: {
            "total": _table(scores, _total),
            "checks": {
                check.name: {
                    "measured": _measured(scores, check.name),
                    "against": _table(scores, _of(check.name)),
                }
                for check in CHECKS
            },
        }
        for size, scores in sizes.items()
    }


def strong_on_aligned(scores: Iterable[Scored]) -> dict[str, Any]:
    """Real photographs in the frame whose llr reaches 3: whom the service would accuse strongly."""
    aligned = [s for s in scores if s.row.kind in ALIGNED_KINDS]
    strong = sum(s.llr >= STRONG_LLR for s in aligned)
    return {"pictures": len(aligned), "strong": strong}


def _table(scores: Sequence[Scored], value: Value) -> dict[str, Any]:
    kinds = sorted({s.row.kind for s in scores if s.row.generated})
    made = {kind: _values(scores, (kind,), value) for kind in kinds}
    return {
        kind: {
            pool: _told_apart(made[kind], real)
            for pool, pool_kinds in POOLS.items()
            if len(real := _values(scores, pool_kinds, value)) >= LEAST
        }
        for kind in kinds
        if len(made[kind]) >= LEAST
    }


def _told_apart(made: FloatArray, real: FloatArray) -> dict[str, Any]:
    return {
        "generated": len(made),
        "real": len(real),
        "auc": round(auc(made, real), 4),
        **{
            f"recall_at_{rate:g}": round(recall_at(made, real, rate), 4)
            for rate in FALSE_POSITIVE_RATES
            if len(real) * rate >= 1.0
        },
    }


def _values(scores: Sequence[Scored], kinds: Sequence[str], value: Value) -> FloatArray:
    found = [value(s) for s in scores if s.row.kind in kinds]
    return np.array([v for v in found if v is not None])


def _total(scored: Scored) -> float | None:
    return scored.llr if scored.outcome == Outcome.SCORED else None


def _of(name: str) -> Value:
    def value(scored: Scored) -> float | None:
        found = scored.checks.get(name)
        return found[1] if isinstance(found, tuple) else None

    return value


def _measured(scores: Sequence[Scored], name: str) -> dict[str, float]:
    """Share of the pictures with a face, of each kind, on which the check could measure."""
    kinds = sorted({s.row.kind for s in scores})
    faces = {
        k: [s for s in scores if s.row.kind == k and s.outcome == Outcome.SCORED] for k in kinds
    }
    return {
        kind: round(float(np.mean([isinstance(s.checks.get(name), tuple) for s in part])), 4)
        for kind, part in faces.items()
        if part
    }
