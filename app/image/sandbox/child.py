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

from app.errors import AvatarError, ImageBomb
from app.image.picture import DecodeLimits, decode, load_decoders
from app.image.sandbox.protocol import MAX_REQUEST_BYTES, READY, REQUEST, Reply, shared, write

CPU_S: Final = 5
"""Of processor time for a picture; 25 million pixels take less than one."""
BYTES_PER_PIXEL: Final = 16
"""RGBA as stored, converted, and whatever a decoder holds beside them."""
SPARE_BYTES: Final = 384 * 2**20
"""For threads' stacks and the files themselves; address space, most of it never touched."""
TOO_MUCH: Final = "This unpacks to too much; save it anew."
OOM_SCORE: Final = "1000"
"""The kernel, when it must, kills whoever has most of it: rather a decoder than the service."""


Answer = Callable[[bytes], bytes]
"""A request → the reply to it, one message each; what is large lies in the shared memory."""


def main(connection_fd: int, memory_fd: int, limits: DecodeLimits) -> None:
    """Serve until the parent goes away."""
    serve(connection_fd, memory_fd, limits, lambda memory: _decoder(memory, limits))


def serve(
    connection_fd: int,
    memory_fd: int,
    limits: DecodeLimits,
    prepare: Callable[[mmap.mmap], Answer],
) -> None:
    """Answer until the parent goes away.

    ``prepare``: what needs files, before they are out of reach; it is given the shared memory.
    """
    # Whoever stops the service stops this one by closing the connection, after the last picture.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)  # whoever started the service may ignore it
    threading.Thread(target=_outlive_nobody, daemon=True).start()
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
    cv2.setNumThreads(1)
    connection = socket.socket(fileno=connection_fd)
    answer = prepare(shared(memory_fd, limits.max_bytes))
    _give_up(limits)
    connection.sendall(READY)
    while asked := connection.recv(MAX_REQUEST_BYTES):
        _allow_cpu()
        connection.sendall(answer(asked))


def _outlive_nobody() -> None:
    """End with the parent, however it ends and whatever is being done here.

    Standard input is a pipe into which nobody writes and whose other end only the parent holds.
    """
    os.read(0, 1)
    os._exit(0)


def _decoder(memory: mmap.mmap, limits: DecodeLimits) -> Answer:
    load_decoders()

    def answer(asked: bytes) -> bytes:
        (length,) = REQUEST.unpack(asked)
        return write(_decoded(memory, memory[:length], limits))

    return answer


def _decoded(memory: mmap.mmap, data: bytes, limits: DecodeLimits) -> Reply:
    try:
        picture = decode(data, limits)
    except AvatarError as error:
        return Reply(code=error.code, detail=error.detail)
    except MemoryError:
        return Reply(code=ImageBomb.code, detail=TOO_MUCH)
    memory[: picture.rgb.nbytes] = picture.rgb.tobytes()
    return Reply(
        format=picture.format,
        animated=picture.animated,
        size=picture.size,
        declared_size=picture.declared_size,
    )


def _give_up(limits: DecodeLimits) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    held = pages * resource.getpagesize()
    most = held + SPARE_BYTES + limits.max_bytes + BYTES_PER_PIXEL * limits.max_pixels
    for kind, value in (
        (resource.RLIMIT_AS, most),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(kind, (value, value))


def _allow_cpu() -> None:
    """The limit counts from the process's start: move it along. Beyond it SIGXCPU kills."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    until = math.ceil(used.ru_utime + used.ru_stime) + CPU_S
    resource.setrlimit(resource.RLIMIT_CPU, (until, hard))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), DecodeLimits(*map(int, sys.argv[3:6])))
