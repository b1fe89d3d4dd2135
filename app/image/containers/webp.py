"""WebP headers (RFC 9649)."""

from __future__ import annotations

import struct

from app.errors import ImageTruncated
from app.image.containers.container import Container


def read_webp(data: bytes) -> Container:
    """The file unchanged, with the size of the canvas that a decoder would allocate."""
    (riff,) = struct.unpack_from("<I", data, 4)
    if riff + 8 > len(data):
        raise ImageTruncated("This WebP ends early; send the whole file.")
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    else:
        raise ImageTruncated("This WebP has no picture in it; send the whole file.")
    return Container("WEBP", (width, height), data)
