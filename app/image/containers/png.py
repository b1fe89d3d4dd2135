"""PNG chunks (W3C PNG, third edition)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from app.errors import ImageBomb, ImageTruncated
from app.image.containers.container import MAX_PARTS, MAX_PROFILE_BYTES, Container

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def read_png(data: bytes) -> Container:
    """Header, palette, transparency and pixels only; of an APNG, its default picture."""
    chunks: dict[bytes, bytes] = {}
    pixels: list[bytes] = []
    for kind, body in _iter_chunks(data):
        if kind == b"IDAT":
            pixels.append(body)
        elif kind in (b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"iCCP", b"acTL"):
            chunks.setdefault(kind, body)
    if b"IHDR" not in chunks or not pixels:
        raise ImageTruncated("This PNG has no picture in it; send the whole file.")
    chunks[b"IDAT"] = b"".join(pixels)
    core_kinds = (b"IHDR", b"PLTE", b"tRNS", b"IDAT")
    core = b"".join(_encode_chunk(kind, chunks[kind]) for kind in core_kinds if kind in chunks)
    width, height = struct.unpack_from(">II", chunks[b"IHDR"])
    frames = struct.unpack_from(">I", chunks.get(b"acTL", b"").ljust(4, b"\x00"))[0]
    return Container(
        "PNG",
        (width, height),
        PNG_SIGNATURE + core + _encode_chunk(b"IEND", b""),
        chunks.get(b"eXIf", b""),
        _inflate_profile(chunks.get(b"iCCP", b"")),
        animated=frames > 1,
    )


def _iter_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(PNG_SIGNATURE)
    for _ in range(MAX_PARTS):
        if at == len(data):  # without IEND: the pixels may be whole all the same
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            raise ImageTruncated("This PNG ends early; send the whole file.")
        critical = kind[0] & 0x20 == 0
        if critical and zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4]):
            raise ImageTruncated("This PNG is damaged (a checksum is wrong); save it anew.")
        yield kind, data[at + 8 : end]
        if kind == b"IEND":
            return
        at = end + 4
    raise ImageBomb("This PNG has too many chunks; save it anew.")


def _encode_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + zlib.crc32(kind + body).to_bytes(4)


def _inflate_profile(body: bytes) -> bytes | None:
    _, _, packed = body.partition(b"\x00")
    inflate = zlib.decompressobj()
    try:
        profile = inflate.decompress(packed[1:], MAX_PROFILE_BYTES)
    except zlib.error:  # a profile is optional: the pixels can be read without it
        return None
    return profile if inflate.eof else None
