"""Which half of a corpus each picture is in, so that two networks never saw each other's."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from app.density import FloatArray
from app.fitting.corpus import Row, folds
from app.fitting.held_out import SPLIT, Halves
from app.fitting.witness.crops import Crops

ONLY_ONES: Final = frozenset({"dinablachman", "zoya2244", "xrv0", "sklinderton", "GitZhenyu2019"})
"""Collectors that are the only ones, or hold nearly the only pictures, of a kind and size: both
halves need them. They are split by photograph, and the same photograph is never in both halves."""
SAME_PHOTOGRAPH: Final = 0.985
"""Correlation of two crops at 16 px from which on they show the same photograph."""
_THUMBNAIL: Final = 16


def make_halves(manifest_sha256: str, rows: Sequence[Row], crops: Crops) -> Halves:
    """Deterministic. Every collector in one half, the only ones split by photograph."""
    whole = [row for row in rows if row.source not in ONLY_ONES]
    collectors = {row.source: fold for row, fold in zip(whole, folds(whole, 2), strict=True)}
    collectors |= {row.source: SPLIT for row in rows if row.source in ONLY_ONES}
    second = {k.row.path for k in crops.kept if collectors[k.row.source] == SPLIT and _odd(k.row)}
    for group in same_photographs(crops):
        members = [crops.kept[i].row for i in group]
        settled = [collectors[m.source] for m in members if collectors[m.source] != SPLIT]
        half = settled[0] if settled else int(_odd(members[0]))
        split = {m.path for m in members if collectors[m.source] == SPLIT}
        second = second | split if half else second - split
    return Halves(manifest_sha256, collectors, frozenset(second))


def same_photographs(crops: Crops) -> list[list[int]]:
    """Groups of crops of kind ``aligned`` that show one photograph, by index."""
    indices = [i for i, kept in enumerate(crops.kept) if kept.row.kind == "aligned"]
    if not indices:
        return []
    seen = np.stack([_thumbnail(crops, i) for i in indices])
    alike = seen @ seen.T > SAME_PHOTOGRAPH
    group = list(range(len(indices)))
    for one, other in zip(*np.nonzero(np.triu(alike, 1)), strict=True):
        old, new = group[other], group[one]
        group = [new if g == old else g for g in group]
    found: dict[int, list[int]] = {}
    for index, g in zip(indices, group, strict=True):
        found.setdefault(g, []).append(index)
    return [members for members in found.values() if len(members) > 1]


def _thumbnail(crops: Crops, index: int) -> FloatArray:
    grey = cv2.cvtColor(np.ascontiguousarray(crops.rgb(index)), cv2.COLOR_RGB2GRAY)
    side = (_THUMBNAIL, _THUMBNAIL)
    small = cv2.resize(grey, side, interpolation=cv2.INTER_AREA).astype(np.float64).ravel()
    small -= small.mean()
    out: FloatArray = small / max(float(np.linalg.norm(small)), 1e-6)
    return out


def _odd(row: Row) -> bool:
    return bool(int(hashlib.sha256(row.path.encode()).hexdigest(), 16) % 2)
