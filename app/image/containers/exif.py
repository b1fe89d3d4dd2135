"""The orientation of a picture from its EXIF block."""

from __future__ import annotations

import struct
from typing import Final

_ORIENTATION_TAG: Final = 0x0112
_SHORT_TYPE: Final = 3
_BYTE_ORDERS: Final = {b"II*\x00": "<", b"MM\x00*": ">"}


def read_orientation(exif: bytes) -> int:
    """The orientation 1 to 8 (CIPA DC-008, 4.6.5) in a TIFF block; 1 if there is none.

    Corrupt EXIF is common and harmless, so it counts as none.
    """
    exif = exif.removeprefix(b"Exif\x00\x00")
    byte_order = _BYTE_ORDERS.get(exif[:4])
    if byte_order is None:
        return 1
    try:
        (start,) = struct.unpack_from(byte_order + "I", exif, 4)
        (count,) = struct.unpack_from(byte_order + "H", exif, start)
        for at in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, length, value = struct.unpack_from(byte_order + "HHIH", exif, at)
            if (tag, kind, length) == (_ORIENTATION_TAG, _SHORT_TYPE, 1):
                return value if 1 <= value <= 8 else 1
    except struct.error:  # an offset or count points outside the block
        return 1
    return 1
