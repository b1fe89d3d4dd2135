"""AVIF: the size that a file really decodes to (ISO/IEC 23008-12, AV1-ISOBMFF).

An AVIF file states its size twice: in a box (``ispe``) and in its AV1 streams. Decoders decode the
size of the stream and then scale it, so a file that states 64 × 64 px may cost 16,384 × 16,384 px.
A picture may also be a grid of many.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from typing import Final

from app.errors import ImageBomb
from app.image.containers.av1 import frame_sizes
from app.image.containers.container import Container, Size
from app.image.containers.isobmff import PARENT_HEADER_BYTES, BoxSpan, child_boxes, walk_boxes

MAX_STREAMS: Final = 1_000
_UNIQUE_BOXES: Final = (b"pitm", b"iinf", b"iloc", b"iprp", b"idat", b"iref")
_MAX_GATHER_RATIO: Final = 4
"""Limit on the total length of all extents, as a multiple of the file's: extents may overlap."""


def read_avif(data: bytes) -> Container:
    """The file without its EXIF, and the largest size that it states.

    The orientation of an AVIF picture is in boxes, not in EXIF, and decoders log warnings about
    corrupt EXIF; so its item is renamed in place, and decoders do not find it.
    """
    without_exif = bytearray(data)
    all_boxes = list(walk_boxes(data))
    sizes: list[Size] = []
    for kind, start, end in all_boxes:
        if kind == b"ispe" and end - start >= 12:
            sizes.append(struct.unpack_from(">II", data, start + 4))
        elif kind == b"infe" and (at := data.find(b"Exif", start, min(end, start + 16))) >= 0:
            without_exif[at : at + 4] = b"none"
    sizes_by_stream = [_item_sizes(stream) for stream in _iter_streams(data, all_boxes)]
    sizes += [size for stream in sizes_by_stream for size in stream]
    work_px = sum(max((w * h for w, h in stream), default=0) for stream in sizes_by_stream)
    largest = max(sizes, key=lambda size: size[0] * size[1], default=None)
    return Container("AVIF", largest, bytes(without_exif), decode_cost_px=work_px)


def _idat_starts(data: bytes, all_boxes: list[BoxSpan]) -> dict[int, int]:
    """Where the ``idat`` begins that belongs to each ``iloc``, by where that begins; 0 for none.

    A file has one ``meta``, tracks may have one each, and each has one of these (ISO/IEC 14496-12).
    Raises ``ImageBomb`` for more: a decoder might take another one than this reader.
    """
    top_level = Counter(kind for kind, _, _ in child_boxes(data, 0, len(data)))
    elsewhere = {box for box in all_boxes if box[0] in _UNIQUE_BOXES}
    starts: dict[int, int] = {}
    for kind, start, end in all_boxes:
        if kind != b"meta":
            continue
        children = list(child_boxes(data, start + PARENT_HEADER_BYTES[kind], end))
        counts = Counter(kind for kind, _, _ in children)
        by_kind = {kind: at for kind, at, _ in children}
        elsewhere.difference_update(children)
        if top_level[b"meta"] > 1 or any(counts[kind] > 1 for kind in _UNIQUE_BOXES):
            raise _ambiguous_error()
        if b"iloc" in by_kind:
            starts[by_kind[b"iloc"]] = by_kind.get(b"idat", 0)
    if elsewhere:
        raise _ambiguous_error()
    return starts


def _ambiguous_error() -> ImageBomb:
    return ImageBomb("This AVIF describes its picture more than once; re-save it.")


def _item_sizes(stream: bytes) -> list[Size]:
    """The sizes stated by an item: an AV1 stream, or a grid of other items."""
    if stream[:2] == b"\x00\x00" and len(stream) == 8:
        return [struct.unpack_from(">HH", stream, 4)]
    if stream[:2] == b"\x00\x01" and len(stream) == 12:
        return [struct.unpack_from(">II", stream, 4)]
    return list(frame_sizes(stream))


def _iter_streams(data: bytes, all_boxes: list[BoxSpan]) -> Iterator[bytes]:
    """All data that a decoder may get: items, and the first frames of an animation's tracks."""
    idat_starts = _idat_starts(data, all_boxes)
    count, gathered_bytes = 0, 0
    for kind, start, end in all_boxes:
        body = data[start:end]
        if kind == b"iloc":
            parts = _item_extents(body, idat_starts[start], len(data))
        elif kind in (b"stco", b"co64"):
            parts = _first_chunk(
                body, 8 if kind == b"co64" else 4, _first_frame_bytes(data, all_boxes)
            )
        else:
            continue
        for extents in parts:
            stream = b"".join(data[at:stop] for at, stop in extents)
            count, gathered_bytes = count + 1, gathered_bytes + len(stream)
            if count > MAX_STREAMS or gathered_bytes > _MAX_GATHER_RATIO * len(data):
                raise ImageBomb("This AVIF holds too many pictures; re-save it.")
            yield stream


def _first_chunk(box: bytes, offset_bytes: int, max_bytes: int) -> Iterator[list[tuple[int, int]]]:
    if len(box) >= 8 + offset_bytes:
        first = int.from_bytes(box[8 : 8 + offset_bytes])
        yield [(first, first + max_bytes)]


def _first_frame_bytes(data: bytes, all_boxes: list[BoxSpan]) -> int:
    """The length of the longest first frame of any track, bytes."""
    max_bytes = 0
    for kind, start, end in all_boxes:
        if kind == b"stsz" and end - start >= 12:
            uniform_bytes, count = struct.unpack_from(">II", data, start + 4)
            first_bytes = (
                int.from_bytes(data[start + 12 : start + 16]) if count and not uniform_bytes else 0
            )
            max_bytes = max(max_bytes, uniform_bytes, first_bytes)
    return max_bytes


def _item_extents(box: bytes, idat_start: int, end: int) -> Iterator[list[tuple[int, int]]]:
    """Start and end of every extent in an ``iloc`` box, item by item."""
    version, sizes = box[0], int.from_bytes(box[4:6])
    offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    id_size = 4 if version == 2 else 2
    fields = _FieldReader(box, 6)
    for _ in range(fields.read(id_size)):
        if fields.is_at_end:
            return
        fields.read(id_size)
        method = fields.read(2) & 15 if version else 0
        fields.read(2)
        start = fields.read(base) + (idat_start if method == 1 else 0)
        extents = []
        for _ in range(fields.read(2)):
            fields.read(index if version else 0)
            at, size = start + fields.read(offset), fields.read(length)
            extents.append((at, at + size if size else end))
            if len(extents) > MAX_STREAMS:
                raise ImageBomb("This AVIF is in too many pieces; re-save it.")
        yield extents


class _FieldReader:
    """Reads consecutive big-endian numbers from ``data``; zeros after its end."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at

    @property
    def is_at_end(self) -> bool:
        return self._at >= len(self._data)

    def read(self, size: int) -> int:
        self._at += size
        return int.from_bytes(self._data[self._at - size : self._at])
