"""JPEG segments (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final

from app.errors import ImageBomb, ImageTruncated, ImageUnsupported
from app.image.containers.container import MAX_PARTS, MAX_PROFILE_BYTES, Container, Size

MAX_SCANS: Final = 100
"""Encoders write about ten; each scan costs a pass over the whole picture."""

_SCANS_PER_DECODE: Final = 4
"""Scans that together cost about as much as decoding a baseline picture once."""

_MARKER: Final = re.compile(rb"\xff([^\xff\x00])", re.DOTALL)
_UNSUPPORTED_FRAMES: Final = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF})


def read_jpeg(data: bytes) -> Container:
    """The file without APPn and COM segments, except those that define the stored colours."""
    parts, exif, size = [b"\xff\xd8"], b"", None
    profile: list[bytes] = []
    for marker, body, at in _iter_segments(data):
        if marker == 0xE1 and body.startswith(b"Exif\x00\x00"):
            exif = exif or body[6:]
        elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\x00"):
            profile.append(body[12:])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            size = size or _frame_size(marker, body)
        if _affects_pixels(marker, body):
            parts.append(struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body)
        if marker == 0xDA:
            parts.append(data[at:])
            break
    if size is None or data.count(b"\xff\xda") == 0:
        raise ImageTruncated("This JPEG has no picture in it; send the whole file.")
    scans = 1 + parts[-1].count(b"\xff\xda")
    if scans > MAX_SCANS:
        raise ImageBomb(f"This JPEG has more than {MAX_SCANS} scans; re-save it.")
    passes_px = size[0] * size[1] * scans // _SCANS_PER_DECODE
    return Container(
        "JPEG", size, b"".join(parts), exif, _join_icc_profile(profile), decode_cost_px=passes_px
    )


def _iter_segments(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Marker, body and end of each segment, up to the first scan or the end of the picture."""
    at = 2
    for _ in range(MAX_PARTS):
        match = _MARKER.search(data, at)
        if match is None:
            return
        marker, at = match[1][0], match.end()
        if marker == 0xD9:
            return
        if 0xD0 <= marker <= 0xD8 or marker == 0x01:  # no length follows
            continue
        (length,) = struct.unpack_from(">H", data, at)
        if at + max(length, 2) > len(data):
            raise ImageTruncated("This JPEG ends within its headers; send the whole file.")
        body, at = data[at + 2 : at + length], at + max(length, 2)
        yield marker, body, at
    raise ImageBomb("This JPEG has too many segments; re-save it.")


def _frame_size(marker: int, body: bytes) -> Size:
    precision, height, width = struct.unpack_from(">BHH", body)
    if marker in _UNSUPPORTED_FRAMES or precision != 8:
        raise ImageUnsupported(
            "This JPEG is lossless or does not have 8 bits per sample; save it as a baseline JPEG."
        )
    return width, height


def _affects_pixels(marker: int, body: bytes) -> bool:
    if 0xE0 <= marker <= 0xEF:  # JFIF and Adobe define the stored colours
        return (marker, body[:5]) in ((0xE0, b"JFIF\x00"), (0xEE, b"Adobe"))
    return marker != 0xFE


def _join_icc_profile(parts: list[bytes]) -> bytes | None:
    """An ICC profile from its numbered parts (ICC.1:2022, B.4), if all are present."""
    if not parts or any(len(part) < 2 for part in parts) or parts[0][1] != len(parts):
        return None
    profile = b"".join(part[2:] for part in sorted(parts, key=lambda part: part[0]))
    return profile if len(profile) <= MAX_PROFILE_BYTES else None
