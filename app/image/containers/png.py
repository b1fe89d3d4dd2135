"""PNG chunks (W3C PNG, third edition)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from app.errors import ImageBomb, ImageTruncated
from app.image.containers.container import MAX_PARTS, MAX_PROFILE_BYTES, Container

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def read_png(data: bytes) -> Container:
    """Header, palette, transparency and pixels only; of an APNG, its default picture."""
    found: dict[bytes, bytes] = {}
    pixels: list[bytes] = []
    for kind, body in _chunks(data):
        if kind == b"IDAT":
            pixels.append(body)
        elif kind in (b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"iCCP", b"acTL"):
            found.setdefault(kind, body)
    if b"IHDR" not in found or not pixels:
        raise ImageTruncated("This PNG has no picture in it; send the whole file.")
    found[b"IDAT"] = b"".join(pixels)
    kept = (b"IHDR", b"PLTE", b"tRNS", b"IDAT")
    core = b"".join(_chunk(kind, found[kind]) for kind in kept if kind in found)
    width, height = struct.unpack_from(">II", found[b"IHDR"])
    frames = struct.unpack_from(">I", found.get(b"acTL", b"").ljust(4, b"\x00"))[0]
    return Container(
        "PNG",
        (width, height),
        SIGNATURE + core + _chunk(b"IEND", b""),
        found.get(b"eXIf", b""),
        _unpacked_profile(found.get(b"iCCP", b"")),
        animated=frames > 1,
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
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


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + zlib.crc32(kind + body).to_bytes(4)


def _unpacked_profile(body: bytes) -> bytes | None:
    _, _, packed = body.partition(b"\x00")
    inflate = zlib.decompressobj()
    try:
        profile = inflate.decompress(packed[1:], MAX_PROFILE_BYTES)
    except zlib.error:  # a profile is optional: the pixels can be read without it
        return None
    return profile if inflate.eof else None
