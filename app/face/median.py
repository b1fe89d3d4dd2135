"""The median of a few numbers, without NumPy's call overhead."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def median(values: NDArray[Any]) -> Any:
    """As ``np.median`` along the first axis, of finite numbers, at least one of them."""
    count = len(values)
    half = count // 2
    if count % 2:
        return np.partition(values, half, axis=0)[half]
    low, high = np.partition(values, (half - 1, half), axis=0)[half - 1 : half + 1]
    if values.dtype.kind in "iu":
        return (low.astype(np.float64) + high) / 2
    return (low + high) / 2
