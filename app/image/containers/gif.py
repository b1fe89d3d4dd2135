"""GIF blocks (CompuServe GIF89a)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from app.errors import ImageBomb, ImageTruncated
from app.image.containers.container import MAX_NEXT_FRAMES, MAX_PARTS, Container


def read_gif(data: bytes) -> Container:
    """The first frame, and the next few, each as a separate file with the logical screen."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + _palette_bytes(flags)
    screen, control, size = data[:at], b"", (width, height)
    frames: list[bytes] = []
    for kind, start, end in _iter_blocks(data, at):
        if kind == 0x21 and data[start + 1] == 0xF9:
            control = data[start:end]
        elif kind == 0x2C:
            image = data[start:end]
            left, top, frame_width, frame_height = struct.unpack_from("<4H", image, 1)
            if not frames:
                size = max(width, left + frame_width), max(height, top + frame_height)
            elif left + frame_width > size[0] or top + frame_height > size[1]:
                break  # it exceeds the size of the first frame and the screen
            frames.append(screen + control + image + b";")
            control = b""
            if len(frames) > MAX_NEXT_FRAMES:
                break
    if not frames:
        raise ImageTruncated("This GIF has no picture in it; send the whole file.")
    return Container(
        "GIF", size, frames[0], animated=len(frames) > 1, next_frames=tuple(frames[1:])
    )


def _palette_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _iter_blocks(data: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """Kind (0x21 extension, 0x2C image), start and end of each block."""
    parts = 0
    while at < len(data) and data[at] in (0x21, 0x2C):
        kind, start = data[at], at
        at += 2 if kind == 0x21 else 11 + _palette_bytes(data[at + 9])
        while at < len(data) and data[at]:
            at += 1 + data[at]
            parts += 1
            if parts > MAX_PARTS:
                raise ImageBomb("This GIF has too many blocks; re-save it.")
        at += 1
        yield kind, start, min(at, len(data))
