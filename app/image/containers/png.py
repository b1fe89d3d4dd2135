"""PNG chunks (W3C PNG, third edition)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from app.errors import ImageBomb, ImageTruncated
from app.image.containers.container import (
    MAX_NEXT_FRAMES,
    MAX_PARTS,
    MAX_PROFILE_BYTES,
    Container,
)

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_FRAME_CONTROL_BYTES: Final = 26


@dataclass
class _Frame:
    """A frame of an animation. ``control``: the body of its fcTL chunk."""

    control: bytes
    pixels: list[bytes] = field(default_factory=list)


def read_png(data: bytes) -> Container:
    """Header, palette, transparency and pixels; of an APNG, the first frame that is shown.

    The default picture of an APNG is not part of the animation, and so not shown by viewers that
    support it, unless an fcTL chunk before its pixels makes it the first frame.
    """
    chunks: dict[bytes, bytes] = {}
    default: list[bytes] = []
    frames: list[_Frame] = []
    is_default_shown = True
    for kind, body in _iter_chunks(data):
        if kind == b"IDAT":
            default.append(body)
        elif kind == b"fcTL" and b"acTL" in chunks and len(body) == _FRAME_CONTROL_BYTES:
            is_default_shown = is_default_shown and (bool(frames) or not default)
            frames.append(_Frame(body, [] if frames or default else default))
        elif kind == b"fdAT" and frames:
            frames[-1].pixels.append(body[4:])
        elif kind in (b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"iCCP", b"acTL"):
            chunks.setdefault(kind, body)
    if b"IHDR" not in chunks or not default:
        raise ImageTruncated("This PNG has no picture in it; send the whole file.")
    frame_count = struct.unpack_from(">I", chunks.get(b"acTL", b"").ljust(4, b"\x00"))[0]
    files, size = _frame_files(chunks, frames), struct.unpack_from(">II", chunks[b"IHDR"])
    if is_default_shown or not files:
        files = [_encode_file(chunks, default, size), *files[1:]]
    else:
        size = struct.unpack_from(">II", frames[0].control, 4)
    return Container(
        "PNG",
        size,
        files[0],
        chunks.get(b"eXIf", b""),
        _inflate_profile(chunks.get(b"iCCP", b"")),
        animated=frame_count > 1 or not is_default_shown,
        next_frames=tuple(files[1:]),
    )


def _frame_files(chunks: Mapping[bytes, bytes], frames: Sequence[_Frame]) -> list[bytes]:
    """The first frames as separate files, up to one that exceeds the size of the animation."""
    canvas = struct.unpack_from(">II", chunks[b"IHDR"])
    files = []
    for frame in frames[: MAX_NEXT_FRAMES + 1]:
        size = struct.unpack_from(">II", frame.control, 4)
        if not frame.pixels or size[0] > canvas[0] or size[1] > canvas[1]:
            break
        files.append(_encode_file(chunks, frame.pixels, size))
    return files


def _encode_file(
    chunks: Mapping[bytes, bytes], pixels: Sequence[bytes], size: tuple[int, int]
) -> bytes:
    header = struct.pack(">II", *size) + chunks[b"IHDR"][8:]
    parts = [_encode_chunk(b"IHDR", header)]
    parts += [_encode_chunk(kind, chunks[kind]) for kind in (b"PLTE", b"tRNS") if kind in chunks]
    parts += [_encode_chunk(b"IDAT", b"".join(pixels)), _encode_chunk(b"IEND", b"")]
    return PNG_SIGNATURE + b"".join(parts)


def _iter_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(PNG_SIGNATURE)
    for _ in range(MAX_PARTS):
        if at == len(data):  # without IEND, the pixels may still be complete
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            raise ImageTruncated("This PNG ends early; send the whole file.")
        critical = kind[0] & 0x20 == 0
        if critical and zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4]):
            raise ImageTruncated("This PNG is damaged (a checksum is wrong); re-save it.")
        yield kind, data[at + 8 : end]
        if kind == b"IEND":
            return
        at = end + 4
    raise ImageBomb("This PNG has too many chunks; re-save it.")


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
