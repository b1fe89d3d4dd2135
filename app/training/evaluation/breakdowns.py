"""Error rates by group, and the quality of the ratio against framed photographs alone.

Groups are apparent skin tone and size of picture. Apparent skin tone depends on light and camera as
much as on skin (see ``app.training.skin_tone``); it says nothing about ancestry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from app.arrays import FloatArray
from app.evidence import Outcome, Verdict
from app.training.calibration.sample_weights import ALIGNED_KINDS
from app.training.corpus import FFHQ_KINDS, ORDINARY_KINDS, STUDIO_KINDS
from app.training.evaluation.metrics import Rate, auc, cllr, cllr_min
from app.training.evaluation.scoring import ScoredPicture
from app.training.skin_tone import ITA_BANDS, ita_band

SIZE_BANDS_PX: Final = (1, 48, 96, 200, 380)
"""Lower edges of the bands of the picture's longer side."""
GENERATED_POOLS: Final = {
    "stylegan2": ("stylegan2", "stylegan2_watermarked"),
    "all": (*FFHQ_KINDS, *STUDIO_KINDS),
}
REAL_POOLS: Final = {"ordinary": ORDINARY_KINDS, "framed": ALIGNED_KINDS}
_GENERATED: Final = GENERATED_POOLS["all"]
ITA_BAND_NAMES: Final = (*(name for name, _ in ITA_BANDS), "no_colour")
"""From light to dark."""

GroupKey = Callable[[ScoredPicture], str | None]


def compare_framed_ratio(scores: Sequence[ScoredPicture]) -> dict[str, dict[str, float]]:
    """The ratio against framed photographs alone, for each generated pool, where it was measured.

    ``calibration_loss`` in the result is Cllr − Cllr_min.
    """
    real = _framed_llrs(scores, ALIGNED_KINDS)
    out = {}
    for pool, kinds in GENERATED_POOLS.items():
        generated = _framed_llrs(scores, kinds)
        if len(generated) and len(real):
            cost, least = cllr(generated, real), cllr_min(generated, real)
            out[pool] = {
                "generated": len(generated),
                "real": len(real),
                "auc": round(auc(generated, real), 4),
                "cllr": round(cost, 4),
                "cllr_min": round(least, 4),
                "calibration_loss": round(cost - least, 4),
            }
    return out


def rates_by_skin_tone(scores: Sequence[ScoredPicture]) -> dict[str, dict[str, Any]]:
    """False alarms and recall by the band of the cheeks' ITA, from light to dark."""
    rates = _rates_by(scores, skin_tone_band)
    return {band: rates[band] for band in ITA_BAND_NAMES if band in rates}


def rates_by_size(scores: Sequence[ScoredPicture]) -> dict[str, dict[str, Any]]:
    """False alarms and recall by the picture's longer side, px."""
    rates = _rates_by(scores, lambda s: size_band(s.side_px))
    return {band: rates[band] for band in map(size_band, SIZE_BANDS_PX) if band in rates}


def size_band(side_px: int) -> str:
    """``side_px``'s band, as ``96-199`` or ``380+``."""
    index = max(0, int(np.searchsorted(SIZE_BANDS_PX, side_px, side="right")) - 1)
    if index == len(SIZE_BANDS_PX) - 1:
        return f"{SIZE_BANDS_PX[index]}+"
    return f"{SIZE_BANDS_PX[index]}-{SIZE_BANDS_PX[index + 1] - 1}"


def flatten_rates(prefix: str, rates: dict[str, dict[str, Any]]) -> dict[str, float]:
    """``rates`` as flat figures of the calibration file: one number per name."""
    return {
        f"{prefix}_{band}_{pool}_{name}": float(row[pool][name])
        for band, row in rates.items()
        for pool in row
        for name in ("rate", "pictures")
        if row[pool][name] is not None
    }


def _rates_by(scores: Sequence[ScoredPicture], key: GroupKey) -> dict[str, dict[str, Any]]:
    groups: dict[str, list[ScoredPicture]] = {}
    for s in scores:
        name = key(s) if s.outcome == Outcome.SCORED else None
        if name is not None:
            groups.setdefault(name, []).append(s)
    pools = {**REAL_POOLS, "generated": _GENERATED}
    return {
        name: {pool: called_likely(group, kinds) for pool, kinds in pools.items()}
        for name, group in groups.items()
    }


def called_likely(scores: Sequence[ScoredPicture], kinds: Sequence[str]) -> dict[str, Any]:
    """How many pictures of ``kinds`` are called likely: recall or false alarms."""
    verdicts = [s.verdict for s in scores if s.row.kind in kinds]
    rate = Rate(sum(v == Verdict.LIKELY_STYLEGAN for v in verdicts), len(verdicts))
    return {
        "pictures": rate.trials,
        "likely": rate.hits,
        "rate": round(rate.rate, 5) if rate.trials else None,
        "upper_95": round(rate.upper_95, 5) if rate.trials else None,
    }


def skin_tone_band(scored: ScoredPicture) -> str:
    """The ITA band of the face's cheeks, or ``no_colour``."""
    return "no_colour" if scored.skin_ita_deg is None else ita_band(scored.skin_ita_deg)


def _framed_llrs(scores: Sequence[ScoredPicture], kinds: Sequence[str]) -> FloatArray:
    return np.array(
        [
            s.against.framed.llr
            for s in scores
            if s.row.kind in kinds and s.against.is_framed_measured
        ]
    )
