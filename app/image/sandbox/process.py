"""The parent's side: one child process, its shared memory, and its end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

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
from app.image.picture import DecodeLimits
from app.image.sandbox import protocol

LIVENESS_CHECK_S: Final = 15.0
"""After so long without a reply a child's state is read. On a busy machine time proves nothing: a
child that works, or waits for a processor, goes on; a picture may use ``child.CPU_LIMIT_S``."""
MAX_LIVENESS_CHECKS: Final = 40
"""After which a child is killed in any case."""

_ERRORS_BY_CODE: Final = {
    kind.code: kind for kind in (ImageBomb, ImageTruncated, ImageUnsupported, NotAnImage, TooLarge)
}
_ROOT: Final = Path(__file__).resolve().parents[3]
_STDERR_TAIL_BYTES: Final = 2000
_ENVIRONMENT: Final = {
    "PYTHONPATH": str(_ROOT),
    "OPENBLAS_NUM_THREADS": "1",
    # Of a library that reports to its maker while models load, when sockets can still be opened:
    # nothing listens there, and no name is looked up.
    "HTTPS_PROXY": "http://127.0.0.1:9",
}
"""A child's: there is no key in it."""

log = structlog.get_logger("eyeline.decoding")


def error_from_code(code: str, detail: str) -> RequestError:
    """The error that a child reported."""
    return _ERRORS_BY_CODE.get(code, DecoderFailed)(detail)


class ProcessStartError(Exception):
    """A child that did not become ready; the text says why, where that is known."""


class ProcessLostError(Exception):
    """A child is gone. ``cpu_exhausted``: it used up its processor time."""

    def __init__(self, reason: str, *, cpu_exhausted: bool) -> None:
        super().__init__(reason)
        self.cpu_exhausted = cpu_exhausted


class ChildProcess:
    """One process. Belongs to one caller at a time, who closes or kills it.

    ``request_count``: how many pictures it was sent. ``arguments``: of ``module``, after the
    limits. Raises ``ProcessStartError`` if there can be no further process.
    """

    def __init__(
        self,
        limits: DecodeLimits,
        module: str,
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
                # Reading beyond the end of memory that the other side shrank would kill the reader.
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
                    env=_ENVIRONMENT,
                )
            except OSError as error:
                raise ProcessStartError(str(error)) from error
            self._resources = cleanup.pop_all()

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def resident_bytes(self) -> int:
        """Resident memory; 0 where it is gone."""
        with contextlib.suppress(OSError):
            pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
            return int(pages) * os.sysconf("SC_PAGE_SIZE")
        return 0

    def cpu_s(self) -> float:
        """Seconds of processor time so far; 0 where it is gone."""
        stat = self._read_stat()
        return sum(map(int, stat[3:])) / os.sysconf("SC_CLK_TCK")

    def wait_until_ready(self) -> None:
        """Wait until it has loaded what it needs. Raises ``ProcessStartError``."""
        if self._is_ready:
            return
        try:
            is_ready = self._exchange() == protocol.READY
        except ProcessLostError as lost:
            raise ProcessStartError(f"{lost}: {self._last_stderr_line()}") from lost
        if not is_ready:
            raise ProcessStartError("unexpected program")
        self._is_ready = True

    def request(self, data: bytes, request: bytes) -> bytes:
        """The reply to ``request``, with ``data`` in the shared memory.

        Raises ``TooLarge``; or ``ProcessStartError`` or ``ProcessLostError``, after which the
        child must be killed.
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
        """The error to raise about a malformed reply; the child is killed."""
        return self._kill_as_lost("invalid reply")

    def close(self) -> None:
        """Let it end by itself, and kill it if it does not."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        self.kill()

    def kill(self) -> None:
        """Kill it at once."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._resources.close()

    def _last_stderr_line(self) -> str:
        """The last line that it wrote to standard error, without what libraries say at its end."""
        size = os.fstat(self._stderr_fd).st_size
        tail = os.pread(self._stderr_fd, _STDERR_TAIL_BYTES, max(0, size - _STDERR_TAIL_BYTES))
        lines = tail.decode("utf-8", "replace").strip().splitlines()
        lines = [line for line in lines if not line.startswith("INFO: ")]
        return lines[-1] if lines else "no output on stderr"

    def _exchange(self, request: bytes = b"") -> bytes:
        """The reply to ``request``; without one, the first message. Raises ``ProcessLostError``."""
        self._connection.settimeout(self._liveness_check_s)
        try:
            if request:
                self._connection.sendall(request)
            reply = self._receive()
        except OSError as error:
            raise self._kill_as_lost("connection closed") from error
        if not reply:
            raise self._kill_as_lost("exited")
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
        raise self._kill_as_lost("not responding")

    def _read_stat(self) -> tuple[str, ...]:
        """From the kernel: state, page faults, and time in the program and in the kernel."""
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
            f"{reason} ({exit_code})",
            cpu_exhausted=exit_code == -signal.SIGXCPU,
        )
