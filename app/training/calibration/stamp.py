"""What reading a generator's stamp weighs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from app.calibration.file import StampEntry
from app.calibration.scale import HIT
from app.evidence import Check, Reading
from app.training.evaluation.metrics import upper_bound
from app.training.measure import Measured

STAMPED_SHARE: Final = 0.3
"""Of the family's avatars, how many bear a stamp that can be read. Judgement: two in three of those
taken from the best-known site since 2023 do, and older ones do not."""


def stamp_entry(check: Check, seen: Sequence[Measured]) -> StampEntry:
    """The stamp's scale: its share among generated avatars over its bound among real ones."""
    real = [hit(check, m) for m in seen if not m.row.generated]
    stamped = [hit(check, m) for m in seen if m.row.kind == "stylegan2_watermarked"]
    bound = upper_bound(sum(real), len(real)) if real else 1.0
    llr = max(0.01, round(math.log10(STAMPED_SHARE / bound), 2))
    return StampEntry(
        version=check.version,
        hit_llr=llr,
        interval=[llr - 0.01, llr + 0.5],
        bounds=[0.0, llr],
        figures={
            "real_pictures": float(len(real)),
            "read_on_real_pictures": float(sum(real)),
            "stamped_pictures": float(len(stamped)),
            "read_on_stamped_pictures": float(sum(stamped)),
        },
    )


def hit(check: Check, measured: Measured) -> bool:
    """Whether the stamp was read on any face of the picture."""
    return any(
        found.measures[HIT] > 0.5
        for testimony in measured.testimonies
        for one, found in testimony
        if one.name == check.name and isinstance(found, Reading)
    )
