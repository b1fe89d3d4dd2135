"""The bytes of a file, unpacked from gzip, within a limit."""

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
MAX_RATIO: Final = 200
"""Bytes that a byte of gzip may unpack to, once they are more than ``RATIO_FREE_BYTES``: lists of
different accounts reach 5 to 30."""
RATIO_FREE_BYTES: Final = 1 << 18


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

    def __init__(self, file: BinaryIO, *, limits_ratio: bool) -> None:
        self._file = file
        self._limits_ratio = limits_ratio
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
                self._check_ratio()
                return data

    def _read_packed(self) -> bytes:
        packed = self._file.read(_CHUNK_BYTES)
        self._packed_bytes += len(packed)
        return packed

    def _check_ratio(self) -> None:
        allowed = max(RATIO_FREE_BYTES, MAX_RATIO * self._packed_bytes)
        if self._limits_ratio and self._unpacked_bytes > allowed:
            raise TooLarge(
                f"This gzip unpacks to more than {MAX_RATIO} times its size; send each row once, "
                "or the list unpacked."
            )

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


def gzip_opener(file: BinaryIO, max_bytes: int, *, limits_ratio: bool = False) -> Opener:
    """What is packed in ``file``; ``max_bytes`` bounds what comes out, not what goes in.

    ``limits_ratio``: raise ``TooLarge`` for text that unpacks to more than ``MAX_RATIO`` times its
    size.
    """

    def open_reader() -> io.BufferedReader:
        file.seek(0)
        return limited_reader(_GzipReader(file, limits_ratio=limits_ratio).read, max_bytes)

    return open_reader


def limited_reader(read_source: Callable[[int], bytes], max_bytes: int) -> io.BufferedReader:
    """What ``read_source(n)`` gives, buffered; raises ``TooLarge`` beyond ``max_bytes`` bytes."""
    return io.BufferedReader(_LimitedStream(read_source, max_bytes), _CHUNK_BYTES)


def too_many_bytes(max_bytes: int) -> TooLarge:
    """The error for a list that is, or unpacks to, more than is taken."""
    return TooLarge(f"The list is, or unpacks to, more than {max_bytes} bytes; split it.")
