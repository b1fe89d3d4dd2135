"""Bytes out of a file, unpacked where they were packed, and never more than were allowed."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from typing import BinaryIO, Final

from app.errors import ListUnreadable, TooLarge

Opener = Callable[[], io.BufferedReader]
"""Gives a file's bytes from the beginning, as often as it is called; one reader at a time."""

_CHUNK_BYTES: Final = 1 << 16
_GZIP_WBITS: Final = 16 + zlib.MAX_WBITS
_MIN_BYTES_PER_MEMBER: Final = 64


class _LimitedStream(io.RawIOBase):
    """What the source gives, at most ``max_bytes`` of it; closing it closes nothing below."""

    def __init__(self, read_source: Callable[[int], bytes], max_bytes: int) -> None:
        super().__init__()
        self._read_source = read_source
        self._max_bytes = max_bytes
        self._bytes_read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any buffer does
        data = self._read_source(len(buffer))
        self._bytes_read += len(data)
        if self._bytes_read > self._max_bytes:
            raise too_many_bytes(self._max_bytes)
        buffer[: len(data)] = data
        return len(data)


class _GzipReader:
    """Unpacks gzip, member after member."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._member = zlib.decompressobj(_GZIP_WBITS)
        self._members = 1
        self._unpacked_bytes = 0
        self._pending = b""

    def read(self, n: int) -> bytes:
        """Up to ``n`` bytes, none at the end; raises ``ListUnreadable``."""
        while True:
            packed = self._pending or self._file.read(_CHUNK_BYTES)
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
                return data

    def _next_member(self) -> None:
        self._members += 1
        if self._members > _MIN_BYTES_PER_MEMBER + self._unpacked_bytes // _MIN_BYTES_PER_MEMBER:
            raise ListUnreadable("This gzip file consists of very many, nearly empty parts.")
        self._member = zlib.decompressobj(_GZIP_WBITS)


def plain_opener(file: BinaryIO, max_bytes: int) -> Opener:
    """``file`` as it is."""

    def open_reader() -> io.BufferedReader:
        file.seek(0)
        return _buffered_reader(file.read, max_bytes)

    return open_reader


def gzip_opener(file: BinaryIO, max_bytes: int) -> Opener:
    """What is packed in ``file``; ``max_bytes`` bounds what comes out, not what goes in."""

    def open_reader() -> io.BufferedReader:
        file.seek(0)
        return _buffered_reader(_GzipReader(file).read, max_bytes)

    return open_reader


def limited_reader(read_source: Callable[[int], bytes], max_bytes: int) -> io.BufferedReader:
    """What ``take(n)`` gives, buffered, raising ``TooLarge`` behind ``max_bytes`` bytes."""
    return _buffered_reader(read_source, max_bytes)


def too_many_bytes(max_bytes: int) -> TooLarge:
    """The error for a list that is, or unpacks to, more than is taken."""
    return TooLarge(f"The list is, or unpacks to, more than {max_bytes} bytes; split it.")


def _buffered_reader(read_source: Callable[[int], bytes], max_bytes: int) -> io.BufferedReader:
    return io.BufferedReader(_LimitedStream(read_source, max_bytes), _CHUNK_BYTES)
