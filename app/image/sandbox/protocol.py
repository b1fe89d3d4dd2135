"""What parent and child say to each other: a length goes in, one line of JSON comes back.

Each is one message of a socket that keeps messages apart, so that nobody can begin one and let the
other wait for its end. The picture's bytes, and then its pixels, lie in memory that both see.
Nothing that the child says is more than data: it has looked at untrusted bytes and may speak for
them.
"""

from __future__ import annotations

import json
import mmap
import struct
from dataclasses import asdict, dataclass
from typing import Final

from app.image.picture import PICTURE_FORMATS, WORKING_SIDE_PX

REQUEST: Final = struct.Struct("<Q")
MAX_REQUEST_BYTES: Final = 64
READY: Final = b"ready\n"
MAX_REPLY_BYTES: Final = 4096
MAX_PIXELS_BYTES: Final = WORKING_SIDE_PX * WORKING_SIDE_PX * 3
_MAX_DETAIL_CHARS: Final = 300
"""Characters; twelve bytes each at worst, and room for the rest."""


@dataclass(frozen=True)
class Reply:
    """Either ``code`` and ``detail`` of an error, or what is known of the pixels.

    ``size``: (width, height) of the pixels; ``declared_size`` as in ``KnownPicture``.
    """

    code: str = ""
    detail: str = ""
    format: str = ""
    animated: bool = False
    size: tuple[int, int] = (0, 0)
    declared_size: tuple[int, int] = (0, 0)


def encode_reply(reply: Reply) -> bytes:
    """``reply`` as one line; a long detail is cut."""
    return (
        json.dumps({**asdict(reply), "detail": reply.detail[:_MAX_DETAIL_CHARS]}).encode() + b"\n"
    )


def decode_reply(line: bytes) -> Reply:
    """Raises ``ValueError`` if it is not a reply that ``encode_reply`` could have written."""
    try:
        fields = json.loads(line)
        width, height = map(int, fields["size"])
        declared_width, declared_height = map(int, fields["declared_size"])
        code, format_name = str(fields["code"]), str(fields["format"])
        detail = str(fields["detail"]).encode("utf-8", "replace").decode()
        animated = bool(fields["animated"])
    except (KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError("this is no reply") from error
    min_side_px = 0 if code else 1
    if not (min_side_px <= width <= WORKING_SIDE_PX and min_side_px <= height <= WORKING_SIDE_PX):
        raise ValueError("these pixels cannot be there")
    if not code and (
        format_name not in PICTURE_FORMATS or declared_width < 1 or declared_height < 1
    ):
        raise ValueError("there is no such picture")
    return Reply(
        code, detail, format_name, animated, (width, height), (declared_width, declared_height)
    )


def map_shared_memory(fd: int, max_bytes: int) -> mmap.mmap:
    """The memory behind ``fd``: room for a file of ``max_bytes``, or for the pixels of one."""
    return mmap.mmap(fd, shared_memory_bytes(max_bytes))


def shared_memory_bytes(max_bytes: int) -> int:
    """How much memory is shared, bytes."""
    return max(max_bytes, MAX_PIXELS_BYTES, 1)
