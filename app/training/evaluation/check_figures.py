"""AUC and measured share of each pixel check alone, by size, held out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from app.arrays import FloatArray
from app.calibration.file import AlignmentEntry, CheckEntry
from app.calibration.logistic_scale import SIZE_MEASURE
from app.calibration.scale import Scale
from app.evidence import Reading
from app.training.calibration.fusion import pixel_check_names
from app.training.calibration.measurements import MeasuredCorpus
from app.training.calibration.sample_weights import ALIGNED_KINDS
from app.training.corpus import FFHQ_KINDS
from app.training.evaluation.metrics import auc
from app.training.measure import MeasuredPicture

MIN_LARGE_LN_SIDE: Final = 0.4
"""Face crops of 300 px and more, as in an avatar of 400 px."""


def with_figures(
    measured_corpus: MeasuredCorpus,
    checks: Mapping[str, CheckEntry],
    fold_scales: Sequence[Mapping[str, Scale]],
    fold_of: Mapping[str, int],
) -> dict[str, CheckEntry]:
    """``checks`` with figures; each picture is scored by the scales of its collector's fold."""
    sizes = {400: [m for m in measured_corpus.native if _is_large(m)], **measured_corpus.downscaled}

    def check_figures(name: str) -> dict[str, float]:
        return {
            key: round(value, 4)
            for size, pictures in sizes.items()
            for key, value in _figures_at_size(name, size, pictures, fold_scales, fold_of)
        }

    return {
        name: entry.model_copy(update={"figures": check_figures(name)})
        if name in pixel_check_names() and not isinstance(entry, AlignmentEntry)
        else entry
        for name, entry in checks.items()
    }


def _figures_at_size(
    name: str,
    size: int,
    pictures: Sequence[MeasuredPicture],
    fold_scales: Sequence[Mapping[str, Scale]],
    fold_of: Mapping[str, int],
) -> Iterator[tuple[str, float]]:
    faces = [m for m in pictures if m.faces]
    generated, real = (
        _first_face_llrs(name, [m for m in faces if m.row.kind in kinds], fold_scales, fold_of)
        for kinds in (FFHQ_KINDS, ALIGNED_KINDS)
    )
    llrs = [x for side in (generated, real) for x in side]
    finite_llrs = [side[np.isfinite(side)] for side in (generated, real)]
    if all(map(len, finite_llrs)):
        yield f"auc_{size}px", auc(*finite_llrs)
        yield f"measured_{size}px", float(np.isfinite(llrs).mean())


def _first_face_llrs(
    name: str,
    pictures: Sequence[MeasuredPicture],
    fold_scales: Sequence[Mapping[str, Scale]],
    fold_of: Mapping[str, int],
) -> FloatArray:
    """llr of the first face of each picture; NaN where it was not measured."""
    return np.array(
        [
            fold_scales[fold_of[m.row.collector]][name].weigh(reading).llr
            if isinstance(reading, Reading)
            else np.nan
            for m in pictures
            for check, reading in m.faces[0]
            if check.name == name
        ]
    )


def _is_large(measured: MeasuredPicture) -> bool:
    sides = [
        reading.measures[SIZE_MEASURE]
        for measurements in measured.faces[:1]
        for _, reading in measurements
        if isinstance(reading, Reading) and SIZE_MEASURE in reading.measures
    ]
    return bool(sides) and sides[0] >= MIN_LARGE_LN_SIDE
