"""The files of a bundle against its sums: nothing has changed, is missing or was added."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from io import BufferedReader
from typing import Final

from app.errors import ListUnreadable
from app.lists.archives.zip import ZipReader
from app.runtime.evidence.findings import BundleCheck, Mismatches
from app.runtime.evidence.zip_stream import SUMS_NAME

MAX_BYTES: Final = 8_000_000_000
"""Of all files together, unpacked."""
_PIECE_BYTES: Final = 1 << 20
_SUM_LINE: Final = re.compile(r"([0-9a-f]{64})  ([^\r\n]{1,1024})")


def check_files(bundle: ZipReader, sums_data: bytes) -> Iterator[BundleCheck]:
    """Every file against the sums, and the sums against the files.

    ``sums_data``: of ``SHA256SUMS``. Raises ``ListUnreadable`` for a damaged file.
    """
    mismatches = Mismatches()
    sums = _read_sums(sums_data, mismatches)
    names = Counter(bundle.names())
    for name in sums.keys() - names.keys():
        mismatches.add(f"{name!r} is missing")
    for name in bundle.ignored:
        mismatches.add(f"{name!r} is not in {SUMS_NAME}")
    for name, count in names.items():
        if count > 1:
            mismatches.add(f"{name!r} is in the zip {count} times")
    for name, digest in _hash_entries(bundle):
        if name not in sums:
            mismatches.add(f"{name!r} is not in {SUMS_NAME}")
        elif digest != sums[name]:
            mismatches.add(f"{name!r} has changed")
    yield from mismatches.rows("files")
    if not mismatches.count:
        sums_sha256 = hashlib.sha256(sums_data).hexdigest()
        detail = f"{len(sums):,} files are as {SUMS_NAME} says, whose SHA-256 is {sums_sha256}"
        yield BundleCheck("files", "ok", detail)


def _read_sums(sums_data: bytes, mismatches: Mismatches) -> dict[str, str]:
    """SHA-256 by name, in the format of ``sha256sum``."""
    sums: dict[str, str] = {}
    for line in sums_data.decode("utf-8", "replace").splitlines():
        match = _SUM_LINE.fullmatch(line)
        if match is None or match[2] in sums:
            mismatches.add(f"{SUMS_NAME} has a line that is none: {line[:80]!r}")
        else:
            sums[match[2]] = match[1]
    return sums


def _hash_entries(bundle: ZipReader) -> Iterator[tuple[str, str]]:
    remaining = MAX_BYTES
    for info in bundle.entries:
        if info.filename != SUMS_NAME:
            digest, size = hash_entry(bundle.open_entry(info), remaining)
            remaining -= size
            yield info.filename, digest


def hash_entry(entry: BufferedReader, max_bytes: int) -> tuple[str, int]:
    """SHA-256 (hex) and size of an entry. Raises ``ListUnreadable`` beyond ``max_bytes``."""
    digest, size = hashlib.sha256(), 0
    while piece := entry.read(_PIECE_BYTES):
        digest.update(piece)
        size += len(piece)
        if size > max_bytes:
            raise ListUnreadable("This zip unpacks to more than a bundle does.")
    return digest.hexdigest(), size
