"""Lists that ask for far more memory than they have bytes; sent by ``memory``.

Each is a few megabytes at most on the wire. Its URLs lead to a private address, so that nothing is
fetched.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from typing import Final

URL: Final = "https://127.0.0.1/{}.jpg"
ROW_CHARS: Final = 15_000
"""Of an emoji each: just below what a row may have."""

HostileList = tuple[str, bytes]
"""The content type and the body."""


def _noise(count: int, seed: int) -> str:
    """Text that gzip packs about a hundred times: less than it may."""
    rng = random.Random(seed)  # noqa: S311 - a sample, not a secret
    block = "".join(rng.choices("abcdefghijklmnop", k=700))
    return (block * (count // 700 + 1))[:count]


def _faces(count: int, seed: int) -> str:
    """The same of characters beyond the first 65,536."""
    return _noise(count, seed).translate({code: 0x1F600 + code - 97 for code in range(97, 123)})


def wide_rows() -> HostileList:
    """1,500 rows of 60 kB."""
    rows = (f"{n},{URL.format(n)},{_noise(60_000, n % 40)}\n" for n in range(1_500))
    return "application/gzip", _gzip(_encoded("id,url,about\n", rows))


def wide_emoji_rows() -> HostileList:
    """500 rows of characters that take four bytes each, and twelve as they are stored."""
    rows = (f"{n},{URL.format(n)},{_faces(ROW_CHARS, n % 40)}\n" for n in range(500))
    return "application/gzip", _gzip(_encoded("id,url,about\n", rows))


def rows_of_a_megabyte() -> HostileList:
    """300 rows that are each far larger than a row may be."""
    rows = (f"{n},{URL.format(n)},{_noise(1_000_000, n % 10)}\n" for n in range(300))
    return "application/gzip", _gzip(_encoded("id,url,about\n", rows))


def wide_members() -> HostileList:
    """A JSON document with 400 members of a megabyte beside its items."""
    members = (f'"{n}": "{_noise(1_000_000, n % 10)}", ' for n in range(400))
    items = json.dumps([{"custom_id": "a", "url": URL.format(1)}])
    return "application/gzip", _gzip(_encoded("{", members, f'"items": {items}}}'))


def wide_objects() -> HostileList:
    """1,500 objects of 60 kB whose picture comes last."""
    rows = (
        json.dumps({"about": _noise(60_000, n % 40), "url": URL.format(n)}) + "\n"
        for n in range(1_500)
    )
    return "application/gzip", _gzip(_encoded("", rows))


def many_empty_values() -> HostileList:
    """Lines whose objects hold nothing but empty arrays and objects."""
    line = '{"pad": [' + '[],{"":{}},' * 150_000 + "0]}\n"
    rows = (line for _ in range(6))
    good = json.dumps({"url": URL.format(0)}) + "\n"
    return "application/x-ndjson", b"".join(_encoded(good, rows))


def gzip_rows() -> HostileList:
    """The same short row over and over: 442 bytes became 53 MB once."""
    rows = (f"{URL.format(0)}\n" * 10_000 for _ in range(250))
    return "application/gzip", _gzip(_encoded("url\n", rows))


def zip_list() -> HostileList:
    """The same in a zip."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("list.csv", b"url\n" + f"{URL.format(0)}\n".encode() * 2_000_000)
    return "application/zip", packed.getvalue()


def bad_checksums() -> HostileList:
    """2,000 entries that unpack to 4 MB each, and whose checksums are wrong."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        picture = b"\xff\xd8\xff" + bytes(4_000_000)
        archive.writestr("0.jpg", picture)
        archive.writestr("1.jpg", b"x")
    first = packed.getvalue()
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        info, after = archive.infolist()
        entry = first[info.header_offset : after.header_offset]
    return "application/zip", _repeat_entry(entry, 2_000, info.compress_size, info.file_size)


def _repeat_entry(entry: bytes, count: int, packed_bytes: int, unpacked_bytes: int) -> bytes:
    """A zip of ``count`` copies of a local entry, all with a wrong checksum."""
    out, directory = bytearray(), bytearray()
    for n in range(count):
        name = f"{n:05}"[-5:].encode()
        at = len(out)
        copy = bytearray(entry)
        copy[14:18] = b"\xde\xad\xbe\xef"
        copy[30:35] = name
        out += copy
        directory += struct.pack(
            "<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 8, 0, 33, 0xEFBEADDE, packed_bytes,
            unpacked_bytes, 5, 0, 0, 0, 0, 0, at,
        ) + name  # fmt: skip
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), len(out), 0)
    return bytes(out + directory + end)


def _encoded(head: str, parts: Iterator[str], tail: str = "") -> Iterator[bytes]:
    yield head.encode()
    yield from (part.encode() for part in parts)
    yield tail.encode()


def _gzip(chunks: Iterator[bytes]) -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=6, mtime=0) as file:
        for chunk in chunks:
            file.write(chunk)
    return packed.getvalue()


HOSTILE_LISTS: Final[dict[str, Callable[[], HostileList]]] = {
    make.__name__: make
    for make in (
        wide_rows,
        wide_emoji_rows,
        rows_of_a_megabyte,
        wide_members,
        wide_objects,
        many_empty_values,
        gzip_rows,
        zip_list,
        bad_checksums,
    )
}
