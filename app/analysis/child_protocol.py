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
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from app.analysis.record import AnalyzedRecord
from app.arrays import RgbArray
from app.evidence import Outcome, Verdict
from app.image.thumbnails import AVERAGE_TILE_PX, THUMBNAIL_PX, encode_jpeg
from app.records import PictureRecord

ANALYSIS_REQUEST: Final = struct.Struct("<Qd")
MAX_ANALYSIS_BYTES: Final = 1_000_000
INTERNAL_FAULT: Final = "internal"
"""A fault of ours, and not of the picture."""
_MAX_DETAIL: Final = 300
_RGB: Final = 3

StageName = Literal["decode", "landmarks", "checks"]
ShortText = Annotated[str, Field(max_length=64)]
FourFloats = tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]
ThumbnailSidePx = Annotated[int, Field(ge=1, le=THUMBNAIL_PX)]
ImageSidePx = Annotated[int, Field(ge=1, le=2**31)]


class RecordMessage(BaseModel):
    """A finding, less what lies in the shared memory. ``thumbnail``: (width, height)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    perceptual_hash: Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
    outcome: Outcome
    verdict: Verdict
    llr: FiniteFloat
    llr_ordinary: FiniteFloat
    llr_framed: FiniteFloat
    eye_llr: FiniteFloat
    width: ImageSidePx
    height: ImageSidePx
    eyes: FourFloats | None
    square: FourFloats | None
    template: ShortText | None
    transform: ShortText | None
    distance: FiniteFloat | None
    warnings: Annotated[tuple[ShortText, ...], Field(max_length=16)]
    analysis_bytes: Annotated[int, Field(ge=2, le=MAX_ANALYSIS_BYTES)]
    thumbnail: tuple[ThumbnailSidePx, ThumbnailSidePx]
    timings_ms: Mapping[StageName, FiniteFloat]


class ChildReply(BaseModel):
    """What was found; or why there is nothing, as an error's ``code`` and ``detail``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    found: RecordMessage | None = None
    code: ShortText = ""
    detail: str = ""


def encode_refusal(code: str, detail: str) -> bytes:
    """The reply of a child that has nothing to tell of a picture."""
    return _encode_line(ChildReply(code=code, detail=detail[:_MAX_DETAIL]))


def encode_record(analyzed: AnalyzedRecord, thumbnail: RgbArray, memory: mmap.mmap) -> bytes:
    """The reply that tells of ``analyzed``.

    ``thumbnail``: its pixels (h, w, 3), for it has none.
    """
    record = analyzed.record
    assert record.tile is not None
    parts = (record.analysis, thumbnail.tobytes(), record.tile.tobytes())
    memory[: sum(map(len, parts))] = b"".join(parts)
    record_fields = {
        name: getattr(record, name) for name in RecordMessage.model_fields if hasattr(record, name)
    }
    message = RecordMessage(
        **{
            **record_fields,
            "analysis_bytes": len(record.analysis),
            "thumbnail": (thumbnail.shape[1], thumbnail.shape[0]),
            "timings_ms": analyzed.timings_ms,
        }
    )
    return _encode_line(ChildReply(found=message))


def decode_record_reply(
    line: bytes, read_memory: Callable[[int, int], bytes]
) -> AnalyzedRecord | tuple[str, str]:
    """What a child told, or an error's code and detail.

    ``part(start, count)``: bytes of the shared memory. Raises ``ValueError`` if this is no reply.
    """
    reply = ChildReply.model_validate_json(line)
    message = reply.found
    if message is None:
        return reply.code, reply.detail
    analysis = read_memory(0, message.analysis_bytes)
    if not _is_object(analysis):
        raise ValueError("this is no answer")
    width, height = message.thumbnail
    shapes = ((height, width, _RGB), (AVERAGE_TILE_PX, AVERAGE_TILE_PX, _RGB))
    starts = (len(analysis), len(analysis) + math.prod(shapes[0]))
    thumbnail, tile = (
        np.frombuffer(read_memory(start, math.prod(shape)), np.uint8).reshape(shape)
        for start, shape in zip(starts, shapes, strict=True)
    )
    record_fields = message.model_dump(exclude={"analysis_bytes", "thumbnail", "timings_ms"})
    record = PictureRecord(
        **{**record_fields, "outcome": str(message.outcome), "verdict": str(message.verdict)},
        analysis=analysis,
        thumbnail=encode_jpeg(thumbnail),
        tile=tile,
    )
    return AnalyzedRecord(record, {str(stage): ms for stage, ms in message.timings_ms.items()})


def _is_object(text: bytes) -> bool:
    """Raises ``ValueError`` if ``text`` is no JSON at all."""
    try:
        return isinstance(json.loads(text), dict)
    except RecursionError as error:
        raise ValueError("this is too deep") from error


def _encode_line(reply: ChildReply) -> bytes:
    return reply.model_dump_json().encode() + b"\n"
