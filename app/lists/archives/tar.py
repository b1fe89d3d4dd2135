"""Tar → its entries, streamed. Only headers are trusted to be headers; nothing is written to disk.

A reader of our own, because ``tarfile`` is not made for hostile archives, and a bounded ``TarInfo``
would not change that. With Python 3.11.7, an extended header of 64 KiB takes its search for
``hdrcharset`` 3.6 s (CVE-2024-6232), 2,000 long names in a row end in ``RecursionError``, and a
damaged header ends the archive without an error, so that the entries behind it would be lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from typing import Final

from app.errors import ListUnreadable
from app.lists.file_types import is_tar_header

_BLOCK_BYTES: Final = 512
_EXTENSION_MAX_BYTES: Final = 1 << 16
_FILE: Final = b"0\x007"
_FOLDER: Final = b"5"
_PAX: Final = b"xX"
_PAX_GLOBAL: Final = b"g"
_LONG_NAME: Final = b"L"
_LONG_LINK: Final = b"K"
_EXTENSIONS: Final = _PAX + _PAX_GLOBAL + _LONG_NAME + _LONG_LINK
_SPECIAL_TYPES: Final = {
    b"1": "a link",
    b"2": "a link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a pipe",
}


@dataclass(frozen=True)
class TarEntry:
    """``data``: up to one byte more than asked for.

    ``special_type``: what it is, if no plain file.
    """

    name: str
    data: bytes
    special_type: str | None = None


def read_entries(stream: BufferedReader, max_entry_bytes: int) -> Iterator[TarEntry]:
    """The entries of a tar that are not folders, at most ``max_entry_bytes`` + 1 bytes of each.

    Raises ``ListUnreadable`` where the archive is truncated or damaged.
    """
    name: str | None = None
    size: int | None = None
    while header := _read_header(stream):
        type_flag = header[156:157]
        stated_size = _parse_size(header[124:136])
        if type_flag in _EXTENSIONS:
            if stated_size > _EXTENSION_MAX_BYTES:
                raise ListUnreadable("An entry of this tar has an absurdly long name.")
            content = _read_content(stream, stated_size, stated_size)
            if type_flag == _LONG_NAME:
                name = _decode_name(content.split(b"\x00")[0])
            elif type_flag in _PAX:
                name, size = _parse_pax(content, name, size)
            continue
        stated_size = stated_size if size is None else size
        entry_name = _parse_name(header) if name is None else name
        if type_flag in _FILE and not entry_name.endswith("/"):
            yield TarEntry(entry_name, _read_content(stream, stated_size, max_entry_bytes + 1))
        else:
            has_content = type_flag not in _SPECIAL_TYPES and type_flag != _FOLDER
            _read_content(stream, stated_size if has_content else 0, 0)
            if type_flag not in (_FOLDER, *_FILE):
                yield TarEntry(entry_name, b"", _SPECIAL_TYPES.get(type_flag, "no plain file"))
        name = size = None


def _read_header(stream: BufferedReader) -> bytes | None:
    """The next header, or nothing at the end: a block of zeros, or no block at all."""
    block = stream.read(_BLOCK_BYTES)
    if not any(block):
        return None
    if not is_tar_header(block):
        raise ListUnreadable("This tar is truncated or damaged; send the whole file.")
    return block


def _read_content(stream: BufferedReader, size: int, max_bytes: int) -> bytes:
    """The beginning of an entry's ``size`` bytes; the rest, padding included, is passed over."""
    data = stream.read(min(size, max_bytes))
    remaining = size - len(data) + -size % _BLOCK_BYTES
    if len(data) < min(size, max_bytes):
        raise ListUnreadable("This tar is truncated; send the whole file.")
    while remaining > 0:
        if not (skipped := stream.read(min(remaining, 1 << 16))):
            raise ListUnreadable("This tar is truncated; send the whole file.")
        remaining -= len(skipped)
    return data


def _parse_size(field: bytes) -> int:
    """An octal number, or one of base 256 if the first bit says so."""
    try:
        if field[0] == 0x80:
            return int.from_bytes(field[1:], "big")
        number = int(field.split(b"\x00")[0].strip() or b"0", 8)
    except ValueError:
        number = -1
    if number < 0:
        raise ListUnreadable("An entry of this tar has no readable size.")
    return number


def _parse_name(header: bytes) -> str:
    name = header[:100].split(b"\x00")[0]
    prefix = header[345:500].split(b"\x00")[0] if header[257:263] == b"ustar\x00" else b""
    return _decode_name(prefix + b"/" + name if prefix else name)


def _parse_pax(content: bytes, name: str | None, size: int | None) -> tuple[str | None, int | None]:
    """The name and size that an extended header gives: lines of "<length> <key>=<value>"."""
    while content:
        length, _, _ = content.partition(b" ")
        if not length.isdigit() or len(length) > 6 or not 0 < int(length) <= len(content):
            break
        record, content = content[len(length) + 1 : int(length)], content[int(length) :]
        key, _, value = record.rstrip(b"\n").partition(b"=")
        if key == b"path":
            name = _decode_name(value)
        elif key == b"size":
            size = int(value) if value.isdigit() and len(value) < 20 else size
    return name, size


def _decode_name(name: bytes) -> str:
    return name.decode("utf-8", "replace")
