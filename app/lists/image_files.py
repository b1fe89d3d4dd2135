"""Pictures that come as such: in a folder, in many parts of a form, or alone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from app.errors import ListEmpty, TooLarge
from app.lists import failures
from app.lists.file_types import HEAD_BYTES, PICTURE_SUFFIXES, is_archive, is_picture
from app.records import Failure, Item

NAME_MAX_CHARS: Final = 1024
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def items_from_files(
    parts: Iterable[tuple[str, BinaryIO]], *, max_items: int, max_picture_bytes: int
) -> Iterator[Item]:
    """An item a part, as they come; each is read only when its turn comes.

    Raises ``TooLarge`` behind ``max_items``.
    """
    for seq, (name, file) in enumerate(parts):
        if seq == max_items:
            raise too_many_rows(max_items)
        yield item_from_bytes(seq, name, file.read(max_picture_bytes + 1), max_picture_bytes)


def items_from_folder(path: Path, *, max_items: int, max_picture_bytes: int) -> Iterator[Item]:
    """The pictures below a folder by their suffixes, sorted by path; ``source`` is the path in it.

    Raises ``ListEmpty`` for a folder that holds none, ``TooLarge`` behind ``max_items``.
    """
    seq = -1
    for seq, picture_path in enumerate(walk_pictures(path)):
        if seq == max_items:
            raise too_many_rows(max_items)
        with picture_path.open("rb") as file:
            data = file.read(max_picture_bytes + 1)
        yield item_from_bytes(
            seq, picture_path.relative_to(path).as_posix(), data, max_picture_bytes
        )
    if seq < 0:
        raise ListEmpty(f"There are no pictures in {path}.")


def walk_pictures(folder: Path) -> Iterator[Path]:
    """Files below ``folder`` with a picture's suffix, one folder's names in memory at a time."""
    for entry in sorted(os.scandir(folder), key=lambda each: each.name):
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from walk_pictures(path)
        elif path.suffix.lower() in PICTURE_SUFFIXES and entry.is_file():
            yield path


def item_from_bytes(seq: int, name: str, data: bytes, max_bytes: int) -> Item:
    """The item for a file's bytes, of which up to one more than ``most`` were read."""
    source = printable_name(name)
    failure = picture_failure(source, data, max_bytes)
    if failure is not None:
        return Item(seq, source, failure=failure)
    return Item(seq, source, payload=data)


def picture_failure(name: str, data: bytes, max_bytes: int) -> Failure | None:
    """Why a file among pictures is not looked at, if it is not."""
    if len(data) > max_bytes:
        return failures.too_large(name, max_bytes)
    head = data[:HEAD_BYTES]
    if is_picture(head):
        return None
    if is_archive(head):
        return failures.row_invalid(f"{name} is packed within a list; unpack it and send it alone.")
    return failures.not_an_image(name)


def printable_name(name: str) -> str:
    """A file's name as it may be shown: no control characters, no end of it beyond reason."""
    return _UNPRINTABLE.sub("\ufffd", name[:NAME_MAX_CHARS])


def too_many_rows(max_items: int) -> TooLarge:
    """The error for a list of more than ``most`` rows."""
    return TooLarge(f"The list has more than {max_items} rows; split it.")
