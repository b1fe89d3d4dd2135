"""What is kept of an item once it was looked at: the row that pages, streams and drawings share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.arrays import RgbArray


@dataclass(frozen=True)
class Failure:
    """Why an item has no analysis: an ``RequestError`` as it is kept and told."""

    code: str
    title: str
    detail: str
    retryable: bool = False


@dataclass(frozen=True)
class Item:
    """One row of a list. Exactly one of ``url``, ``payload`` and ``failure`` is given.

    ``seq``: 0, 1, 2 … in the list's order. ``line``: where it stands in the file (1 is the first),
    if lines mean anything there. ``source``: what the row points at, as people know it: the URL as
    given, or the picture's name in an archive. ``url``: what to fetch first; ``fallback_url`` if
    that fails (a platform's larger variant is tried before the one that was given).
    ``content_id``: a name that the platform derives from the picture's own bytes, if it does.
    ``cells``: the row as it came, under the list's columns. ``account``: what the row says of the
    account (``username``, ``created_at``, ``followers_count`` …), as text.
    """

    seq: int
    source: str
    custom_id: str | None = None
    line: int | None = None
    url: str | None = None
    fallback_url: str | None = None
    content_id: str | None = None
    payload: bytes | None = None
    failure: Failure | None = None
    cells: tuple[str, ...] = ()
    account: Mapping[str, str] = field(default_factory=dict)


AVERAGE_TILE_PX = 192
"""Side of the square in which a list's pictures are averaged."""


@dataclass(frozen=True, eq=False)
class PictureRecord:
    """What is kept of one analysed picture; the picture itself is not.

    ``analysis``: the JSON object of the answer, UTF-8, without ``id`` and ``custom_id``.
    ``thumbnail``: a small JPEG of the picture as it is (longer side 128 px). ``tile``: its
    centre square, uint8 (192, 192, 3), only until it was added to the average. ``eyes``: iris
    centres (left x, left y, right x, right y) in unit coordinates. ``square``: the alignment as
    ``Alignment.vector()``: centre x, centre y, ln side, roll in radians. ``llr_ordinary``,
    ``llr_framed``: against ordinary avatars and framed photographs; ``llr`` is their mixture.
    ``eye_llr``: what eye alignment alone weighs. ``warnings``: names, as in the answer.
    """

    sha256: str
    perceptual_hash: str
    outcome: str
    verdict: str
    llr: float
    llr_ordinary: float
    llr_framed: float
    eye_llr: float
    analysis: bytes
    width: int
    height: int
    eyes: tuple[float, float, float, float] | None = None
    square: tuple[float, float, float, float] | None = None
    template: str | None = None
    transform: str | None = None
    distance: float | None = None
    warnings: tuple[str, ...] = ()
    thumbnail: bytes = b""
    tile: RgbArray | None = None


@dataclass(frozen=True, eq=False)
class ItemResult:
    """An item with its answer. Exactly one of ``record`` and ``failure`` is given."""

    seq: int
    source: str
    custom_id: str | None = None
    line: int | None = None
    cells: tuple[str, ...] = ()
    account: Mapping[str, str] = field(default_factory=dict)
    record: PictureRecord | None = None
    failure: Failure | None = None
