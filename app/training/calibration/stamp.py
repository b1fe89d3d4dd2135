"""Fits the llr of a generator's stamp."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from app.calibration.file import StampEntry
from app.calibration.scale import HIT_MEASURE
from app.evidence import Check, Reading
from app.training.evaluation.metrics import clopper_pearson_upper
from app.training.measure import MeasuredPicture

STAMPED_SHARE: Final = 0.3
"""Share of the family's avatars that carry a readable stamp. Expert judgement: two in three of
those taken from the best-known site since 2023 do, and older ones do not."""


def fit_stamp(check: Check, pictures: Sequence[MeasuredPicture]) -> StampEntry:
    """The stamp's scale: its share of generated avatars over its upper bound on real ones."""
    real_hits = [has_stamp(check, m) for m in pictures if not m.row.is_generated]
    stamped_hits = [has_stamp(check, m) for m in pictures if m.row.kind == "stylegan2_watermarked"]
    bound = clopper_pearson_upper(sum(real_hits), len(real_hits)) if real_hits else 1.0
    llr = max(0.01, round(math.log10(STAMPED_SHARE / bound), 2))
    return StampEntry(
        version=check.version,
        hit_llr=llr,
        interval=[llr - 0.01, llr + 0.5],
        bounds=[0.0, llr],
        figures={
            "real_pictures": float(len(real_hits)),
            "read_on_real_pictures": float(sum(real_hits)),
            "stamped_pictures": float(len(stamped_hits)),
            "read_on_stamped_pictures": float(sum(stamped_hits)),
        },
    )


def has_stamp(check: Check, measured: MeasuredPicture) -> bool:
    """Whether the stamp was read on any face of the picture."""
    return any(
        reading.measures[HIT_MEASURE] > 0.5
        for measurements in measured.faces
        for measured_check, reading in measurements
        if measured_check.name == check.name and isinstance(reading, Reading)
    )
