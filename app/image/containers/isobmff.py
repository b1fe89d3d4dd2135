"""Boxes of an ISO base media file (ISO/IEC 14496-12)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from app.errors import ImageBomb

BoxSpan = tuple[bytes, int, int]
"""Type of a box, and start and end of its content."""

MAX_BOXES: Final = 10_000
PARENT_HEADER_BYTES: Final = {
    b"meta": 4,
    b"iprp": 0,
    b"ipco": 0,
    b"iinf": 6,
    b"moov": 0,
    b"trak": 0,
    b"mdia": 0,
    b"minf": 0,
    b"stbl": 0,
}
"""Boxes that contain boxes, and the length of their own header fields, bytes."""


def read_brands(data: bytes) -> frozenset[bytes]:
    """Major and compatible brands of the file; empty if it is not an ISO base media file."""
    if data[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(data[:4]), len(data), 1024)
    return frozenset({data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))})


def walk_boxes(data: bytes) -> Iterator[BoxSpan]:
    """Every box that lies within its parent. May raise ``ImageBomb``."""
    pending = [(0, len(data))]
    for _ in range(MAX_BOXES):
        if not pending:
            return
        at, end = pending.pop()
        if at + 8 > end:
            continue
        kind, start, stop = _read_box(data, at, end)
        if start <= stop <= end:
            pending.append((stop, end))
            yield kind, start, stop
            if kind in PARENT_HEADER_BYTES:
                extra_bytes = 2 if kind == b"iinf" and data[start : start + 1] != b"\x00" else 0
                pending.append((start + PARENT_HEADER_BYTES[kind] + extra_bytes, stop))
    raise ImageBomb("This AVIF has too many boxes; re-save it.")


def child_boxes(data: bytes, start: int, end: int) -> Iterator[BoxSpan]:
    """The boxes between ``start`` and ``end``, without those that they contain."""
    for _ in range(MAX_BOXES):
        if start + 8 > end:
            return
        kind, content, stop = _read_box(data, start, end)
        if not content <= stop <= end:
            return
        yield kind, content, stop
        start = stop


def _read_box(data: bytes, at: int, end: int) -> BoxSpan:
    length, kind = struct.unpack_from(">I4s", data, at)
    if length == 1:  # the length follows as 64 bits
        return kind, at + 16, at + int.from_bytes(data[at + 8 : at + 16])
    return kind, at + 8, at + length if length else end
