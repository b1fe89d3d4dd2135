"""What each pixel check is worth alone: AUC and how often it can measure, by size, held out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from app.calibration.densities import FloatArray
from app.calibration.file import AlignmentEntry, Entry
from app.calibration.logistic_scale import SIZE
from app.calibration.scale import Scale
from app.evidence import Reading
from app.training.calibration.fusion import pixel_checks
from app.training.calibration.measurements import Seen
from app.training.calibration.sample_weights import ALIGNED_KINDS
from app.training.corpus import FFHQ_KINDS
from app.training.evaluation.metrics import auc
from app.training.measure import Measured

LARGE_LN_SIDE: Final = 0.4
"""Face crops of 300 px and more: what an avatar of 400 px holds."""


def with_figures(
    seen: Seen,
    checks: Mapping[str, Entry],
    weighing: Sequence[Mapping[str, Scale]],
    fold_of: Mapping[str, int],
) -> dict[str, Entry]:
    """``checks`` with figures on pictures whose collector each of ``weighing`` did not see."""
    sizes = {400: [m for m in seen.native if _large(m)], **seen.smaller}

    def figures(name: str) -> dict[str, float]:
        return {
            key: round(value, 4)
            for size, part in sizes.items()
            for key, value in _at_size(name, size, part, weighing, fold_of)
        }

    return {
        name: entry.model_copy(update={"figures": figures(name)})
        if name in pixel_checks() and not isinstance(entry, AlignmentEntry)
        else entry
        for name, entry in checks.items()
    }


def _at_size(
    name: str,
    size: int,
    part: Sequence[Measured],
    weighing: Sequence[Mapping[str, Scale]],
    fold_of: Mapping[str, int],
) -> Iterator[tuple[str, float]]:
    faces = [m for m in part if m.testimonies]
    made, real = (
        _llrs(name, [m for m in faces if m.row.kind in kinds], weighing, fold_of)
        for kinds in (FFHQ_KINDS, ALIGNED_KINDS)
    )
    found = [x for side in (made, real) for x in side]
    known = [side[np.isfinite(side)] for side in (made, real)]
    if all(map(len, known)):
        yield f"auc_{size}px", auc(*known)
        yield f"measured_{size}px", float(np.isfinite(found).mean())


def _llrs(
    name: str,
    part: Sequence[Measured],
    weighing: Sequence[Mapping[str, Scale]],
    fold_of: Mapping[str, int],
) -> FloatArray:
    """llr of the first face of each picture; NaN where it was not measured."""
    return np.array(
        [
            weighing[fold_of[m.row.collector]][name].weigh(found).llr
            if isinstance(found, Reading)
            else np.nan
            for m in part
            for check, found in m.testimonies[0]
            if check.name == name
        ]
    )


def _large(measured: Measured) -> bool:
    sides = [
        found.measures[SIZE]
        for testimony in measured.testimonies[:1]
        for _, found in testimony
        if isinstance(found, Reading) and SIZE in found.measures
    ]
    return bool(sides) and sides[0] >= LARGE_LN_SIDE
