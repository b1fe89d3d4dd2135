"""Draws the picture of a sample: groups with fixed shares, collectors balanced within them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from app.arrays import FloatArray
from app.training.corpus import ORDINARY_KINDS, CorpusError, ManifestRow
from app.training.network.crops import CropRecord
from app.training.network.hyperparameters import (
    CURATED_COLLECTORS,
    GENERATED_SHARES,
    REAL_SHARES,
    SMALL_FFHQ_COLLECTORS,
)

_MIN_LARGE_CROPS: Final = 4
_STEP_PX: Final = 8


def sampling_group(row: ManifestRow) -> str:
    """The group of ``row``: a key of one of the two tables of shares, or its kind."""
    if row.kind == "stylegan2" and row.source in CURATED_COLLECTORS:
        return "stylegan2_sifted"
    if row.kind == "aligned":
        return "ffhq_256" if row.source in SMALL_FFHQ_COLLECTORS else "ffhq_1024"
    return "ordinary" if row.kind in ORDINARY_KINDS else row.kind


class GroupSampler:
    """Draws a crop of a class with at least a given side."""

    def __init__(self, records: Sequence[CropRecord], indices: Sequence[int]) -> None:
        """``indices``: indices into ``records`` to draw from.

        Raises ``CorpusError`` if either class has no crop.
        """
        self._sides = np.array([k.side for k in records])
        self._members: dict[str, list[int]] = {}
        for index in indices:
            self._members.setdefault(sampling_group(records[index].row), []).append(index)
        self._weights = {
            name: _collector_weights([records[i].row.source for i in members])
            for name, members in self._members.items()
        }
        self._cumulative_cache: dict[tuple[str, int], FloatArray] = {}
        for shares in (GENERATED_SHARES, REAL_SHARES):
            if not set(shares) & set(self._members):
                raise CorpusError(f"the corpus has none of the kinds {', '.join(shares)}")

    def draw(self, rng: np.random.Generator, side: int, *, generated: bool) -> int:
        """The index of a crop of at least ``side`` px, or of any size where none is that large."""
        shares = GENERATED_SHARES if generated else REAL_SHARES
        side = -(-side // _STEP_PX) * _STEP_PX  # rounded up, so that the crop is never enlarged
        eligible = [
            g
            for g in shares
            if g in self._members and self._count_large(g, side) >= _MIN_LARGE_CROPS
        ]
        groups = eligible or [g for g in shares if g in self._members]
        weights = np.array([shares[g] for g in groups])
        name = groups[int(rng.choice(len(groups), p=weights / weights.sum()))]
        cumulative = self._cumulative_weights(name, side if eligible else 0)
        position = min(int(np.searchsorted(cumulative, rng.random())), len(cumulative) - 1)
        return self._members[name][position]

    def _count_large(self, name: str, side: int) -> int:
        return int((self._sides[self._members[name]] >= side).sum())

    def _cumulative_weights(self, name: str, side: int) -> FloatArray:
        key = (name, side)
        if key not in self._cumulative_cache:
            large = self._sides[self._members[name]] >= side
            weights = self._weights[name] * large
            self._cumulative_cache[key] = np.cumsum(weights / weights.sum())
        return self._cumulative_cache[key]


def _collector_weights(sources: Sequence[str]) -> FloatArray:
    """Weights (n,) that make a collector's total the square root of its number of pictures."""
    counts = Counter(sources)
    return np.array([counts[source] ** -0.5 for source in sources])
