"""The child's side: answer one request at a time, with as few rights as that takes.

Before the first picture a child gives up what it does not need: it can open no file and no socket,
dump no core, and hold only so much memory; and each picture gets a few seconds of processor time.
Where memory runs out it is killed first. This is no sandbox against code that a picture brings
along.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import resource
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import cv2

from app.image.picture import DecodeLimits
from app.image.sandbox.cpu_timer import CpuTimer
from app.image.sandbox.protocol import MAX_REQUEST_BYTES, READY, map_shared_memory

CPU_LIMIT_S: Final = 5
"""Of processor time for a picture; 25 million pixels take less than one. Beyond it SIGXCPU kills.
"""
TOTAL_CPU_MARGIN_S: Final = 60
"""Of processor time for the process, beyond what it has used: more than two counts of it drift
apart until it is replaced. Only a child that stops its timer comes to it."""
BYTES_PER_PIXEL: Final = 16
"""RGBA as stored, converted, and what a decoder holds in addition."""
EXTRA_MEMORY_BYTES: Final = 384 * 2**20
"""For threads' stacks and the files themselves; address space, most of it never touched."""
OUT_OF_MEMORY_MESSAGE: Final = "This unpacks to too much; re-save it."
OOM_SCORE: Final = "1000"
"""The kernel kills the process with the highest score first: a child rather than the service."""


RequestHandler = Callable[[bytes], bytes]
"""A request → its reply, one message each; what is large goes through the shared memory."""


def serve(
    connection_fd: int,
    memory_fd: int,
    limits: DecodeLimits,
    make_handler: Callable[[mmap.mmap], RequestHandler],
) -> None:
    """Answer until the parent goes away.

    ``make_handler`` is given the shared memory; it loads what needs files, while there are any.
    """
    # Whoever stops the service stops this process, too, by closing the connection.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)  # the service's parent may ignore it
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
    cv2.setNumThreads(1)
    connection = socket.socket(fileno=connection_fd)
    handle_request = make_handler(map_shared_memory(memory_fd, limits.max_bytes))
    timer = CpuTimer()
    _apply_resource_limits(limits)
    connection.sendall(READY)
    while request := connection.recv(MAX_REQUEST_BYTES):
        timer.start(CPU_LIMIT_S)
        _extend_cpu_limit()
        reply = handle_request(request)
        timer.stop()
        connection.sendall(reply)


def _extend_cpu_limit() -> None:
    """The limit counts from the process's start: move it along."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard_limit = resource.getrlimit(resource.RLIMIT_CPU)
    limit_s = int(usage.ru_utime + usage.ru_stime) + TOTAL_CPU_MARGIN_S
    resource.setrlimit(resource.RLIMIT_CPU, (limit_s, hard_limit))


def _exit_with_parent() -> None:
    """End with the parent, however it ends and whatever happens here.

    Standard input is a pipe into which nobody writes, and only the parent holds its other end.
    """
    os.read(0, 1)
    os._exit(0)


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
