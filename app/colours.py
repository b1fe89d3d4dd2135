"""How many colours a picture lives on: what tells logos, icons and blanks from photographs."""

from __future__ import annotations

from typing import Final

import numpy as np

from app.picture import Picture

FEW_COLOURS_BITS: Final = 2.5
"""Of 9,000 photographs with a face less than one in a hundred has a lower colour entropy; half of
logos, icons and default pictures do. Asked only where no face is found, so it dismisses no face."""


def colour_entropy_bits(picture: Picture) -> float:
    """Shannon entropy of the picture's colours at four bits a channel, 0 (blank) to 12 bits."""
    codes = (picture.rgb >> 4).astype(np.int32) @ np.array([256, 16, 1], dtype=np.int32)
    share = np.bincount(codes.ravel(), minlength=4096) / codes.size
    used = share[share > 0]
    return float(-(used * np.log2(used)).sum())
