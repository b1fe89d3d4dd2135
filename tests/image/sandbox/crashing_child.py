"""A decoding child that some pictures kill: ``python -m tests.image.sandbox.crashing_child``."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from unittest import mock

from app.image import picture
from app.image.containers.container import Container
from app.image.containers.formats import detect_format
from app.image.picture import DecodeLimits, Picture, decode
from app.image.sandbox import child
from tests.image.sandbox import decoding_child

SEGFAULT, ABORT, BUSY_LOOP, EXHAUST_MEMORY, FALSE_REPLY = (
    b"SEGFAULT",
    b"ABORT",
    b"SPIN",
    b"EAT",
    b"LIE",
)
SLEEP = b"SLEEP"
UNREAD = b"UNREAD"
"""Headers are not read before the decoder gets the file."""


def fragile_decode(data: bytes, limits: DecodeLimits) -> Picture:
    """Decodes, unless the bytes end in a marker of the above, or files can be opened."""
    if read_forbidden_files():
        os._exit(1)
    if data.endswith(SEGFAULT):
        os.kill(os.getpid(), signal.SIGSEGV)
    if data.endswith(ABORT):
        os.abort()
    while data.endswith(BUSY_LOOP):
        pass
    while data.endswith(SLEEP):
        time.sleep(1)
    if data.endswith(EXHAUST_MEMORY):
        blocks = [bytes(2**28)]
        while blocks:
            blocks.append(bytes(2**28))
    if data.endswith(UNREAD):
        return decode_unread(data.removesuffix(UNREAD), limits)
    if data.endswith(FALSE_REPLY):
        os.write(int(sys.argv[1]), b'{"code": "", "size": [99999, 99999]}\n')
    return decode(data, limits)


def decode_unread(data: bytes, limits: DecodeLimits) -> Picture:
    """What the decoder makes of a file of which no header was read."""
    unread = Container(detect_format(data), None, data)
    with (
        mock.patch.object(picture, "open_container", return_value=unread),
        mock.patch.object(picture, "_check_pixel_limits"),
    ):
        return decode(data, limits)


def read_forbidden_files() -> list[str]:
    """Contents of files that code in this process can open; there must be none."""
    contents = []
    for path in ("/etc/passwd", "/proc/self/environ", "/dev/null"):
        try:
            contents.append(Path(path).read_text())
        except OSError:
            continue
    return contents


if __name__ == "__main__":
    setattr(child, "CPU_LIMIT_S", 1)  # noqa: B010 - a constant elsewhere
    setattr(decoding_child, "decode", fragile_decode)  # noqa: B010
    decoding_child.main(sys.argv[1:])
