"""Zip → its entries, within bounds on what they unpack to."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence
from io import BufferedReader
from typing import IO, BinaryIO, Final

from app.errors import ListUnreadable
from app.lists import failures
from app.lists.byte_stream import (
    limited_reader,
    ratio_error,
    ratio_limit_bytes,
    too_many_bytes,
)
from app.lists.printable import NAME_MAX_CHARS, has_controls, printable_name
from app.records import Failure

CENTRAL_DIRECTORY_MAX_BYTES: Final = 1 << 24
"""Of a zip's table of contents, which is read whole: about 150,000 files."""

_LOCAL_HEADER_BYTES: Final = 30
_CHUNK_BYTES: Final = 1 << 16
_END_RECORD: Final = b"PK\x05\x06"
_END64_LOCATOR: Final = b"PK\x06\x07"
_END_SEARCH_BYTES: Final = 22 + 65_535
_ENCRYPTED_FLAG: Final = 0x1
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_JUNK_NAMES: Final = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
_ZIP_ERRORS: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,  # an encrypted entry whose flag lies
    NotImplementedError,
)


class ZipReader:
    """An open zip. ``max_bytes``: what all of its entries together may unpack to.

    They may not unpack to more than ``MAX_RATIO`` times the size of ``file`` either.
    ``entries``: its files. ``ignored``: the names of hidden files, which are left out.
    """

    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        _check_central_directory(file)
        try:
            self._zip = zipfile.ZipFile(file)
        except _ZIP_ERRORS:
            raise ListUnreadable("This zip is damaged or truncated; send the whole file.") from None
        files = [i for i in self._zip.infolist() if not normalize_slashes(i.filename).endswith("/")]
        _check_overlaps(files, self._zip.start_dir)
        self.entries = [info for info in files if not is_junk(normalize_slashes(info.filename))]
        self.ignored = [i.filename for i in files if is_junk(normalize_slashes(i.filename))]
        ratio_bytes = ratio_limit_bytes(file.seek(0, 2))
        self._limit_error = (
            too_many_bytes(max_bytes) if max_bytes <= ratio_bytes else ratio_error("zip")
        )
        self._max_bytes = self._remaining_bytes = min(max_bytes, ratio_bytes)

    def names(self) -> Sequence[str]:
        return self._zip.namelist()

    def read_entry(self, info: zipfile.ZipInfo, max_entry_bytes: int) -> bytes | Failure:
        """Up to one byte more than ``max_entry_bytes`` of an entry, or why it is not read.

        Raises ``TooLarge`` once all that was read is more than the zip may unpack to.
        """
        if (defect := _entry_defect(info)) is not None:
            return failures.row_invalid(f"{printable_name(info.filename)} {defect}")
        data = bytearray()
        try:
            with self._zip.open(info) as entry:
                while len(data) <= max_entry_bytes and (chunk := self._read_charged(entry)):
                    data += chunk
        except _ZIP_ERRORS:
            return failures.row_invalid(
                f"{printable_name(info.filename)} is damaged within the zip."
            )
        return bytes(data[: max_entry_bytes + 1])

    def _read_charged(self, entry: IO[bytes]) -> bytes:
        """A piece of an entry, charged as it is unpacked: whether the whole is sound or not.

        ``zipfile`` compares the checksum with the last piece, which is why pieces are small.
        """
        self._remaining_bytes -= _CHUNK_BYTES
        if self._remaining_bytes < -_CHUNK_BYTES:
            raise self._limit_error
        chunk = entry.read(_CHUNK_BYTES)
        self._remaining_bytes += _CHUNK_BYTES - len(chunk)
        if self._remaining_bytes < 0:
            raise self._limit_error
        return chunk

    def open_entry(self, info: zipfile.ZipInfo) -> BufferedReader:
        """An entry as a list's bytes; raises ``ListUnreadable`` where they are damaged."""
        if (defect := _entry_defect(info)) is not None:
            raise ListUnreadable(f"{printable_name(info.filename)} {defect}")
        try:
            entry = self._zip.open(info)
        except _ZIP_ERRORS:
            raise _damaged_entry_error(info) from None

        def read_chunk(n: int) -> bytes:
            try:
                return entry.read(n)
            except _ZIP_ERRORS:
                raise _damaged_entry_error(info) from None

        return limited_reader(read_chunk, self._max_bytes, self._limit_error)


def normalize_slashes(name: str) -> str:
    """An entry's name with one kind of slash."""
    return name.replace("\\", "/")


def name_defect(name: str) -> str | None:
    """Why a name is none that a picture in an archive has, as a sentence's end."""
    if name.startswith("/") or name[1:3] == ":/" or ".." in name.split("/"):
        return "leads out of the archive by its name."
    if len(name) > NAME_MAX_CHARS or has_controls(name):
        return "has a name with control characters, or of absurd length."
    return None


def _entry_defect(info: zipfile.ZipInfo) -> str | None:
    mode = info.external_attr >> 16
    if (defect := name_defect(normalize_slashes(info.filename))) is not None:
        return defect
    if info.flag_bits & _ENCRYPTED_FLAG:
        return "is encrypted; send it without a password."
    if info.compress_type not in _METHODS:
        return "is packed in a way that is not read here; use plain zip."
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "is a link or a device, not a file."
    return None


def is_junk(name: str) -> bool:
    """Whether an entry is hidden, or what a desktop leaves in every folder."""
    parts = name.removeprefix("./").split("/")
    is_hidden = any(part.startswith(".") and part.strip(".") for part in parts)
    return is_hidden or "__MACOSX" in parts or parts[-1].lower() in _JUNK_NAMES


def _check_overlaps(entries: Sequence[zipfile.ZipInfo], directory_at: int) -> None:
    """Raise ``ListUnreadable`` if two entries share bytes: so a small zip unpacks to gigabytes.

    ``directory_at``: where the table of contents begins, behind the last entry.
    """
    end = 0
    for info in sorted(entries, key=lambda each: each.header_offset):
        if info.header_offset < end:
            raise ListUnreadable("Entries of this zip overlap; pack the files again.")
        end = info.header_offset + _LOCAL_HEADER_BYTES + len(info.filename) + info.compress_size
    if end > directory_at:
        raise ListUnreadable("Entries of this zip overlap; pack the files again.")


def _damaged_entry_error(info: zipfile.ZipInfo) -> ListUnreadable:
    return ListUnreadable(f"{printable_name(info.filename)} is damaged within the zip.")


def _check_central_directory(file: BinaryIO) -> None:
    """Refuse a table of contents that is itself too large: ``zipfile`` would read all of it."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END_SEARCH_BYTES))
    tail = file.read(_END_SEARCH_BYTES)
    at = tail.rfind(_END_RECORD)
    if at < 0 or len(tail) < at + 22:
        raise ListUnreadable("This zip is truncated; send the whole file.")
    (directory_bytes,) = struct.unpack_from("<L", tail, at + 12)
    if _END64_LOCATOR in tail[max(0, at - 20) : at]:
        directory_bytes = _zip64_directory_bytes(file, size - len(tail) + at - 20 - 56)
    if directory_bytes > CENTRAL_DIRECTORY_MAX_BYTES:
        raise ListUnreadable("This zip holds too many files; split it, or send a tar.")


def _zip64_directory_bytes(file: BinaryIO, at: int) -> int:
    """The size that the end record of a large zip states, where ``zipfile`` looks for it."""
    if at < 0:
        return 0
    file.seek(at)
    record = file.read(56)
    return int(struct.unpack_from("<Q", record, 40)[0]) if len(record) == 56 else 0
