"""The bytes of a file, unpacked from gzip, within limits of size and time."""

from __future__ import annotations

import io
import time
import zlib
from collections.abc import Callable
from typing import BinaryIO, Final

from app.errors import ListUnreadable, TooLarge

Opener = Callable[[], io.BufferedReader]
"""Gives a file's bytes from the beginning, as often as it is called; one reader at a time."""

_CHUNK_BYTES: Final = 1 << 16
_GZIP_WBITS: Final = 16 + zlib.MAX_WBITS
_MIN_BYTES_PER_MEMBER: Final = 64
MAX_RATIO: Final = 200
"""Bytes that a byte of gzip or zip may unpack to, once they are more than ``RATIO_FREE_BYTES``:
lists of different accounts reach 5 to 30."""
RATIO_FREE_BYTES: Final = 1 << 18
READ_MAX_S: Final = 1800.0
"""How long a list may take to be read: ten million rows take a few minutes."""


class TimeLimitedFile:
    """``file``; raises ``TooLarge`` for what is read later than ``max_s`` after its creation."""

    def __init__(
        self,
        file: BinaryIO,
        max_s: float = READ_MAX_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file, self._max_s, self._clock = file, max_s, clock
        self._deadline = clock() + max_s
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, n: int = -1) -> bytes:
        if self._clock() > self._deadline:
            raise TooLarge(f"Reading the list took more than {self._max_s:g} s; split it.")
        return self._file.read(n)


class _LimitedStream(io.RawIOBase):
    """What the source gives, at most ``max_bytes`` of it; closing it closes nothing below."""

    def __init__(
        self, read_source: Callable[[int], bytes], max_bytes: int, error: TooLarge
    ) -> None:
        super().__init__()
        self._error = error
        self._read_source = read_source
        self._max_bytes = max_bytes
        self._bytes_read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any buffer does
        data = self._read_source(len(buffer))
        self._bytes_read += len(data)
        if self._bytes_read > self._max_bytes:
            raise self._error
        buffer[: len(data)] = data
        return len(data)


class _GzipReader:
    """Unpacks gzip, member after member."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._member = zlib.decompressobj(_GZIP_WBITS)
        self._members = 1
        self._unpacked_bytes = 0
        self._packed_bytes = 0
        self._pending = b""

    def read(self, n: int) -> bytes:
        """Up to ``n`` bytes, none at the end; raises ``ListUnreadable``."""
        while True:
            packed = self._pending or self._read_packed()
            if self._member.eof:
                # Some tools pad the end with zeros.
                if not (packed := packed.lstrip(b"\x00")):
                    if self._file.read(1):
                        raise ListUnreadable("There is something behind the end of this gzip file.")
                    return b""
                self._next_member()
            elif not packed:
                raise ListUnreadable("This gzip file is truncated; send the whole file.")
            try:
                data = self._member.decompress(packed, n)
            except zlib.error:
                raise ListUnreadable("This gzip file is damaged.") from None
            self._pending = self._member.unconsumed_tail or self._member.unused_data
            if data:
                self._unpacked_bytes += len(data)
                if self._unpacked_bytes > ratio_limit_bytes(self._packed_bytes):
                    raise ratio_error("gzip")
                return data

    def _read_packed(self) -> bytes:
        packed = self._file.read(_CHUNK_BYTES)
        self._packed_bytes += len(packed)
        return packed

    def _next_member(self) -> None:
        self._members += 1
        if self._members > _MIN_BYTES_PER_MEMBER + self._unpacked_bytes // _MIN_BYTES_PER_MEMBER:
            raise ListUnreadable("This gzip file consists of very many, nearly empty parts.")
        self._member = zlib.decompressobj(_GZIP_WBITS)


def plain_opener(file: BinaryIO, max_bytes: int) -> Opener:
    """``file`` as it is."""

    def open_reader() -> io.BufferedReader:
        file.seek(0)
        return limited_reader(file.read, max_bytes)

    return open_reader


def gzip_opener(file: BinaryIO, max_bytes: int) -> Opener:
    """What is packed in ``file``; ``max_bytes`` bounds what comes out, not what goes in.

    Reading raises ``TooLarge`` beyond it, and beyond ``MAX_RATIO`` times the size of ``file``.
    """

    def open_reader() -> io.BufferedReader:
        file.seek(0)
        return limited_reader(_GzipReader(file).read, max_bytes)

    return open_reader


def limited_reader(
    read_source: Callable[[int], bytes], max_bytes: int, error: TooLarge | None = None
) -> io.BufferedReader:
    """What ``read_source(n)`` gives, buffered; raises ``TooLarge`` beyond ``max_bytes`` bytes."""
    error = too_many_bytes(max_bytes) if error is None else error
    return io.BufferedReader(_LimitedStream(read_source, max_bytes, error), _CHUNK_BYTES)


def too_many_bytes(max_bytes: int) -> TooLarge:
    """The error for a list that is, or unpacks to, more than is taken."""
    return TooLarge(f"The list is, or unpacks to, more than {max_bytes} bytes; split it.")


def ratio_limit_bytes(packed_bytes: int) -> int:
    """What so many packed bytes may unpack to."""
    return max(RATIO_FREE_BYTES, MAX_RATIO * packed_bytes)


def ratio_error(kind: str) -> TooLarge:
    """The error for a gzip or a zip that is nearly empty but for its size."""
    return TooLarge(
        f"This {kind} unpacks to more than {MAX_RATIO} times its size; send each row and each "
        "picture once, or the list unpacked."
    )
