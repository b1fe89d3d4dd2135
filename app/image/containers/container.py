"""Container: a picture file, read as far as its headers go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

Size = tuple[int, int]
"""(width, height), px."""

MAX_PARTS: Final = 100_000
"""Chunks, segments or blocks in a file; the walk over so many takes a fraction of a second."""
MAX_NEXT_FRAMES: Final = 4
"""Frames behind the first that are tried where it is blank."""
MAX_PROFILE_BYTES: Final = 1_000_000
"""Of an unpacked ICC profile; larger ones are left out."""


@dataclass(frozen=True)
class Container:
    """A file, read as far as its headers go.

    ``size``: (width, height) of the first picture as stored, before it is turned upright; ``None``
    where only the decoder can tell. ``stripped_file``: a file that holds the first picture's
    pixels and little else. ``exif``: the TIFF block, perhaps empty. ``animated``: more than one
    frame. ``decode_cost_px``: pixels that are unpacked on the way, where that may be more than
    ``size`` says. ``next_frames``: files like ``stripped_file`` for the next few frames of an
    animation, in case the first one is blank.
    """

    format: str
    size: Size | None
    stripped_file: bytes
    exif: bytes = b""
    icc_profile: bytes | None = None
    animated: bool = False
    decode_cost_px: int = 0
    next_frames: tuple[bytes, ...] = ()
