"""Children that decode, as many as there are threads who ask at the same time, up to a number."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import LifoQueue
from typing import Final

import numpy as np
import structlog

from app.decoding import exchange
from app.errors import (
    AvatarError,
    DecoderFailed,
    ImageBomb,
    ImageTruncated,
    ImageUnsupported,
    NotAnImage,
    TooLarge,
)
from app.picture import DEFAULT_LIMITS, DecodeLimits, Picture

WALL_S: Final = 60.0
"""After it a silent child is killed. Time on a busy machine is no picture's fault, so this is
generous; what a picture may really use is processor time (``child.CPU_S``)."""
START_S: Final = 60.0
PROGRAM: Final = "app.decoding.child"

_ERRORS: Final = {
    kind.code: kind for kind in (ImageBomb, ImageTruncated, ImageUnsupported, NotAnImage, TooLarge)
}
_ROOT: Final = Path(__file__).resolve().parent.parent.parent

log = structlog.get_logger("eyeline.decoding")


class DecoderLostError(Exception):
    """A child is gone; ``spent``: it used up its time, and would again."""

    def __init__(self, why: str, *, spent: bool) -> None:
        super().__init__(why)
        self.spent = spent


class Child:
    """One process. Belongs to one caller at a time."""

    def __init__(self, limits: DecodeLimits, program: str = PROGRAM) -> None:
        self._max_bytes = limits.max_bytes
        memory_fd = os.memfd_create("picture", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(memory_fd, exchange.room(limits.max_bytes))
        # Whoever shrank it would kill whoever looks at it.
        fcntl.fcntl(memory_fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        self._connection, theirs = socket.socketpair()
        numbers = (theirs.fileno(), memory_fd, *vars(limits).values())
        self._process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", program, *map(str, numbers)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(), memory_fd),
            env={"PYTHONPATH": str(_ROOT), "OPENBLAS_NUM_THREADS": "1"},  # no key among them
        )
        theirs.close()
        self._memory = exchange.shared(memory_fd, limits.max_bytes)
        os.close(memory_fd)
        self._ready = False

    def decode(self, data: bytes) -> Picture:
        """Raises an ``AvatarError``, or ``DecoderLostError`` after which only ``close`` is left."""
        self._await_start()
        if len(data) > self._max_bytes:
            raise TooLarge(f"This has {len(data)} bytes; send {self._max_bytes} at most.")
        self._memory[: len(data)] = data
        said = self._ask(exchange.REQUEST.pack(len(data)), WALL_S)
        try:
            reply = exchange.read(said)
        except (ValueError, KeyError, TypeError) as error:
            raise self._lost("it talks nonsense") from error
        if reply.code:
            raise _ERRORS.get(reply.code, DecoderFailed)(reply.detail)
        width, height = reply.size
        pixels = np.frombuffer(self._memory[: width * height * 3], np.uint8)
        return Picture(
            rgb=pixels.reshape(height, width, 3),
            format=reply.format,
            sha256=hashlib.sha256(data).hexdigest(),
            animated=reply.animated,
            declared_size=reply.declared_size,
        )

    def close(self) -> None:
        """Let it end by itself if it listens, make it if not."""
        self._connection.close()
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._memory.close()

    def kill(self) -> None:
        """At once."""
        self._process.kill()
        self.close()

    def _await_start(self) -> None:
        if not self._ready:
            if self._ask(b"", START_S) != exchange.READY:
                raise RuntimeError("the decoder process does not start; try `eyeline doctor`")
            self._ready = True

    def _ask(self, request: bytes, within_s: float) -> bytes:
        self._connection.settimeout(within_s)
        try:
            self._connection.sendall(request)
            said = exchange.receive_line(self._connection)
        except TimeoutError as error:
            self._process.kill()
            raise self._lost(f"it was silent for {within_s:g} s", spent=True) from error
        except OSError as error:
            raise self._lost("its end of the connection is closed") from error
        if not said.endswith(b"\n"):
            raise self._lost("it is gone")
        return said

    def _lost(self, why: str, *, spent: bool = False) -> Exception:
        if not self._ready:
            return RuntimeError("the decoder process does not start; try `eyeline doctor`")
        self._process.kill()
        ended = self._process.wait()
        return DecoderLostError(f"{why} ({ended})", spent=spent or ended == -signal.SIGXCPU)


class Decoders:
    """``decode`` in up to ``count`` children; safe in threads. Close it when nobody asks."""

    def __init__(
        self, count: int, limits: DecodeLimits = DEFAULT_LIMITS, program: str = PROGRAM
    ) -> None:
        self._limits, self._program = limits, program
        # The last one used is the next one used, so that no more are started than are needed.
        self._free: LifoQueue[Child | None] = LifoQueue()
        for _ in range(count - 1):
            self._free.put(None)
        self._free.put(Child(limits, program))  # it starts while models are loaded

    def __call__(self, data: bytes) -> Picture:
        """As ``app.picture.decode``; and ``DecoderFailed`` where the child dies of ``data``.

        A child may die without fault of the picture, so another one is asked before it is blamed.
        """
        try:
            with self._borrowed() as child:
                return child.decode(data)
        except DecoderLostError as lost:
            self._note(lost)
        try:
            with self._borrowed() as child:
                return child.decode(data)
        except DecoderLostError as lost:
            self._note(lost)
            said = "The decoder broke down over this picture; save it anew."
            raise DecoderFailed(said) from lost

    @contextmanager
    def _borrowed(self) -> Iterator[Child]:
        """A child that nobody else asks; whoever is lost, or may be confused, is not given back."""
        child = self._free.get()
        try:
            child = child or Child(self._limits, self._program)
            yield child
        except AvatarError:
            raise
        except BaseException:
            if child is not None:
                child.kill()
                child = None
            raise
        finally:
            self._free.put(child)

    @staticmethod
    def _note(lost: DecoderLostError) -> None:
        log.warning("decoder_lost", why=str(lost))
        if lost.spent:
            raise ImageBomb("This takes too long to unpack; save it anew.") from lost

    def close(self) -> None:
        """End every child."""
        while not self._free.empty():
            child = self._free.get()
            if child is not None:
                child.close()
