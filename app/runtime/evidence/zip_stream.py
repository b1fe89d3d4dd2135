"""A zip as a stream: files as they come, and last the SHA-256 of each in ``SHA256SUMS``.

The same files at the same time give the same bytes.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

SUMS_NAME: Final = "SHA256SUMS"
STORED_SUFFIXES: Final = (".webp", ".jpg", ".jpeg", ".png", ".gif", ".avif")
"""Of files that are compressed already."""
_FIRST_YEAR: Final = 1980
_FILE_MODE: Final = 0o100644


class _Sink:
    """Takes what is written and gives it out once; cannot be searched, as a socket cannot."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Nothing is open here."""

    def take(self) -> bytes:
        data = bytes(self._data)
        self._data.clear()
        return data


class ZipStream:
    """A zip in the making. ``at``: the time of its files, UTC.

    Each method gives the bytes that it adds, as they arise; the whole is never in memory.
    """

    def __init__(self, at: datetime) -> None:
        moment = at.astimezone(UTC)
        year = max(moment.year, _FIRST_YEAR)
        date = year, moment.month, moment.day
        self._date_time = (*date, moment.hour, moment.minute, moment.second)
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w")
        self._sums: list[str] = []

    def add(self, name: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """A file, as large as it may be."""
        digest = hashlib.sha256()
        with self._zip.open(self._info(name), "w", force_zip64=True) as entry:
            for chunk in chunks:
                digest.update(chunk)
                entry.write(chunk)
                yield self._sink.take()
        self._sums.append(f"{digest.hexdigest()}  {name}\n")
        yield self._sink.take()

    def finish(self) -> Iterator[bytes]:
        """The sums, in the format of ``sha256sum``, and the zip's table of contents."""
        with self._zip.open(self._info(SUMS_NAME), "w") as entry:
            entry.write("".join(self._sums).encode())
        self._zip.close()
        yield self._sink.take()

    def _info(self, name: str) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo(name, self._date_time)
        is_stored = name.endswith(STORED_SUFFIXES)
        info.compress_type = zipfile.ZIP_STORED if is_stored else zipfile.ZIP_DEFLATED
        info.external_attr = _FILE_MODE << 16
        info.create_system = 3
        return info
