"""What a corpus has too little of for a fit that means something: warnings, and no refusal."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from app.training.calibration.sample_weights import ALIGNED_KINDS
from app.training.corpus import FFHQ_KINDS, ORDINARY_KINDS, Corpus

ENOUGH_PICTURES: Final[tuple[tuple[str, Collection[str], int, str], ...]] = (
    ("ordinary pictures", ORDINARY_KINDS, 3_000, "rates below 1 in 1,000 cannot be shown"),
    ("photographs in the frame", ALIGNED_KINDS, 300, "the framed ratio rests on few of them"),
    ("generated pictures", FFHQ_KINDS, 300, "recall is known to no more than a few per cent"),
)
"""By the rule of three: none among n shows, with 95 %, a rate below 3 / n."""
ENOUGH_COLLECTORS: Final = 10
"""Of each side: what one collector does to pictures is not what a generator does."""


def size_warnings(corpus: Corpus) -> list[str]:
    """A sentence for each thing that ``corpus`` has too little of."""
    warnings = []
    for name, kinds, enough, consequence in ENOUGH_PICTURES:
        count = sum(row.kind in kinds for row in corpus.rows)
        if count < enough:
            warnings.append(f"{count} {name} of {enough:,} that would be enough: {consequence}")
    for name, is_generated in (("generated", True), ("real", False)):
        collectors = {row.collector for row in corpus.rows if row.is_generated is is_generated}
        if len(collectors) < ENOUGH_COLLECTORS:
            warnings.append(
                f"{name} pictures come from {len(collectors)} collectors; with fewer than "
                f"{ENOUGH_COLLECTORS} a fit may learn a collector's habits"
            )
    return warnings
