"""Which part of a corpus each picture is in, so that there is a network that never saw it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from app.calibration.densities import FloatArray
from app.training.corpus import Row, folds
from app.training.held_out_networks import PARTS, SPLIT, Parts
from app.training.network.crops import Crops

HALVES: Final = 2
ONLY_ONES: Final = frozenset({"dinablachman", "zoya2244", "xrv0", "sklinderton", "GitZhenyu2019"})
"""Collectors that are the only ones, or hold nearly the only pictures, of a kind and size: every
part needs them. They are split by photograph, and the same photograph is never in two parts."""
SAME_PHOTOGRAPH: Final = 0.985
"""Correlation of two crops at 16 px from which on they show the same photograph."""
_THUMBNAIL: Final = 16


def make_parts(manifest_sha256: str, rows: Sequence[Row], crops: Crops) -> Parts:
    """Deterministic. Every collector in one part, the only ones split by photograph."""
    collectors = _collectors([row for row in rows if row.source not in ONLY_ONES])
    collectors |= {row.source: SPLIT for row in rows if row.source in ONLY_ONES}
    pictures = {r.path: _by_name(r) for r in rows if collectors[r.source] == SPLIT}
    for group in same_photographs(crops):
        members = [crops.kept[i].row for i in group]
        settled = [collectors[m.source] for m in members if collectors[m.source] != SPLIT]
        part = settled[0] if settled else _by_name(members[0])
        pictures |= {m.path: part for m in members if m.path in pictures}
    return Parts(manifest_sha256, collectors, pictures)


def half_of(part: int) -> int:
    """Two parts are a half: 0 and 2 are half 0, 1 and 3 are half 1."""
    return part % HALVES


def _collectors(rows: Sequence[Row]) -> dict[str, int]:
    """In two halves, then each in two: parts 0 and 2 are one half, 1 and 3 the other."""
    found: dict[str, int] = {}
    halves = folds(rows, HALVES)
    for half in range(HALVES):
        mine = [row for row, at in zip(rows, halves, strict=True) if at == half]
        for row, quarter in zip(mine, folds(mine, PARTS // HALVES), strict=True):
            found[row.source] = half + HALVES * quarter
    return found


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


def _by_name(row: Row) -> int:
    return int(hashlib.sha256(row.path.encode()).hexdigest(), 16) % PARTS
