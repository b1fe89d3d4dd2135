"""The common result of all readers: headers of a picture file, and a file for the decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

Size = tuple[int, int]
"""(width, height), px."""

MAX_PARTS: Final = 100_000
"""Chunks, segments or blocks read in one file; reading that many takes a fraction of a second."""
MAX_NEXT_FRAMES: Final = 4
"""Frames after the first that are tried if it is blank."""
MAX_PROFILE_BYTES: Final = 1_000_000
"""Size limit of an unpacked ICC profile; larger ones are ignored."""


@dataclass(frozen=True)
class Container:
    """The headers of a picture file.

    ``size``: (width, height) of the first picture as stored, px, before its orientation is
    applied; ``None`` if only the decoder can tell. ``stripped_file``: a file with the pixels of the
    first picture and little else. ``exif``: the TIFF block, empty if there is none. ``animated``:
    more than one frame. ``decode_cost_px``: pixels that decoding unpacks, where that may exceed
    ``size``. ``next_frames``: files like ``stripped_file`` for the next few frames of an
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
