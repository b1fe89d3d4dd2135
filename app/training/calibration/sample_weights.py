"""How much each kind of picture counts where generated and real ones are told apart by pixels.

Judgement, kept round. A corpus holds what could be collected, not what is met: without shares,
850 pictures of one StyleGAN 1 collector would drown 120 of StyleGAN 3. Among the real ones the
photographs in a generator's frame count most, for there the pixels alone decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from app.calibration.densities import FloatArray
from app.training.corpus import Row

ALIGNED_KINDS: Final = ("aligned", "realigned", "aligned_celebahq")
"""Real photographs in the frame: only pixels can tell them from generated ones."""

SHARES: Final[dict[str, float]] = {
    "stylegan1": 0.15,
    "stylegan2": 0.50,
    "stylegan2_psi1": 0.06,
    "stylegan2_watermarked": 0.08,
    "stylegan3": 0.11,
    "studio": 0.10,
    "aligned": 0.30,
    "realigned": 0.30,
    "aligned_celebahq": 0.05,
    "avatar": 0.20,
    "portrait": 0.13,
    "composite": 0.02,
}
"""Each side sums to one. Kinds that are not here (diffusion, nonface) take no part."""


def takes_part(row: Row) -> bool:
    """Whether ``row``'s kind has a share."""
    return row.kind in SHARES


def importances(rows: Sequence[Row]) -> FloatArray:
    """A weight for every row, (n,): by its kind's share, and both sides weighing n ÷ 2."""
    counts = Counter(row.kind for row in rows)
    each = np.array([SHARES[row.kind] / counts[row.kind] for row in rows])
    made = np.array([row.generated for row in rows])
    for side in (made, ~made):
        if side.any():
            each[side] *= len(rows) / 2.0 / each[side].sum()
    return each
