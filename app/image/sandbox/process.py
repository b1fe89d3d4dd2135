"""One child that decodes, as its parent sees it."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import structlog

from app.errors import (
    DecoderFailed,
    ImageBomb,
    ImageTruncated,
    ImageUnsupported,
    NotAnImage,
    RequestError,
    TooLarge,
)
from app.image.picture import DecodeLimits, Picture
from app.image.sandbox import protocol

LIVENESS_CHECK_S: Final = 15.0
"""A child that was silent for so long is looked at. Time on a busy machine is nobody's fault: one
that works, or waits for a processor, is let be; what a picture may use is ``child.CPU_LIMIT_S``."""
MAX_LIVENESS_CHECKS: Final = 40
"""After which a child is given up whatever it does."""
DECODER_MODULE: Final = "app.image.sandbox.child"

_ERRORS_BY_CODE: Final = {
    kind.code: kind for kind in (ImageBomb, ImageTruncated, ImageUnsupported, NotAnImage, TooLarge)
}
_ROOT: Final = Path(__file__).resolve().parents[3]
_STDERR_TAIL_BYTES: Final = 2000

log = structlog.get_logger("eyeline.decoding")


def error_from_code(code: str, detail: str) -> RequestError:
    """The error that a child told of."""
    return _ERRORS_BY_CODE.get(code, DecoderFailed)(detail)


class ProcessStartError(Exception):
    """A child that never came to look at a picture; says why, where it could be learnt."""


class ProcessLostError(Exception):
    """A child is gone; ``spent``: it used up its time, and would again."""

    def __init__(self, reason: str, *, cpu_exhausted: bool) -> None:
        super().__init__(reason)
        self.cpu_exhausted = cpu_exhausted


class DecoderProcess:
    """One process. Belongs to one caller at a time, who closes or kills it.

    ``request_count``: how many pictures it was asked about. ``arguments``: what ``module`` is told
    beside the limits. Raises ``ProcessStartError`` if there can be no further process.
    """

    def __init__(
        self,
        limits: DecodeLimits,
        module: str = DECODER_MODULE,
        liveness_check_s: float = LIVENESS_CHECK_S,
        arguments: Sequence[str] = (),
    ) -> None:
        self._max_bytes, self._liveness_check_s, self._is_ready = (
            limits.max_bytes,
            liveness_check_s,
            False,
        )
        self.request_count = 0
        with contextlib.ExitStack() as cleanup, contextlib.ExitStack() as child_only:
            try:
                memory_fd = os.memfd_create("picture", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
                child_only.callback(os.close, memory_fd)
                os.ftruncate(memory_fd, protocol.shared_memory_bytes(limits.max_bytes))
                # Whoever shrank it would kill whoever looks at it.
                fcntl.fcntl(memory_fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
                self._memory = protocol.map_shared_memory(memory_fd, limits.max_bytes)
                cleanup.callback(self._memory.close)
                self._stderr_fd = os.memfd_create("words", os.MFD_CLOEXEC)
                cleanup.callback(os.close, self._stderr_fd)
                self._connection, child_socket = socket.socketpair(type=socket.SOCK_SEQPACKET)
                cleanup.callback(self._connection.close)
                child_only.callback(child_socket.close)
                self._process = subprocess.Popen(  # noqa: S603 - ourselves
                    [
                        *(sys.executable, "-P", "-m", module),  # -P: no code from where we stand
                        *map(str, (child_socket.fileno(), memory_fd, *vars(limits).values())),
                        *arguments,
                    ],
                    stdin=subprocess.PIPE,  # nothing is ever written: it ends when we do
                    stdout=subprocess.DEVNULL,
                    stderr=self._stderr_fd,
                    pass_fds=(child_socket.fileno(), memory_fd),
                    env={"PYTHONPATH": str(_ROOT), "OPENBLAS_NUM_THREADS": "1"},  # no key in it
                )
            except OSError as error:
                raise ProcessStartError(str(error)) from error
            self._resources = cleanup.pop_all()

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether it has not ended by itself, or by the hand of others."""
        return self._process.poll() is None

    def resident_bytes(self) -> int:
        """What it holds in memory; 0 where it is gone."""
        with contextlib.suppress(OSError):
            pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
            return int(pages) * os.sysconf("SC_PAGE_SIZE")
        return 0

    def cpu_s(self) -> float:
        """Seconds of processor time that it took so far; 0 where it is gone."""
        stat = self._read_stat()
        return sum(map(int, stat[3:])) / os.sysconf("SC_CLK_TCK")

    def wait_until_ready(self) -> None:
        """Wait until it has decoded every format once. Raises ``ProcessStartError``."""
        if self._is_ready:
            return
        try:
            is_decoder = self._exchange() == protocol.READY
        except ProcessLostError as lost:
            raise ProcessStartError(f"{lost}: {self._last_stderr_line()}") from lost
        if not is_decoder:
            raise ProcessStartError("it is another program")
        self._is_ready = True

    def decode(self, data: bytes) -> Picture:
        """Raises an ``RequestError``, and what ``request`` raises."""
        try:
            reply = protocol.decode_reply(self.request(data, protocol.REQUEST.pack(len(data))))
        except ValueError as error:
            raise self.invalid_reply_error() from error
        if reply.code:
            raise error_from_code(reply.code, reply.detail)
        width, height = reply.size
        pixels = np.frombuffer(self.read_shared(0, width * height * 3), np.uint8)
        return Picture(
            rgb=pixels.reshape(height, width, 3),
            format=reply.format,
            sha256=hashlib.sha256(data).hexdigest(),
            animated=reply.animated,
            declared_size=reply.declared_size,
        )

    def request(self, data: bytes, request: bytes) -> bytes:
        """The reply to ``request``, with ``data`` in the shared memory.

        Raises ``TooLarge``; or ``ProcessStartError`` or ``ProcessLostError``, after which only
        ``kill`` is left to do.
        """
        if len(data) > self._max_bytes:
            raise TooLarge(f"This has {len(data)} bytes; send {self._max_bytes} at most.")
        self.wait_until_ready()
        self._memory[: len(data)] = data
        self.request_count += 1
        return self._exchange(request)

    def read_shared(self, start: int, count: int) -> bytes:
        """``count`` bytes of the shared memory, fewer where it ends."""
        return self._memory[start : start + count]

    def invalid_reply_error(self) -> ProcessLostError:
        """What to raise over a reply that is none: the child is at its end."""
        return self._kill_as_lost("it talks nonsense")

    def close(self) -> None:
        """Let it end by itself if it listens, make it if not."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        self.kill()

    def kill(self) -> None:
        """At once."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._resources.close()

    def _last_stderr_line(self) -> str:
        """The last line of what it complained of."""
        size = os.fstat(self._stderr_fd).st_size
        tail = os.pread(self._stderr_fd, _STDERR_TAIL_BYTES, max(0, size - _STDERR_TAIL_BYTES))
        lines = tail.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "without a word"

    def _exchange(self, request: bytes = b"") -> bytes:
        """The answer to ``request``, or what it says of itself. Raises ``ProcessLostError``."""
        self._connection.settimeout(self._liveness_check_s)
        try:
            if request:
                self._connection.sendall(request)
            reply = self._receive()
        except OSError as error:
            raise self._kill_as_lost("its end of the connection is closed") from error
        if not reply:
            raise self._kill_as_lost("it is gone")
        return reply

    def _receive(self) -> bytes:
        current: tuple[str, ...] = ()
        for _ in range(MAX_LIVENESS_CHECKS):
            with contextlib.suppress(TimeoutError):
                return self._connection.recv(protocol.MAX_REPLY_BYTES)
            previous, current = current, self._read_stat()
            if current == previous and current[0] not in "RD":
                break
            log.warning("decoder_slow", pid=self.pid, silent_for_s=self._liveness_check_s)
        raise self._kill_as_lost("it hangs")

    def _read_stat(self) -> tuple[str, ...]:
        """What the kernel knows: its state, page faults, and time in the program and the kernel."""
        try:
            text = Path(f"/proc/{self.pid}/stat").read_text()
        except OSError:
            return ("X",)
        fields = text.rpartition(")")[2].split()
        return (fields[0], fields[7], fields[9], fields[11], fields[12])

    def _kill_as_lost(self, reason: str) -> ProcessLostError:
        self._process.kill()
        exit_code = self._process.wait()
        return ProcessLostError(
            f"{reason} ({exit_code})", cpu_exhausted=exit_code == -signal.SIGXCPU
        )
