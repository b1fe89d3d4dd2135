"""AVIF boxes (ISO/IEC 14496-12 and 23008-12): how large a picture the file would really unpack to.

An AVIF file states its size twice: in a box (``ispe``) and in its AV1 streams. Decoders unpack what
the stream says and then scale, so a file that claims 64 × 64 may cost 16,384 × 16,384.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from app.containers.av1 import stated_sizes
from app.containers.container import Container, Size

MAX_BOXES: Final = 10_000
MAX_STREAMS: Final = 1_000
_PARENTS: Final = {
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
"""Boxes that hold boxes, and how many bytes of their own come first."""


def read_avif(data: bytes) -> Container:
    """The file without its EXIF, and the largest size that it states.

    EXIF does not say how an AVIF picture is turned (boxes do), and a corrupt one makes decoders
    warn; its item is renamed in place, so that nobody looks for it.
    """
    sizes: list[Size] = []
    quiet = bytearray(data)
    found = list(boxes(data))
    for kind, start, end in found:
        if kind == b"ispe" and end - start >= 12:
            sizes.append(struct.unpack_from(">II", data, start + 4))
        elif kind == b"infe" and (at := data.find(b"Exif", start, min(end, start + 16))) >= 0:
            quiet[at : at + 4] = b"none"
    for start, end in _streams(data, found):
        sizes += stated_sizes(data, start, end)
    largest = max(sizes, key=lambda size: size[0] * size[1], default=None)
    return Container("AVIF", largest, bytes(quiet))


def brands(data: bytes) -> frozenset[bytes]:
    """Major and compatible brands of an ISO base media file; empty for anything else."""
    if data[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(data[:4]), len(data), 1024)
    return frozenset({data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))})


def boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, and start and end of the content, of every box that lies within its parent."""
    pending = [(0, len(data))]
    for _ in range(MAX_BOXES):
        if not pending:
            return
        at, end = pending.pop()
        if at + 8 > end:
            continue
        length, kind = struct.unpack_from(">I4s", data, at)
        start, stop = at + 8, at + length if length else end
        if start <= stop <= end:
            pending.append((stop, end))
            yield kind, start, stop
            if kind in _PARENTS:
                pending.append((start + _PARENTS[kind], stop))


def _streams(data: bytes, found: list[tuple[bytes, int, int]]) -> Iterator[tuple[int, int]]:
    """Where pixels may be stored: of items, and of the tracks of an animation."""
    inline = next((start for kind, start, _ in found if kind == b"idat"), 0)
    for kind, start, end in found:
        if kind == b"iloc":
            yield from _extents(data[start:end], inline, len(data))
        elif kind == b"stco" and end - start >= 12:
            (first,) = struct.unpack_from(">I", data, start + 8)
            yield first, len(data)


def _extents(box: bytes, inline: int, end: int) -> Iterator[tuple[int, int]]:
    """Start and end of every extent that ``iloc`` lists."""
    version, sizes = box[0], int.from_bytes(box[4:6])
    offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    id_size = 4 if version == 2 else 2
    fields = _Fields(box, 6)
    for _ in range(min(fields.take(id_size), MAX_STREAMS)):
        fields.take(id_size)
        method = fields.take(2) & 15 if version else 0
        fields.take(2)
        start = fields.take(base) + (inline if method == 1 else 0)
        for _ in range(min(fields.take(2), MAX_STREAMS)):
            fields.take(index if version else 0)
            at, size = start + fields.take(offset), fields.take(length)
            yield at, at + size if size else end


class _Fields:
    """Big-endian numbers, one behind the other; past the end there are zeros."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at

    def take(self, size: int) -> int:
        self._at += size
        return int.from_bytes(self._data[self._at - size : self._at])
