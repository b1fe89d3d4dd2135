"""From which pictures a sample is drawn: groups with fixed shares, collectors evened out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from app.calibration.densities import FloatArray
from app.training.corpus import ORDINARY_KINDS, CorpusError, Row
from app.training.network.crops import Kept
from app.training.network.hyperparameters import GENERATED_SHARES, REAL_SHARES, SIFTED, SMALL_FFHQ

_LEAST: Final = 4
_STEP_PX: Final = 8


def group_of(row: Row) -> str:
    """The group of ``row``, a key of one of the two tables of shares, or another word."""
    if row.kind == "stylegan2" and row.source in SIFTED:
        return "stylegan2_sifted"
    if row.kind == "aligned":
        return "ffhq_256" if row.source in SMALL_FFHQ else "ffhq_1024"
    return "ordinary" if row.kind in ORDINARY_KINDS else row.kind


class Groups:
    """Draws a crop that is at least as large as asked, of either class."""

    def __init__(self, kept: Sequence[Kept], chosen: Sequence[int]) -> None:
        """``chosen``: indices into ``kept`` to draw from. Raises ``CorpusError`` if lopsided."""
        self._sides = np.array([k.side for k in kept])
        self._members: dict[str, list[int]] = {}
        for index in chosen:
            self._members.setdefault(group_of(kept[index].row), []).append(index)
        self._weights = {
            name: _evened([kept[i].row.source for i in members])
            for name, members in self._members.items()
        }
        self._known: dict[tuple[str, int], FloatArray] = {}
        for shares in (GENERATED_SHARES, REAL_SHARES):
            if not set(shares) & set(self._members):
                raise CorpusError(f"the corpus has none of the kinds {', '.join(shares)}")

    def draw(self, rng: np.random.Generator, side: int, *, generated: bool) -> int:
        """The index of a crop of at least ``side`` px, or of any size where none is that large."""
        shares = GENERATED_SHARES if generated else REAL_SHARES
        side = -(-side // _STEP_PX) * _STEP_PX  # upwards: never larger than the picture is
        able = [g for g in shares if g in self._members and self._count(g, side) >= _LEAST]
        groups = able or [g for g in shares if g in self._members]
        weights = np.array([shares[g] for g in groups])
        name = groups[int(rng.choice(len(groups), p=weights / weights.sum()))]
        ladder = self._ladder(name, side if able else 0)
        at = min(int(np.searchsorted(ladder, rng.random())), len(ladder) - 1)
        return self._members[name][at]

    def _count(self, name: str, side: int) -> int:
        return int((self._sides[self._members[name]] >= side).sum())

    def _ladder(self, name: str, side: int) -> FloatArray:
        key = (name, side)
        if key not in self._known:
            large = self._sides[self._members[name]] >= side
            weights = self._weights[name] * large
            self._known[key] = np.cumsum(weights / weights.sum())
        return self._known[key]


def _evened(sources: Sequence[str]) -> FloatArray:
    """Weights by which a collector counts as the root of how many pictures it has, (n,)."""
    counts = Counter(sources)
    return np.array([counts[source] ** -0.5 for source in sources])
