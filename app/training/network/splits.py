"""Assigns every picture of a corpus to a split for cross-fitting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from app.arrays import FloatArray
from app.training.corpus import ManifestRow, assign_folds
from app.training.held_out_networks import (
    SPLIT_BY_PICTURE,
    SPLIT_COUNT,
    NetworkSplits,
    split_by_hash,
)
from app.training.network.crops import CropDataset

HALF_COUNT: Final = 2
SPLIT_COLLECTORS: Final = frozenset(
    {"dinablachman", "zoya2244", "xrv0", "sklinderton", "GitZhenyu2019"}
)
"""Collectors that hold all or nearly all pictures of a kind and size: every split needs them. They
are split by photograph, and the same photograph is never in two splits."""
SAME_PHOTOGRAPH_CORRELATION: Final = 0.985
"""Two crops show the same photograph if they correlate more than this at 16 px."""
_THUMBNAIL_SIDE_PX: Final = 16


def make_splits(
    manifest_sha256: str, rows: Sequence[ManifestRow], crops: CropDataset
) -> NetworkSplits:
    """Assign collectors to splits, and ``SPLIT_COLLECTORS`` by photograph. Deterministic."""
    collectors = _split_by_collector([row for row in rows if row.source not in SPLIT_COLLECTORS])
    collectors |= {row.source: SPLIT_BY_PICTURE for row in rows if row.source in SPLIT_COLLECTORS}
    pictures = {
        r.path: split_by_hash(r.path) for r in rows if collectors[r.source] == SPLIT_BY_PICTURE
    }
    for group in find_same_photographs(crops):
        members = [crops.records[i].row for i in group]
        fixed_splits = [
            collectors[m.source] for m in members if collectors[m.source] != SPLIT_BY_PICTURE
        ]
        split = fixed_splits[0] if fixed_splits else split_by_hash(members[0].path)
        pictures |= {m.path: split for m in members if m.path in pictures}
    return NetworkSplits(manifest_sha256, collectors, pictures)


def half_of(split: int) -> int:
    """The half that a split belongs to: 0 and 2 are half 0, 1 and 3 are half 1."""
    return split % HALF_COUNT


def _split_by_collector(rows: Sequence[ManifestRow]) -> dict[str, int]:
    """Split into halves, then each half in two: splits 0 and 2, and splits 1 and 3."""
    splits: dict[str, int] = {}
    halves = assign_folds(rows, HALF_COUNT)
    for half in range(HALF_COUNT):
        half_rows = [row for row, row_half in zip(rows, halves, strict=True) if row_half == half]
        for row, quarter in zip(
            half_rows, assign_folds(half_rows, SPLIT_COUNT // HALF_COUNT), strict=True
        ):
            splits[row.source] = half + HALF_COUNT * quarter
    return splits


def find_same_photographs(crops: CropDataset) -> list[list[int]]:
    """Groups of crops of kind ``aligned`` that show one photograph, by index."""
    indices = [i for i, record in enumerate(crops.records) if record.row.kind == "aligned"]
    if not indices:
        return []
    thumbnails = np.stack([_thumbnail(crops, i) for i in indices])
    is_same = thumbnails @ thumbnails.T > SAME_PHOTOGRAPH_CORRELATION
    labels = list(range(len(indices)))
    for first, second in zip(*np.nonzero(np.triu(is_same, 1)), strict=True):
        old, new = labels[second], labels[first]
        labels = [new if label == old else label for label in labels]
    groups: dict[int, list[int]] = {}
    for index, label in zip(indices, labels, strict=True):
        groups.setdefault(label, []).append(index)
    return [members for members in groups.values() if len(members) > 1]


def _thumbnail(crops: CropDataset, index: int) -> FloatArray:
    grey = cv2.cvtColor(np.ascontiguousarray(crops.rgb(index)), cv2.COLOR_RGB2GRAY)
    side = (_THUMBNAIL_SIDE_PX, _THUMBNAIL_SIDE_PX)
    small = cv2.resize(grey, side, interpolation=cv2.INTER_AREA).astype(np.float64).ravel()
    small -= small.mean()
    out: FloatArray = small / max(float(np.linalg.norm(small)), 1e-6)
    return out
