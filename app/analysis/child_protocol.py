"""What the service and a child that examines say to each other about a picture.

A request is the length of the file, which lies in the shared memory, and the prior; the reply is
one line of JSON, and what is large takes the file's place: the answer, the pixels of the thumbnail
and those of the tile, in this order. The child has looked at untrusted bytes and may speak for
them: what it says is data of a known shape, and the thumbnail is encoded by whoever shows it.
"""

from __future__ import annotations

import json
import math
import mmap
import struct
from collections.abc import Callable, Mapping
from typing import Annotated, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from app.analysis.record import Looked
from app.evidence import Outcome, Verdict
from app.image.thumbnails import THUMBNAIL_PX, TILE_PX, encoded
from app.records import Finding

REQUEST: Final = struct.Struct("<Qd")
MAX_ANALYSIS_BYTES: Final = 1_000_000
INTERNAL: Final = "internal"
"""A fault of ours, and not of the picture."""
_MAX_DETAIL: Final = 300
_RGB: Final = 3

Stage = Literal["decode", "landmarks", "checks"]
Name = Annotated[str, Field(max_length=64)]
Four = tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]
ThumbnailSide = Annotated[int, Field(ge=1, le=THUMBNAIL_PX)]
Side = Annotated[int, Field(ge=1, le=2**31)]


class Found(BaseModel):
    """A finding, less what lies in the shared memory. ``thumbnail``: (width, height)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    perceptual_hash: Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
    outcome: Outcome
    verdict: Verdict
    llr: FiniteFloat
    eye_llr: FiniteFloat
    width: Side
    height: Side
    eyes: Four | None
    square: Four | None
    template: Name | None
    transform: Name | None
    distance: FiniteFloat | None
    analysis_bytes: Annotated[int, Field(ge=2, le=MAX_ANALYSIS_BYTES)]
    thumbnail: tuple[ThumbnailSide, ThumbnailSide]
    timings_ms: Mapping[Stage, FiniteFloat]


class Said(BaseModel):
    """What was found; or why there is nothing, as an error's ``code`` and ``detail``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    found: Found | None = None
    code: Name = ""
    detail: str = ""


def refused(code: str, detail: str) -> bytes:
    """The reply of a child that has nothing to tell of a picture."""
    return _line(Said(code=code, detail=detail[:_MAX_DETAIL]))


def written(looked: Looked, thumbnail: NDArray[np.uint8], memory: mmap.mmap) -> bytes:
    """The reply that tells of ``looked``. ``thumbnail``: its pixels (h, w, 3), for it has none."""
    finding = looked.finding
    assert finding.tile is not None
    parts = (finding.analysis, thumbnail.tobytes(), finding.tile.tobytes())
    memory[: sum(map(len, parts))] = b"".join(parts)
    kept = {name: getattr(finding, name) for name in Found.model_fields if hasattr(finding, name)}
    found = Found(
        **{
            **kept,
            "analysis_bytes": len(finding.analysis),
            "thumbnail": (thumbnail.shape[1], thumbnail.shape[0]),
            "timings_ms": looked.timings_ms,
        }
    )
    return _line(Said(found=found))


def read(line: bytes, part: Callable[[int, int], bytes]) -> Looked | tuple[str, str]:
    """What a child told, or an error's code and detail.

    ``part(start, count)``: bytes of the shared memory. Raises ``ValueError`` if this is no reply.
    """
    said = Said.model_validate_json(line)
    found = said.found
    if found is None:
        return said.code, said.detail
    analysis = part(0, found.analysis_bytes)
    if not _is_object(analysis):
        raise ValueError("this is no answer")
    width, height = found.thumbnail
    shapes = ((height, width, _RGB), (TILE_PX, TILE_PX, _RGB))
    starts = (len(analysis), len(analysis) + math.prod(shapes[0]))
    thumbnail, tile = (
        np.frombuffer(part(start, math.prod(shape)), np.uint8).reshape(shape)
        for start, shape in zip(starts, shapes, strict=True)
    )
    kept = found.model_dump(exclude={"analysis_bytes", "thumbnail", "timings_ms"})
    finding = Finding(
        **{**kept, "outcome": str(found.outcome), "verdict": str(found.verdict)},
        analysis=analysis,
        thumbnail=encoded(thumbnail),
        tile=tile,
    )
    return Looked(finding, {str(stage): ms for stage, ms in found.timings_ms.items()})


def _is_object(text: bytes) -> bool:
    """Raises ``ValueError`` if ``text`` is no JSON at all."""
    try:
        return isinstance(json.loads(text), dict)
    except RecursionError as error:
        raise ValueError("this is too deep") from error


def _line(said: Said) -> bytes:
    return said.model_dump_json().encode() + b"\n"
