"""Records of one picture of a list: its row, its answer, and both together.

These are the only forms of an answer outside the analysis: a child process returns a
``PictureRecord``, the database keeps it, and pages, streams and drawings read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Literal, NamedTuple

from app.arrays import RgbArray
from app.evidence import Outcome, Verdict


@dataclass(frozen=True)
class Failure:
    """Why an item has no analysis: the stored form of a ``RequestError``."""

    code: str
    title: str
    detail: str
    retryable: bool = False


class OwnEdge(NamedTuple):
    """A line between two accounts that the caller brings, by their names; ``weight`` above 0."""

    source: str
    target: str
    weight: float = 1.0


@dataclass(frozen=True)
class Item:
    """One row of a list. Exactly one of ``url``, ``payload`` and ``failure`` is given.

    ``seq``: 0, 1, 2 … in the list's order. ``line``: its line in the file (1 is the first), if the
    format has lines. ``source``: the picture's URL as given, or its name in an archive. ``url``:
    fetched first; ``fallback_url`` if that fails (a platform's larger variant is tried before the
    one that was given). ``content_id``: a name that the platform derives from the picture's bytes,
    if it does. ``cells``: the row's original cells, in the order of the list's columns.
    ``account``: the row's data about the account (``username``, ``created_at``, ``followers_count``
    …), as text. ``edges``: lines to other accounts that the row names.
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
    edges: tuple[OwnEdge, ...] = ()


DrawingScope = Literal["none", "flagged", "all"]
"""Of which pictures the drawings are made that a list keeps."""
SHEET_DRAWING: Final = "overlay"
"""Among a picture's drawings, the one that shows everything."""

AVERAGE_TILE_PX: Final = 192
"""Side of the square in which a list's pictures are averaged."""


@dataclass(frozen=True, eq=False)
class PictureRecord:
    """The analysis of one picture; the picture itself is not stored.

    ``sha256``: of the file, hex. ``pdq``: the PDQ hash, hex. ``llr``: as in the answer.
    ``llr_ordinary``, ``llr_framed``: against ordinary avatars and framed photographs; ``llr`` is
    their mixture; ``None`` in rows of a version that did not store them, where ``pdq`` is empty
    too. ``eye_llr``: of eye alignment alone. ``warnings``: names, as in the answer.
    ``width``, ``height``: of the file's picture, px. ``eyes``: iris centres (left x, left y,
    right x, right y) in unit coordinates. ``square``: ``Alignment.vector()``: centre x, centre y,
    ln side, roll in radians. ``distance``: standard deviations from ``template``.

    ``analysis``: the answer's JSON object, UTF-8, without ``id`` and ``custom_id``; empty where
    only the indexed columns were read. ``thumbnail``: JPEG, longer side 128 px.

    ``drawings``: what is kept to show of a flagged picture, JPEG by name: ``overlay`` is the whole
    sheet, the others are the cut-outs of the checks that they are named by.

    Not stored: ``tile``, the picture's centre square, uint8 (192, 192, 3), for the average;
    ``overlay``, a PNG, empty unless asked for; ``timings_ms`` by stage.
    """

    sha256: str
    pdq: str
    pdq_quality: int
    outcome: Outcome
    verdict: Verdict
    llr: float
    llr_ordinary: float | None
    llr_framed: float | None
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
    drawings: Mapping[str, bytes] = field(default_factory=dict)
    tile: RgbArray | None = None
    overlay: bytes = b""
    timings_ms: Mapping[str, float] = field(default_factory=dict)

    def without_payload(self) -> PictureRecord:
        """The same without the large members, to free memory once it is stored."""
        return replace(self, analysis=b"", thumbnail=b"", drawings={}, tile=None, overlay=b"")


DecisionChoice = Literal["generated", "real", "unsure"]


@dataclass(frozen=True)
class Decision:
    """What a person said of an item; it moves no figure.

    ``by``: the name of the API key, empty where none is needed. ``at``: aware, UTC.
    """

    choice: DecisionChoice
    by: str
    at: datetime
    note: str = ""


@dataclass(frozen=True, eq=False)
class ItemResult:
    """An item with its result. Exactly one of ``record`` and ``failure`` is given."""

    seq: int
    source: str
    custom_id: str | None = None
    line: int | None = None
    cells: tuple[str, ...] = ()
    account: Mapping[str, str] = field(default_factory=dict)
    record: PictureRecord | None = None
    failure: Failure | None = None
    decision: Decision | None = None
