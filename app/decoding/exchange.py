"""What parent and child say to each other: a length goes in, one line of JSON comes back.

The picture's bytes, and then its pixels, lie in memory that both see. Nothing that the child says
is more than data: it has looked at untrusted bytes and may speak for them.
"""

from __future__ import annotations

import json
import mmap
import socket
import struct
from dataclasses import asdict, dataclass
from typing import Final

from app.picture import WORKING_SIDE_PX

REQUEST: Final = struct.Struct("<Q")
READY: Final = b"ready\n"
PIXELS_BYTES: Final = WORKING_SIDE_PX * WORKING_SIDE_PX * 3
_MAX_REPLY_BYTES: Final = 4096


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
    """``reply`` as one line; long details are cut."""
    return json.dumps(asdict(reply)).encode()[: _MAX_REPLY_BYTES - 1] + b"\n"


def read(line: bytes) -> Reply:
    """Raises ``ValueError`` if it is not a reply that ``write`` could have written."""
    said = json.loads(line)
    width, height = map(int, said["size"])
    wide, high = map(int, said["declared_size"])
    least = 0 if said["code"] else 1
    if not (least <= width <= WORKING_SIDE_PX and least <= height <= WORKING_SIDE_PX):
        raise ValueError("these pixels cannot be there")
    return Reply(
        code=str(said["code"]),
        detail=str(said["detail"]),
        format=str(said["format"]),
        animated=bool(said["animated"]),
        size=(width, height),
        declared_size=(wide, high),
    )


def receive_line(connection: socket.socket) -> bytes:
    """One line with its end; shorter where the other side is gone. May raise ``TimeoutError``."""
    line = b""
    while not line.endswith(b"\n") and len(line) < _MAX_REPLY_BYTES:
        part = connection.recv(_MAX_REPLY_BYTES)
        if not part:
            break
        line += part
    return line


def shared(fd: int, max_bytes: int) -> mmap.mmap:
    """The memory behind ``fd``: room for a file of ``max_bytes``, or for the pixels of one."""
    return mmap.mmap(fd, room(max_bytes))


def room(max_bytes: int) -> int:
    """How much memory is shared, bytes."""
    return max(max_bytes, PIXELS_BYTES, 1)
