"""Pictures as files: in a folder, in the parts of a form, or a single one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from app.errors import ListEmpty, TooLarge
from app.lists import failures
from app.lists.file_types import (
    HEAD_BYTES,
    OTHER_PICTURE_SUFFIXES,
    PICTURE_SUFFIXES,
    is_archive,
    is_picture,
)
from app.lists.notes import ListNotes
from app.lists.printable import printable_name
from app.records import Failure, Item


def items_from_files(
    parts: Iterable[tuple[str, BinaryIO]], *, max_items: int, max_picture_bytes: int
) -> Iterator[Item]:
    """One item for each part, in their order; a part is read only when its item is taken.

    Raises ``TooLarge`` behind ``max_items``.
    """
    for seq, (name, file) in enumerate(parts):
        if seq == max_items:
            raise too_many_rows(max_items)
        yield item_from_bytes(seq, name, file.read(max_picture_bytes + 1), max_picture_bytes)


def items_from_folder(
    path: Path, *, max_items: int, max_picture_bytes: int, notes: ListNotes | None = None
) -> Iterator[Item]:
    """The pictures below a folder, sorted by path; ``source`` is the path in it.

    A file that cannot be read is an item with a failure. ``notes``: takes what was left out.
    Raises ``ListEmpty`` for a folder that holds none, ``TooLarge`` behind ``max_items``.
    """
    seq = -1
    ignored: list[str] = []
    for seq, picture_path in enumerate(walk_pictures(path, ignored)):
        if seq == max_items:
            raise too_many_rows(max_items)
        name = picture_path.relative_to(path).as_posix()
        try:
            with picture_path.open("rb") as file:
                data = file.read(max_picture_bytes + 1)
        except OSError as error:
            reason = f"{printable_name(name)} cannot be read: {error.strerror or error}."
            yield Item(seq, printable_name(name), failure=failures.row_invalid(reason))
            continue
        yield item_from_bytes(seq, name, data, max_picture_bytes)
    if seq < 0:
        raise ListEmpty(f"There are no pictures in {path}.")
    if ignored and notes is not None:
        notes.add(ignored_note(ignored))


def walk_pictures(folder: Path, ignored: list[str] | None = None) -> Iterator[Path]:
    """The pictures below ``folder``, one folder's names in memory at a time.

    A picture has a picture's suffix or none at all (as saved avatars do), or begins like a picture.
    ``ignored``: takes the names of hidden files and of files of other kinds.
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda each: each.name)
    except PermissionError:
        yield folder  # it cannot be listed: its item says so
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.name.startswith("."):
            if ignored is not None:
                ignored.append(entry.name)
        elif entry.is_dir(follow_symlinks=False):
            yield from walk_pictures(path, ignored)
        elif _is_picture_file(path):
            yield path
        elif ignored is not None:
            ignored.append(entry.name)


def _is_picture_file(path: Path) -> bool:
    if not path.is_file():
        return False
    suffix = path.suffix.lower()
    if suffix in PICTURE_SUFFIXES or suffix in OTHER_PICTURE_SUFFIXES or not suffix:
        return True
    try:
        with path.open("rb") as file:
            return is_picture(file.read(HEAD_BYTES))
    except OSError:
        return False


def ignored_note(names: Sequence[str]) -> str:
    """What was left out because it is hidden, or no picture."""
    shown = ", ".join(f"`{printable_name(name)[:60]}`" for name in names[:5])
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    files = "1 file was" if len(names) == 1 else f"{len(names)} files were"
    return f"{files} left out, hidden or not pictures: {shown}{more}."


def item_from_bytes(seq: int, name: str, data: bytes, max_bytes: int) -> Item:
    """The item for a file's bytes, of which up to one more than ``max_bytes`` were read."""
    source = printable_name(name)
    failure = picture_failure(source, data, max_bytes)
    if failure is not None:
        return Item(seq, source, failure=failure)
    return Item(seq, source, payload=data)


def picture_failure(name: str, data: bytes, max_bytes: int) -> Failure | None:
    """Why a file among pictures is not analysed; ``None`` if it is."""
    if len(data) > max_bytes:
        return failures.too_large(name, max_bytes)
    head = data[:HEAD_BYTES]
    if is_picture(head):
        return None
    if is_archive(head):
        return failures.row_invalid(f"{name} is packed within a list; unpack it and send it alone.")
    return failures.not_an_image(name)


def too_many_rows(max_items: int) -> TooLarge:
    """The error for a list of more than ``max_items`` rows."""
    return TooLarge(f"The list has more than {max_items} rows; split it.")
