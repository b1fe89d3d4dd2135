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
    AvatarError,
    DecoderFailed,
    ImageBomb,
    ImageTruncated,
    ImageUnsupported,
    NotAnImage,
    TooLarge,
)
from app.image.picture import DecodeLimits, Picture
from app.image.sandbox import protocol

LOOK_S: Final = 15.0
"""A child that was silent for so long is looked at. Time on a busy machine is nobody's fault: one
that works, or waits for a processor, is let be; what a picture may use is ``child.CPU_S``."""
MOST_LOOKS: Final = 40
"""After which a child is given up whatever it does."""
PROGRAM: Final = "app.image.sandbox.child"

_ERRORS: Final = {
    kind.code: kind for kind in (ImageBomb, ImageTruncated, ImageUnsupported, NotAnImage, TooLarge)
}
_ROOT: Final = Path(__file__).resolve().parents[3]
_LAST_WORDS_BYTES: Final = 2000

log = structlog.get_logger("eyeline.decoding")


def refusal(code: str, detail: str) -> AvatarError:
    """The error that a child told of."""
    return _ERRORS.get(code, DecoderFailed)(detail)


class NotStartedError(Exception):
    """A child that never came to look at a picture; says why, where it could be learnt."""


class DecoderLostError(Exception):
    """A child is gone; ``spent``: it used up its time, and would again."""

    def __init__(self, why: str, *, spent: bool) -> None:
        super().__init__(why)
        self.spent = spent


class Child:
    """One process. Belongs to one caller at a time, who closes or kills it.

    ``asked``: how many pictures it was asked about. ``arguments``: what ``program`` is told beside
    the limits. Raises ``NotStartedError`` if there can be no further process.
    """

    def __init__(
        self,
        limits: DecodeLimits,
        program: str = PROGRAM,
        look_s: float = LOOK_S,
        arguments: Sequence[str] = (),
    ) -> None:
        self._max_bytes, self._look_s, self._ready = limits.max_bytes, look_s, False
        self.asked = 0
        with contextlib.ExitStack() as undo, contextlib.ExitStack() as lent:
            try:
                memory_fd = os.memfd_create("picture", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
                lent.callback(os.close, memory_fd)
                os.ftruncate(memory_fd, protocol.room(limits.max_bytes))
                # Whoever shrank it would kill whoever looks at it.
                fcntl.fcntl(memory_fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
                self._memory = protocol.shared(memory_fd, limits.max_bytes)
                undo.callback(self._memory.close)
                self._last_words = os.memfd_create("words", os.MFD_CLOEXEC)
                undo.callback(os.close, self._last_words)
                self._connection, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
                undo.callback(self._connection.close)
                lent.callback(theirs.close)
                self._process = subprocess.Popen(  # noqa: S603 - ourselves
                    [
                        *(sys.executable, "-P", "-m", program),  # -P: no code from where we stand
                        *map(str, (theirs.fileno(), memory_fd, *vars(limits).values())),
                        *arguments,
                    ],
                    stdin=subprocess.PIPE,  # nothing is ever written: it ends when we do
                    stdout=subprocess.DEVNULL,
                    stderr=self._last_words,
                    pass_fds=(theirs.fileno(), memory_fd),
                    env={"PYTHONPATH": str(_ROOT), "OPENBLAS_NUM_THREADS": "1"},  # no key in it
                )
            except OSError as error:
                raise NotStartedError(str(error)) from error
            self._opened = undo.pop_all()

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_there(self) -> bool:
        """Whether it has not ended by itself, or by the hand of others."""
        return self._process.poll() is None

    def resident_bytes(self) -> int:
        """What it holds in memory; 0 where it is gone."""
        with contextlib.suppress(OSError):
            pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
            return int(pages) * os.sysconf("SC_PAGE_SIZE")
        return 0

    def spent_s(self) -> float:
        """Seconds of processor time that it took so far; 0 where it is gone."""
        spent = self._spent()
        return sum(map(int, spent[3:])) / os.sysconf("SC_CLK_TCK")

    def start(self) -> None:
        """Wait until it has decoded every format once. Raises ``NotStartedError``."""
        if self._ready:
            return
        try:
            started = self._ask() == protocol.READY
        except DecoderLostError as lost:
            raise NotStartedError(f"{lost}: {self._said()}") from lost
        if not started:
            raise NotStartedError("it is another program")
        self._ready = True

    def decode(self, data: bytes) -> Picture:
        """Raises an ``AvatarError``, and what ``ask`` raises."""
        try:
            reply = protocol.read(self.ask(data, protocol.REQUEST.pack(len(data))))
        except ValueError as error:
            raise self.confused() from error
        if reply.code:
            raise refusal(reply.code, reply.detail)
        width, height = reply.size
        pixels = np.frombuffer(self.shared(0, width * height * 3), np.uint8)
        return Picture(
            rgb=pixels.reshape(height, width, 3),
            format=reply.format,
            sha256=hashlib.sha256(data).hexdigest(),
            animated=reply.animated,
            declared_size=reply.declared_size,
        )

    def ask(self, data: bytes, request: bytes) -> bytes:
        """The reply to ``request``, with ``data`` in the shared memory.

        Raises ``TooLarge``; or ``NotStartedError`` or ``DecoderLostError``, after which only
        ``kill`` is left to do.
        """
        if len(data) > self._max_bytes:
            raise TooLarge(f"This has {len(data)} bytes; send {self._max_bytes} at most.")
        self.start()
        self._memory[: len(data)] = data
        self.asked += 1
        return self._ask(request)

    def shared(self, start: int, count: int) -> bytes:
        """``count`` bytes of the shared memory, fewer where it ends."""
        return self._memory[start : start + count]

    def confused(self) -> DecoderLostError:
        """What to raise over a reply that is none: the child is at its end."""
        return self._lost("it talks nonsense")

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
        self._opened.close()

    def _said(self) -> str:
        """The last line of what it complained of."""
        size = os.fstat(self._last_words).st_size
        words = os.pread(self._last_words, _LAST_WORDS_BYTES, max(0, size - _LAST_WORDS_BYTES))
        lines = words.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "without a word"

    def _ask(self, request: bytes = b"") -> bytes:
        """The answer to ``request``, or what it says of itself. Raises ``DecoderLostError``."""
        self._connection.settimeout(self._look_s)
        try:
            if request:
                self._connection.sendall(request)
            said = self._heard()
        except OSError as error:
            raise self._lost("its end of the connection is closed") from error
        if not said:
            raise self._lost("it is gone")
        return said

    def _heard(self) -> bytes:
        seen: tuple[str, ...] = ()
        for _ in range(MOST_LOOKS):
            with contextlib.suppress(TimeoutError):
                return self._connection.recv(protocol.MAX_REPLY_BYTES)
            before, seen = seen, self._spent()
            if seen == before and seen[0] not in "RD":
                break
            log.warning("decoder_slow", pid=self.pid, silent_for_s=self._look_s)
        raise self._lost("it hangs")

    def _spent(self) -> tuple[str, ...]:
        """What the kernel knows: its state, page faults, and time in the program and the kernel."""
        try:
            text = Path(f"/proc/{self.pid}/stat").read_text()
        except OSError:
            return ("X",)
        fields = text.rpartition(")")[2].split()
        return (fields[0], fields[7], fields[9], fields[11], fields[12])

    def _lost(self, why: str) -> DecoderLostError:
        self._process.kill()
        ended = self._process.wait()
        return DecoderLostError(f"{why} ({ended})", spent=ended == -signal.SIGXCPU)
