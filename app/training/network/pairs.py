"""Finds pairs: a face edited through a generator and the photograph that it was made from.

In such a pair the person, the pose and the backdrop are the same, and only the generator's hand
tells the two apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from app.arrays import FloatArray
from app.training.network.crops import CropDataset

EDITED_KIND: Final = "gan_edit"
PHOTOGRAPH_KIND: Final = "aligned"
MIN_CORRELATION: Final = 0.85
"""From here on all ten pairs found in one corpus were true; from 0.75 to here, one of three was."""
_THUMBNAIL_SIDE_PX: Final = 16


def find_pairs(crops: CropDataset, indices: Sequence[int]) -> list[tuple[int, int]]:
    """(edited face, photograph) for every edited face of ``indices`` whose photograph is there.

    The photograph is the same collector's that correlates most at 16 px, if it does by at least
    ``MIN_CORRELATION``: an edit may change age, hair and expression.
    """
    photographs: dict[str, list[int]] = {}
    for index in indices:
        row = crops.records[index].row
        if row.kind == PHOTOGRAPH_KIND:
            photographs.setdefault(row.source, []).append(index)
    pairs = []
    for index in indices:
        row = crops.records[index].row
        if row.kind != EDITED_KIND or row.source not in photographs:
            continue
        candidates = photographs[row.source]
        correlations = np.stack([thumbnail(crops, i) for i in candidates]) @ thumbnail(crops, index)
        best = int(correlations.argmax())
        if correlations[best] >= MIN_CORRELATION:
            pairs.append((index, candidates[best]))
    return pairs


def thumbnail(crops: CropDataset, index: int) -> FloatArray:
    """Crop ``index`` in grey at 16 px, (256,), of mean 0 and length 1: products correlate."""
    grey = cv2.cvtColor(np.ascontiguousarray(crops.rgb(index)), cv2.COLOR_RGB2GRAY)
    side = (_THUMBNAIL_SIDE_PX, _THUMBNAIL_SIDE_PX)
    small = cv2.resize(grey, side, interpolation=cv2.INTER_AREA).astype(np.float64).ravel()
    small -= small.mean()
    out: FloatArray = small / max(float(np.linalg.norm(small)), 1e-6)
    return out
