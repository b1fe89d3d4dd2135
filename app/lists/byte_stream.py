"""Bytes out of a file, unpacked where they were packed, and never more than were allowed."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from typing import BinaryIO, Final

from app.errors import ListUnreadable, TooLarge

Opener = Callable[[], io.BufferedReader]
"""Gives a file's bytes from the beginning, as often as it is called; one reader at a time."""

_PIECE: Final = 1 << 16
_GZIP: Final = 16 + zlib.MAX_WBITS
_BYTES_A_MEMBER: Final = 64


class _Stream(io.RawIOBase):
    """What ``take(n)`` gives, at most ``most`` bytes of it; closing it closes nothing below."""

    def __init__(self, take: Callable[[int], bytes], most: int) -> None:
        super().__init__()
        self._take = take
        self._most = most
        self._taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any buffer does
        data = self._take(len(buffer))
        self._taken += len(data)
        if self._taken > self._most:
            raise too_long(self._most)
        buffer[: len(data)] = data
        return len(data)


class _Gunzip:
    """Unpacks gzip, member after member."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._member = zlib.decompressobj(_GZIP)
        self._members = 1
        self._given = 0
        self._packed = b""

    def take(self, n: int) -> bytes:
        """Up to ``n`` bytes, none at the end; raises ``ListUnreadable``."""
        while True:
            packed = self._packed or self._file.read(_PIECE)
            if self._member.eof:
                # Some tools pad the end with zeros.
                if not (packed := packed.lstrip(b"\x00")):
                    if self._file.read(1):
                        raise ListUnreadable("There is something behind the end of this gzip file.")
                    return b""
                self._next_member()
            elif not packed:
                raise ListUnreadable("This gzip file breaks off; send the whole file.")
            try:
                data = self._member.decompress(packed, n)
            except zlib.error:
                raise ListUnreadable("This gzip file is damaged.") from None
            self._packed = self._member.unconsumed_tail or self._member.unused_data
            if data:
                self._given += len(data)
                return data

    def _next_member(self) -> None:
        self._members += 1
        if self._members > _BYTES_A_MEMBER + self._given // _BYTES_A_MEMBER:
            raise ListUnreadable("This gzip file consists of very many, nearly empty parts.")
        self._member = zlib.decompressobj(_GZIP)


def plain(file: BinaryIO, most: int) -> Opener:
    """``file`` as it is."""

    def opened() -> io.BufferedReader:
        file.seek(0)
        return _buffered(file.read, most)

    return opened


def gunzipped(file: BinaryIO, most: int) -> Opener:
    """What is packed in ``file``; ``most`` bounds what comes out, not what goes in."""

    def opened() -> io.BufferedReader:
        file.seek(0)
        return _buffered(_Gunzip(file).take, most)

    return opened


def limited(take: Callable[[int], bytes], most: int) -> io.BufferedReader:
    """What ``take(n)`` gives, buffered, raising ``TooLarge`` behind ``most`` bytes."""
    return _buffered(take, most)


def too_long(most: int) -> TooLarge:
    """The error for a list that is, or unpacks to, more than is taken."""
    return TooLarge(f"The list is, or unpacks to, more than {most} bytes; split it.")


def _buffered(take: Callable[[int], bytes], most: int) -> io.BufferedReader:
    return io.BufferedReader(_Stream(take, most), _PIECE)
