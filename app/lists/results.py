"""What is kept of an item once it was looked at: the row that pages, streams and drawings share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.lists.items import Failure

TILE_PX = 192
"""Side of the square in which a list's pictures are averaged."""


@dataclass(frozen=True, eq=False)
class Finding:
    """What is kept of one analysed picture; the picture itself is not.

    ``analysis``: the JSON object of the answer, UTF-8, without ``id`` and ``custom_id``.
    ``thumbnail``: a small JPEG of the picture as it is (longer side 128 px). ``tile``: its
    centre square, uint8 (192, 192, 3), only until it was added to the average. ``eyes``: iris
    centres (left x, left y, right x, right y) in unit coordinates. ``square``: the alignment as
    ``Alignment.vector()``: centre x, centre y, ln side, roll in radians. ``eye_llr``: what eye
    alignment alone weighs.
    """

    sha256: str
    perceptual_hash: str
    outcome: str
    verdict: str
    llr: float
    eye_llr: float
    analysis: bytes
    width: int
    height: int
    eyes: tuple[float, float, float, float] | None = None
    square: tuple[float, float, float, float] | None = None
    template: str | None = None
    transform: str | None = None
    distance: float | None = None
    thumbnail: bytes = b""
    tile: NDArray[np.uint8] | None = None


@dataclass(frozen=True, eq=False)
class Result:
    """An item with its answer. Exactly one of ``finding`` and ``failure`` is given."""

    seq: int
    source: str
    custom_id: str | None = None
    line: int | None = None
    cells: tuple[str, ...] = ()
    account: Mapping[str, str] = field(default_factory=dict)
    finding: Finding | None = None
    failure: Failure | None = None
