"""Messages between the service and a child process that analyzes a picture.

A request holds the length of the file, which lies in the shared memory, its SHA-256, both priors
and what is to be drawn. The reply is one line of JSON; what is large takes the file's place in the
memory: the answer, the pixels of the thumbnail, of the tile and of the drawings that are kept, and
the overlay's PNG, in this order. The child has decoded untrusted bytes and may be under their
control: its answer is checked against the schema that callers see, and what is kept is encoded
here.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from app.analysis.record import Unrounded, build_record, decode_answer, encode_answer
from app.analysis.schemas import AnalysisOut
from app.arrays import RgbArray
from app.evidence import Depth
from app.image.thumbnails import THUMBNAIL_PX, encode_jpeg
from app.records import AVERAGE_TILE_PX, DrawingScope, PictureRecord
from app.render.overlay.kept_drawings import encode_kept

MAX_ANALYSIS_BYTES: Final = 1_000_000
MAX_OVERLAY_BYTES: Final = 12_000_000
"""Of the overlay and of the drawings' pixels together."""
INTERNAL_FAULT: Final = "internal"
"""A fault of ours, and not of the picture."""
MAX_DRAWINGS: Final = 16
_MAX_DETAIL_CHARS: Final = 300
_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_REQUEST: Final = struct.Struct("<Qdd?BB32s")
_SCOPES: Final[tuple[DrawingScope, ...]] = get_args(DrawingScope)
_DEPTHS: Final = tuple(Depth)

StageName = Literal["decode", "landmarks", "checks", "overlay"]
ShortText = Annotated[str, Field(max_length=64)]
DrawingName = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,40}$")]
DrawingSidePx = Annotated[int, Field(ge=1, le=4_000)]
ThumbnailSidePx = Annotated[int, Field(ge=1, le=THUMBNAIL_PX)]


@dataclass(frozen=True)
class AnalysisRequest:
    """``length``: bytes of the file. ``sha256``: of the file, hex."""

    length: int
    prior: float
    base_rate: float
    overlay: bool
    sha256: str
    drawings: DrawingScope = "none"
    depth: Depth = Depth.NEEDED

    def encode(self) -> bytes:
        """As one message."""
        digest = bytes.fromhex(self.sha256)
        return _REQUEST.pack(
            self.length,
            self.prior,
            self.base_rate,
            self.overlay,
            _SCOPES.index(self.drawings),
            _DEPTHS.index(self.depth),
            digest,
        )

    @classmethod
    def decode(cls, message: bytes) -> Self:
        """What ``encode`` wrote."""
        length, prior, base_rate, overlay, scope, depth, digest = _REQUEST.unpack(message)
        drawings = _SCOPES[scope]
        return cls(length, prior, base_rate, overlay, digest.hex(), drawings, _DEPTHS[depth])


class RecordMessage(BaseModel):
    """What is not in the answer itself.

    ``thumbnail``: (width, height). ``drawings``: the same of each, by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    numbers: Unrounded
    analysis_bytes: Annotated[int, Field(ge=2, le=MAX_ANALYSIS_BYTES)]
    thumbnail: tuple[ThumbnailSidePx, ThumbnailSidePx]
    drawings: Annotated[
        Mapping[DrawingName, tuple[DrawingSidePx, DrawingSidePx]], Field(max_length=MAX_DRAWINGS)
    ]
    overlay_bytes: Annotated[int, Field(ge=0, le=MAX_OVERLAY_BYTES)]
    timings_ms: Mapping[StageName, FiniteFloat]


class ChildReply(BaseModel):
    """A record; or why there is none, as an error's ``code`` and ``detail``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    record: RecordMessage | None = None
    code: ShortText = ""
    detail: str = ""


def encode_refusal(code: str, detail: str) -> bytes:
    """The reply of a child that has no answer."""
    return _encode_line(ChildReply(code=code, detail=detail[:_MAX_DETAIL_CHARS]))


