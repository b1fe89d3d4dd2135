"""The process that unpacks untrusted bytes, started by ``pool``: ``python -m`` this module.

It gives up whatever it does not need before it looks at a picture: it can open no file and no
socket, dump no core, and hold only so much memory; and each picture gets a few seconds of
processor time. Where memory runs out it is the first to go. None of this is a sandbox against code
that a picture brings along. Programs that do more with a picture use the same ``serve``.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import cv2

from app.errors import ImageBomb, RequestError
from app.image.picture import DecodeLimits, decode, preload_decoders
from app.image.sandbox.protocol import (
    MAX_REQUEST_BYTES,
    READY,
    REQUEST,
    Reply,
    encode_reply,
    map_shared_memory,
)

CPU_LIMIT_S: Final = 5
"""Of processor time for a picture; 25 million pixels take less than one."""
BYTES_PER_PIXEL: Final = 16
"""RGBA as stored, converted, and whatever a decoder holds beside them."""
EXTRA_MEMORY_BYTES: Final = 384 * 2**20
"""For threads' stacks and the files themselves; address space, most of it never touched."""
OUT_OF_MEMORY_MESSAGE: Final = "This unpacks to too much; save it anew."
OOM_SCORE: Final = "1000"
"""The kernel, when it must, kills whoever has most of it: rather a decoder than the service."""


RequestHandler = Callable[[bytes], bytes]
"""A request → the reply to it, one message each; what is large lies in the shared memory."""


def main(connection_fd: int, memory_fd: int, limits: DecodeLimits) -> None:
    """Serve until the parent goes away."""
    serve(connection_fd, memory_fd, limits, lambda memory: _make_decode_handler(memory, limits))


def serve(
    connection_fd: int,
    memory_fd: int,
    limits: DecodeLimits,
    make_handler: Callable[[mmap.mmap], RequestHandler],
) -> None:
    """Answer until the parent goes away.

    ``make_handler``: what needs files, before they are out of reach; it is given the shared memory.
    """
    # Whoever stops the service stops this one by closing the connection, after the last picture.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)  # whoever started the service may ignore it
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
    cv2.setNumThreads(1)
    connection = socket.socket(fileno=connection_fd)
    handle_request = make_handler(map_shared_memory(memory_fd, limits.max_bytes))
    _apply_resource_limits(limits)
    connection.sendall(READY)
    while request := connection.recv(MAX_REQUEST_BYTES):
        _extend_cpu_limit()
        connection.sendall(handle_request(request))


def _exit_with_parent() -> None:
    """End with the parent, however it ends and whatever is being done here.

    Standard input is a pipe into which nobody writes and whose other end only the parent holds.
    """
    os.read(0, 1)
    os._exit(0)


def _make_decode_handler(memory: mmap.mmap, limits: DecodeLimits) -> RequestHandler:
    preload_decoders()

    def handle_request(asked: bytes) -> bytes:
        (length,) = REQUEST.unpack(asked)
        return encode_reply(_decode_to_reply(memory, memory[:length], limits))

    return handle_request


def _decode_to_reply(memory: mmap.mmap, data: bytes, limits: DecodeLimits) -> Reply:
    try:
        picture = decode(data, limits)
    except RequestError as error:
        return Reply(code=error.code, detail=error.detail)
    except MemoryError:
        return Reply(code=ImageBomb.code, detail=OUT_OF_MEMORY_MESSAGE)
    memory[: picture.rgb.nbytes] = picture.rgb.tobytes()
    return Reply(
        format=picture.format,
        animated=picture.animated,
        size=picture.size,
        declared_size=picture.declared_size,
    )


def _apply_resource_limits(limits: DecodeLimits) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    used_bytes = pages * resource.getpagesize()
    address_space_bytes = (
        used_bytes + EXTRA_MEMORY_BYTES + limits.max_bytes + BYTES_PER_PIXEL * limits.max_pixels
    )
    for kind, value in (
        (resource.RLIMIT_AS, address_space_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(kind, (value, value))


def _extend_cpu_limit() -> None:
    """The limit counts from the process's start: move it along. Beyond it SIGXCPU kills."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard_limit = resource.getrlimit(resource.RLIMIT_CPU)
    limit_s = math.ceil(usage.ru_utime + usage.ru_stime) + CPU_LIMIT_S
    resource.setrlimit(resource.RLIMIT_CPU, (limit_s, hard_limit))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), DecodeLimits(*map(int, sys.argv[3:6])))
