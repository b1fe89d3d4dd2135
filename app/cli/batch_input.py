"""What ``eyeline batch`` was pointed at, ready to be read, and known again by its content."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO, Final

from app.lists.image_files import walk_pictures
from app.lists.reader import items_from_folder, open_list
from app.records import Item
from app.runtime.batch_json import BatchOptions, validate_fields
from app.settings import Settings

_CHUNK_BYTES: Final = 1_048_576


@dataclass(frozen=True)
class BatchInput:
    """A list that is ready to be read. ``digest``: of its content; ``name``: to people."""

    name: str
    digest: str
    items: Iterable[Item]
    list_format: str
    columns: tuple[str, ...] = ()
    options: BatchOptions = field(default_factory=BatchOptions)


@contextmanager
def open_input(source: str, state_dir: Path, settings: Settings) -> Iterator[BatchInput]:
    """``source`` while it is read: a file, a folder, or ``-``, which goes to ``state_dir`` first.

    Raises what reading a list raises, and ``OSError``.
    """
    folder = Path(source)
    if source != "-" and folder.is_dir():
        items = items_from_folder(
            folder, max_items=settings.max_list_items, max_picture_bytes=settings.max_bytes
        )
        yield BatchInput(folder.resolve().name, _digest_folder(folder), items, "folder")
        return
    with tempfile.TemporaryFile(dir=state_dir) if source == "-" else folder.open("rb") as file:
        digest = _copy_and_hash(sys.stdin.buffer, file) if source == "-" else _hash_file(file)
        followers = open_list(
            _as_binary_io(file),
            name="" if source == "-" else folder.name,
            max_items=settings.max_list_items,
            max_bytes=settings.max_list_bytes,
            max_picture_bytes=settings.max_bytes,
        )
        options = validate_fields(BatchOptions, dict(followers.options))
        name = "standard input" if source == "-" else folder.name
        yield BatchInput(name, digest, followers, followers.format, followers.columns, options)


def _digest_folder(folder: Path) -> str:
    """Of pictures' names, sizes and times: enough to tell whether it is still what was begun.

    Of pictures alone: the results may be written, and their state kept, in the same folder.
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
