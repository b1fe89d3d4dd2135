"""AVIF boxes, and the AV1 stream inside: how large a picture the file would really unpack to.

An AVIF file states its size twice: in a box (``ispe``) and in the AV1 stream. Decoders unpack what
the stream says and then scale, so a file that claims 64 × 64 may cost 16,384 × 16,384.
Boxes: ISO/IEC 14496-12 and 23008-12; stream: AV1 bitstream specification, 5.5.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from app.containers.container import Container, Size

MAX_BOXES: Final = 10_000
_PARENTS: Final = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"iinf": 6}
"""Boxes that hold boxes, and how many bytes of their own come first."""


def read_avif(data: bytes) -> Container:
    """The file without its EXIF, and the largest size that it states.

    EXIF does not say how an AVIF picture is turned (boxes do), and a corrupt one makes decoders
    warn; its item is renamed in place, so that nobody looks for it.
    """
    sizes: list[Size] = []
    quiet = bytearray(data)
    for kind, start, end in boxes(data):
        if kind == b"ispe" and end - start >= 12:
            sizes.append(struct.unpack_from(">II", data, start + 4))
        elif kind == b"infe" and (at := data.find(b"Exif", start, min(end, start + 16))) >= 0:
            quiet[at : at + 4] = b"none"
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
