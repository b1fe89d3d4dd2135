"""The input of ``eyeline batch``: opened, and identified by its content."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO, Final

from app.lists.image_files import walk_pictures
from app.lists.reader import FollowerList, open_folder, open_list
from app.runtime.batch_json import BatchOptions, validate_fields
from app.settings import Settings

_CHUNK_BYTES: Final = 1_048_576


@dataclass(frozen=True)
class BatchInput:
    """An opened list. ``digest``: of its content; ``name``: for display."""

    name: str
    digest: str
    followers: FollowerList
    options: BatchOptions = field(default_factory=BatchOptions)


@contextmanager
def open_input(
    source: str, spool_dir: Path | None, settings: Settings, keep_columns: Sequence[str] = ()
) -> Iterator[BatchInput]:
    """``source`` while it is read: a file, a folder, or ``-``, which goes to ``spool_dir`` first.

    ``keep_columns``: columns of personal data to keep. Raises what reading a list raises, and
    ``OSError``.
    """
    folder = Path(source)
    if source != "-" and folder.is_dir():
        followers = open_folder(
            folder, max_items=settings.max_list_items, max_picture_bytes=settings.max_bytes
        )
        yield BatchInput(folder.resolve().name, _digest_folder(folder), followers)
        return
    with tempfile.TemporaryFile(dir=spool_dir) if source == "-" else folder.open("rb") as file:
        digest = _copy_and_hash(sys.stdin.buffer, file) if source == "-" else _hash_file(file)
        followers = open_list(
            _as_binary_io(file),
            name="" if source == "-" else folder.name,
            max_items=settings.max_list_items,
            max_bytes=settings.max_list_bytes,
            max_picture_bytes=settings.max_bytes,
            keep_columns=keep_columns,
        )
        options = validate_fields(BatchOptions, dict(followers.options))
        name = "standard input" if source == "-" else folder.name
        if keep_columns:  # the stored cells differ, so it is another input
            digest += ":" + ",".join(sorted(keep_columns))
        yield BatchInput(name, digest, followers, options)


def _digest_folder(folder: Path) -> str:
    """Digest of the pictures' names, sizes and modification times, to recognise the same input.

    Other files are ignored: the results may be written to the same folder.
    """
    digest = hashlib.sha256()
    for path in walk_pictures(folder):
        stat = path.stat()
        digest.update(os.fsencode(path.relative_to(folder)))
        digest.update(f"\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def _copy_and_hash(stream: IO[bytes], file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := stream.read(_CHUNK_BYTES):
        digest.update(chunk)
        file.write(chunk)
    file.seek(0)
    return digest.hexdigest()


def _hash_file(file: Any) -> str:
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    return digest


def _as_binary_io(file: Any) -> BinaryIO:
    binary: BinaryIO = file
    return binary
