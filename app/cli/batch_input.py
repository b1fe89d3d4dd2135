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

from app.api.analyses.request import validated
from app.api.batches.schemas import BatchOptions
from app.lists.image_files import pictures_below
from app.lists.reader import from_folder, open_list
from app.records import Item
from app.settings import Settings

_CHUNK_BYTES: Final = 1_048_576


@dataclass(frozen=True)
class Source:
    """A list that is ready to be read. ``digest``: of its content; ``name``: to people."""

    name: str
    digest: str
    items: Iterable[Item]
    list_format: str
    columns: tuple[str, ...] = ()
    options: BatchOptions = field(default_factory=BatchOptions)


@contextmanager
def opened(source: str, state: Path, settings: Settings) -> Iterator[Source]:
    """``source`` while it is read: a file, a folder, or ``-``, which is put into ``state`` first.

    Raises what reading a list raises, and ``OSError``.
    """
    folder = Path(source)
    if source != "-" and folder.is_dir():
        items = from_folder(
            folder, max_items=settings.max_list_items, max_picture_bytes=settings.max_bytes
        )
        yield Source(folder.resolve().name, _folder_digest(folder), items, "folder")
        return
    with tempfile.TemporaryFile(dir=state) if source == "-" else folder.open("rb") as file:
        digest = _taken_in(sys.stdin.buffer, file) if source == "-" else _hashed(file)
        followers = open_list(
            _seekable(file),
            name="" if source == "-" else folder.name,
            max_items=settings.max_list_items,
            max_bytes=settings.max_list_bytes,
            max_picture_bytes=settings.max_bytes,
        )
        options = validated(BatchOptions, dict(followers.options))
        name = "standard input" if source == "-" else folder.name
        yield Source(name, digest, followers, followers.format, followers.columns, options)


def _folder_digest(folder: Path) -> str:
    """Of pictures' names, sizes and times: enough to tell whether it is still what was begun.

    Of pictures alone: the results may be written, and their state kept, in the same folder.
    """
    digest = hashlib.sha256()
    for path in pictures_below(folder):
        known = path.stat()
        digest.update(os.fsencode(path.relative_to(folder)))
        digest.update(f"\0{known.st_size}\0{known.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def _taken_in(stream: IO[bytes], file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := stream.read(_CHUNK_BYTES):
        digest.update(chunk)
        file.write(chunk)
    file.seek(0)
    return digest.hexdigest()


def _hashed(file: Any) -> str:
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    return digest


def _seekable(file: Any) -> BinaryIO:
    found: BinaryIO = file
    return found