def encode_record(
    answer: AnalysisOut,
    numbers: Unrounded,
    *,
    thumbnail: RgbArray,
    tile: RgbArray,
    overlay: bytes,
    timings_ms: Mapping[str, float],
    memory: mmap.mmap,
    drawings: Mapping[str, RgbArray] = MappingProxyType({}),
) -> bytes:
    """The reply with ``answer``; the large parts are written to ``memory``.

    ``thumbnail``: pixels (h, w, 3), and so are the ``drawings``. ``overlay``: PNG, or empty.
    """
    analysis = encode_answer(answer)
    _write(memory, analysis, thumbnail, tile, *drawings.values(), overlay)
    message = RecordMessage(
        numbers=numbers,
        analysis_bytes=len(analysis),
        thumbnail=_size(thumbnail),
        drawings={name: _size(rgb) for name, rgb in drawings.items()},
        overlay_bytes=len(overlay),
        timings_ms=timings_ms,
    )
    return _encode_line(ChildReply(record=message))


def decode_record_reply(
    line: bytes, read_memory: Callable[[int, int], bytes], sha256: str
) -> PictureRecord | tuple[str, str]:
    """The record in a child's reply, or an error's code and detail.

    ``read_memory(start, count)``: bytes of the shared memory. ``sha256``: of the picture that was
    asked about. Raises ``ValueError`` if this is not a reply that ``encode_record`` could have
    written about it.
    """
    reply = ChildReply.model_validate_json(line)
    message = reply.record
    if message is None:
        return reply.code, reply.detail
    shapes = [
        (height, width, 3) for width, height in (message.thumbnail, *message.drawings.values())
    ]
    shapes.insert(1, (AVERAGE_TILE_PX, AVERAGE_TILE_PX, 3))
    counts = (message.analysis_bytes, *map(math.prod, shapes), message.overlay_bytes)
    if sum(counts[3:]) > MAX_OVERLAY_BYTES:
        raise ValueError("the drawings are too large")
    analysis_part, *pixels, overlay_part = _split(read_memory(0, sum(counts)), counts)
    analysis, overlay = bytes(analysis_part), bytes(overlay_part)
    pixels[1] = memoryview(bytes(pixels[1]))  # the tile outlives the payload
    thumbnail, tile, *drawings = (
        np.frombuffer(data, np.uint8).reshape(shape)
        for data, shape in zip(pixels, shapes, strict=True)
    )
    answer = decode_answer(analysis)
    if answer.image.sha256 != sha256:
        raise ValueError("this is the answer about another picture")
    if overlay and not overlay.startswith(_PNG_SIGNATURE):
        raise ValueError("the overlay is not a PNG")
    return build_record(
        answer,
        analysis,
        message.numbers,
        thumbnail=encode_jpeg(thumbnail),
        tile=tile,
        drawings=encode_kept(dict(zip(message.drawings, drawings, strict=True))),
        overlay=overlay,
        timings_ms={str(stage): ms for stage, ms in message.timings_ms.items()},
    )


def _size(rgb: RgbArray) -> tuple[int, int]:
    """Width and height."""
    return rgb.shape[1], rgb.shape[0]


def _write(memory: mmap.mmap, *parts: bytes | RgbArray) -> None:
    """The parts one behind the other, each copied once: drawings are megabytes."""
    start = 0
    for part in parts:
        data = memoryview(part) if isinstance(part, bytes) else np.ascontiguousarray(part).data
        memory[start : start + data.nbytes] = data
        start += data.nbytes


def _split(payload: bytes, counts: tuple[int, ...]) -> list[memoryview]:
    """``payload`` cut into parts of these lengths; raises ``ValueError`` if it is shorter."""
    if len(payload) != sum(counts):
        raise ValueError("the memory ends before the reply does")
    view, ends = memoryview(payload), np.cumsum(counts).tolist()
    return [view[end - count : end] for end, count in zip(ends, counts, strict=True)]


def _encode_line(reply: ChildReply) -> bytes:
    return reply.model_dump_json().encode() + b"\n"
