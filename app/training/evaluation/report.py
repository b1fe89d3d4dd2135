"""What an evaluation says: one object for machines, a page for people."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np

from app.calibration.densities import FloatArray
from app.checks import CHECKS
from app.evidence import Outcome, Verdict
from app.training.calibration.sample_weights import ALIGNED_KINDS
from app.training.corpus import ORDINARY_KINDS
from app.training.evaluation.evaluate import Judged
from app.training.evaluation.metrics import auc, cllr, cllr_min, rate_above, recall_at
from app.training.evaluation.pool_auc import by_size, strong_on_aligned
from app.training.evaluation.scoring import Scored, scored_llrs

ROC_POINTS: Final = (1e-2, 1e-3, 1e-4)
RECALLS: Final = (0.98, 0.99)
REFERENCE_KINDS: Final = ("stylegan1", "stylegan2")
"""The recall of these sets the threshold at which false alarms are compared."""
GANED_THRESHOLD: Final = 0.02
"""Published threshold of GANEyeDistance (Yang, Singh, Menczer 2024)."""


def report(judged: Judged, likely_llr: float) -> dict[str, Any]:
    """The whole evaluation. ``likely_llr`` is the llr at which a verdict says likely generated."""
    scores = judged.scores
    made = [s for s in scores if s.row.generated]
    real = [s for s in scores if not s.row.generated]
    ordinary = [s for s in scores if s.row.kind in ORDINARY_KINDS]
    return {
        "mode": judged.mode,
        "counts": {"pictures": len(scores), "generated": len(made), "real": len(real)},
        "outcomes": dict(Counter(s.outcome for s in scores)),
        "threshold_llr": likely_llr,
        "all": comparison(made, real),
        "ordinary": comparison(made, ordinary),
        "aligned": comparison(made, [s for s in real if s.row.kind in ALIGNED_KINDS]),
        "strong_on_aligned": strong_on_aligned(scores),
        "sizes": by_size(judged.sizes),
        "false_alarms_at_recall": [at_recall(scores, r) for r in RECALLS],
        "gan_eye_distance": gan_eye_distance(scores),
        "by_kind": grouped(scores, lambda s: s.row.kind, likely_llr),
        "by_source": grouped(scores, lambda s: f"{s.row.kind}/{s.row.source}", likely_llr),
        "unmeasurable": {
            c.name: round(
                1 - sum(isinstance(s.checks.get(c.name), tuple) for s in scores) / len(scores), 5
            )
            for c in CHECKS
        },
        "evasions": {
            name: grouped(changed, lambda s: s.row.kind, likely_llr)
            for name, changed in judged.evasions.items()
        },
        "evasions_found": {
            name: comparison(changed, ordinary)["roc"] for name, changed in judged.evasions.items()
        },
        "false_alarms": [
            {"path": s.row.path, "llr": round(s.llr, 3)}
            for s in sorted(real, key=lambda s: -s.llr)
            if s.llr >= likely_llr and s.row.kind in ORDINARY_KINDS
        ],
        "pictures_per_second": round(judged.pictures_per_second, 1),
    }


def comparison(made: Sequence[Scored], real: Sequence[Scored]) -> dict[str, Any]:
    """ROC over all pictures (one that is not scored is never flagged); Cllr over scored ones."""
    flagged_made, flagged_real = _llrs(made, unscored=-math.inf), _llrs(real, unscored=-math.inf)
    scored_made, scored_real = scored_llrs(made), scored_llrs(real)
    found: dict[str, Any] = _finite(
        {
            "generated": len(made),
            "real": len(real),
            "auc": auc(np.maximum(flagged_made, -99.0), np.maximum(flagged_real, -99.0)),
            "roc": [
                {"fpr": fpr, "tpr": recall_at(flagged_made, flagged_real, fpr)}
                for fpr in ROC_POINTS
            ],
            "cllr": cllr(scored_made, scored_real),
            "cllr_min": cllr_min(scored_made, scored_real),
        }
    )
    return found


def at_recall(scores: Sequence[Scored], recall: float) -> dict[str, Any]:
    """False alarms and every kind's recall at the llr that finds ``recall`` of StyleGAN 1 and 2."""
    made = _llrs([s for s in scores if s.row.kind in REFERENCE_KINDS], unscored=-math.inf)
    llr = float(np.sort(made)[math.floor((1.0 - recall) * len(made))]) if len(made) else -math.inf
    if llr == -math.inf:  # no such pictures, or too many of them without a score
        return {"recall": recall, "llr": None}
    alarms = rate_above(
        _llrs([s for s in scores if s.row.kind in ORDINARY_KINDS], unscored=-math.inf), llr
    )
    kinds = sorted({s.row.kind for s in scores})
    return {
        "recall": recall,
        "llr": round(llr, 3),
        "false_alarms": alarms.hits,
        "ordinary": alarms.trials,
        "upper_95": round(alarms.upper_95, 6),
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


def gan_eye_distance(scores: Sequence[Scored]) -> dict[str, Any]:
    """What GANEyeDistance (with irises) does on the same pictures; it carries no weight here."""
    made = np.array([s.gan_eye_distance for s in scores if s.row.kind in REFERENCE_KINDS])
    real = np.array([s.gan_eye_distance for s in scores if s.row.kind in ORDINARY_KINDS])
    if not len(made) or not len(real):
        return {}
    matched = [float(np.quantile(made, r)) for r in RECALLS]
    return {
        "published_threshold": {
            "recall": round(float((made < GANED_THRESHOLD).mean()), 4),
            "false_alarms": int((real < GANED_THRESHOLD).sum()),
        },
        "at_recall": [
            {"recall": r, "false_alarms": int((real <= t).sum())}
            for r, t in zip(RECALLS, matched, strict=True)
        ],
    }


def grouped(
    scores: Iterable[Scored], key: Callable[[Scored], str], likely_llr: float
) -> dict[str, Any]:
    """For each group: how many, how many could not be scored, how many are called what."""
    groups: dict[str, list[Scored]] = {}
    for s in scores:
        groups.setdefault(key(s), []).append(s)
    return {
        name: {
            "pictures": len(group),
            "unscored": dict(Counter(s.outcome for s in group if s.outcome != Outcome.SCORED)),
            "likely_generated": round(
                sum(s.llr >= likely_llr and s.outcome == Outcome.SCORED for s in group)
                / len(group),
                4,
            ),
            "unlikely_generated": round(
                sum(s.verdict == Verdict.UNLIKELY_GENERATED for s in group) / len(group), 4
            ),
            "median_llr": round(float(np.median(_llrs(group, unscored=0.0))), 2),
        }
        for name, group in sorted(groups.items())
    }


def page(said: dict[str, Any]) -> str:
    """The report for people."""
    count = said["counts"]
    lines = [
        f"{count['pictures']} pictures ({count['generated']} generated), judged as {said['mode']}; "
        f"{said['pictures_per_second']} pictures/s",
        f"generated against ordinary: {_curve(said['ordinary'])}",
        f"generated against photographs in the frame: {_curve(said['aligned'])}",
        f"generated against all real: {_curve(said['all'])}",
        f"llr of 3 or more: {said['strong_on_aligned']['strong']} of "
        f"{said['strong_on_aligned']['pictures']} photographs in the frame",
    ]
    lines += [
        f"at {row['recall']:.0%} of StyleGAN 1 and 2 (llr {row['llr']}): "
        f"{row['false_alarms']} false alarms in {row['ordinary']} "
        f"(95 % upper bound {row['upper_95']:.3%})"
        for row in said["false_alarms_at_recall"]
        if row["llr"] is not None
    ]
    lines += ["", f"at llr {said['threshold_llr']} (likely_generated):", *_table(said["by_kind"])]
    for size, found in said["sizes"].items():
        lines += ["", f"{size} px, AUC by the total:", *_pools(found["total"])]
        for check, row in found["checks"].items():
            lines += [f"{size} px, AUC by {check} alone:", *_pools(row["against"])]
    for name, groups in said["evasions"].items():
        found = _points(said["evasions_found"][name])
        lines += ["", f"{name}; of all, with ordinary ones flagged: {found}", *_table(groups)]
    lines += ["", *(f"false alarm {a['llr']:.2f} {a['path']}" for a in said["false_alarms"])]
    return "\n".join(lines)


def _table(groups: dict[str, Any]) -> list[str]:
    return [
        f"  {name:24s} {g['pictures']:6d} pictures  likely {g['likely_generated']:7.2%}  "
        f"unlikely {g['unlikely_generated']:7.2%}  median llr {g['median_llr']:5.2f}"
        + (f"  unscored {g['unscored']}" if g["unscored"] else "")
        for name, g in groups.items()
    ]


def _pools(table: dict[str, Any]) -> list[str]:
    return [
        f"  {kind:24s} "
        + ", ".join(f"{pool} {cell['auc']:.4f}" for pool, cell in pools.items() if pools)
        for kind, pools in table.items()
    ]


def _curve(found: dict[str, Any]) -> str:
    points = _points(found["roc"])
    return f"AUC {found['auc']}, recall {points}, Cllr {found['cllr']} (least {found['cllr_min']})"


def _points(roc: list[dict[str, Any]]) -> str:
    return ", ".join(f"{p['tpr']:.4f} at {p['fpr']:g}" for p in roc if p["tpr"] is not None)


def _llrs(scores: Sequence[Scored], *, unscored: float) -> FloatArray:
    return np.array([s.llr if s.outcome == Outcome.SCORED else unscored for s in scores])


def _finite(found: Any) -> Any:
    """JSON has no NaN: what a corpus cannot tell is null. Six decimals."""
    if isinstance(found, dict):
        return {k: _finite(v) for k, v in found.items()}
    if isinstance(found, list):
        return [_finite(v) for v in found]
    if isinstance(found, float):
        return round(found, 6) if math.isfinite(found) else None
    return found
