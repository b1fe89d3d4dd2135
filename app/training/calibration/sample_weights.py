"""Weights of the kinds of pictures in the fit of the pixel checks.

Expert judgement, rounded. A corpus holds what could be collected, not what occurs in practice:
without shares, 850 pictures of one StyleGAN 1 collector would outweigh 120 of StyleGAN 3. Among
real pictures the photographs in a generator's frame weigh most, because only pixels can separate
those.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from app.arrays import FloatArray
from app.training.corpus import ManifestRow

ALIGNED_KINDS: Final = ("aligned", "realigned", "aligned_celebahq")
"""Real photographs in the frame: only pixels can tell them from generated ones."""

KIND_SHARES: Final[dict[str, float]] = {
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
"""Each side sums to one. Kinds without a share (diffusion, nonface) are left out."""


def has_share(row: ManifestRow) -> bool:
    """Whether ``row``'s kind has a share."""
    return row.kind in KIND_SHARES


def compute_sample_weights(rows: Sequence[ManifestRow]) -> FloatArray:
    """A weight for every row, (n,), by its kind's share; both classes sum to n ÷ 2."""
    counts = Counter(row.kind for row in rows)
    weights = np.array([KIND_SHARES[row.kind] / counts[row.kind] for row in rows])
    is_generated = np.array([row.is_generated for row in rows])
    for side in (is_generated, ~is_generated):
        if side.any():
            weights[side] *= len(rows) / 2.0 / weights[side].sum()
    return weights
