"""Headers of picture files, read before any pixel is decoded.

Decoders get the pixel data only: text, thumbnails and further frames are removed here first,
because decoding them can be slow, log warnings or use unbounded memory. This package allocates at
most a few copies of the file, and every loop is bounded.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Final

from app.errors import ImageTruncated
from app.image.containers.avif import read_avif
from app.image.containers.container import Container
from app.image.containers.formats import detect_format
from app.image.containers.gif import read_gif
from app.image.containers.jpeg import read_jpeg
from app.image.containers.png import read_png
from app.image.containers.webp import read_webp

READERS: Final[Mapping[str, Callable[[bytes], Container]]] = {
    "JPEG": read_jpeg,
    "PNG": read_png,
    "WEBP": read_webp,
    "GIF": read_gif,
    "AVIF": read_avif,
}


def open_container(data: bytes) -> Container:
    """The container in ``data``; its signature decides the format.

    Raises ``NotAnImage``, ``ImageUnsupported``, ``ImageTruncated`` or ``ImageBomb``.
    """
    read = READERS[detect_format(data)]
    try:
        return read(data)
    except (IndexError, struct.error) as error:
        raise ImageTruncated("The file ends within its headers; send the whole file.") from error
