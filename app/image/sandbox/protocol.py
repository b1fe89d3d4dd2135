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

from app.image.picture import FORMATS, WORKING_SIDE_PX

REQUEST: Final = struct.Struct("<Q")
MAX_REQUEST_BYTES: Final = 64
READY: Final = b"ready\n"
MAX_REPLY_BYTES: Final = 4096
PIXELS_BYTES: Final = WORKING_SIDE_PX * WORKING_SIDE_PX * 3
_MAX_DETAIL: Final = 300
"""Characters; twelve bytes each at worst, and room for the rest."""


@dataclass(frozen=True)
class Reply:
    """Either ``code`` and ``detail`` of an error, or what is known of the pixels.

    ``size``: (width, height) of the pixels; ``declared_size`` as in ``Picture``.
    """

    code: str = ""
    detail: str = ""
    format: str = ""
    animated: bool = False
    size: tuple[int, int] = (0, 0)
    declared_size: tuple[int, int] = (0, 0)


def write(reply: Reply) -> bytes:
    """``reply`` as one line; a long detail is cut."""
    return json.dumps({**asdict(reply), "detail": reply.detail[:_MAX_DETAIL]}).encode() + b"\n"


def read(line: bytes) -> Reply:
    """Raises ``ValueError`` if it is not a reply that ``write`` could have written."""
    try:
        said = json.loads(line)
        width, height = map(int, said["size"])
        wide, high = map(int, said["declared_size"])
        code, kind = str(said["code"]), str(said["format"])
        detail = str(said["detail"]).encode("utf-8", "replace").decode()
        animated = bool(said["animated"])
    except (KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError("this is no reply") from error
    least = 0 if code else 1
    if not (least <= width <= WORKING_SIDE_PX and least <= height <= WORKING_SIDE_PX):
        raise ValueError("these pixels cannot be there")
    if not code and (kind not in FORMATS or wide < 1 or high < 1):
        raise ValueError("there is no such picture")
    return Reply(code, detail, kind, animated, (width, height), (wide, high))


def shared(fd: int, max_bytes: int) -> mmap.mmap:
    """The memory behind ``fd``: room for a file of ``max_bytes``, or for the pixels of one."""
    return mmap.mmap(fd, room(max_bytes))


def room(max_bytes: int) -> int:
    """How much memory is shared, bytes."""
    return max(max_bytes, PIXELS_BYTES, 1)
