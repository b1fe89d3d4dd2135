"""Array types: one name for each kind of array, shared by all packages."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RgbArray = NDArray[np.uint8]
"""Pixels, (H, W, 3), sRGB."""
GrayArray = NDArray[np.uint8]
"""Luma, (H, W)."""
FloatImage = NDArray[np.float32]
"""Pixels on their way through a filter or a network, (H, W) or (H, W, 3)."""
FloatArray = NDArray[np.float64]
"""Numbers and coordinates of any shape."""
BoolArray = NDArray[np.bool_]
"""A mask or a selection."""
Int64Array = NDArray[np.int64]
"""Counts, indices and labels."""
Int32Array = NDArray[np.int32]
"""Places as OpenCV takes them, in fixed point."""
