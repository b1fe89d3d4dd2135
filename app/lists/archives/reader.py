"""Zip and tar → the items for their pictures; which entry of a zip is a list."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from io import BufferedReader
from pathlib import PurePosixPath
from typing import Final

from app.errors import ListUnreadable, NoAvatars
from app.lists import failures
from app.lists.archives import tar as tar_reader
from app.lists.archives.zip import ZipReader, is_junk, name_defect, normalize_slashes
from app.lists.image_files import ignored_note, item_from_bytes
from app.lists.notes import ListNotes
from app.lists.printable import printable_name
from app.records import Failure, Item

LIST_SUFFIXES: Final = frozenset({".csv", ".tsv", ".json", ".ndjson", ".jsonl"})
_TEXT_SUFFIXES: Final = LIST_SUFFIXES | {".txt", ".js"}


def read_tar_items(
    stream: BufferedReader, max_picture_bytes: int, notes: ListNotes
) -> Iterator[Item]:
    """The pictures of a tar, in its order; any other entry is an item with a failure."""
    seq, ignored = 0, list[str]()
    for entry in tar_reader.read_entries(stream, max_picture_bytes):
        if is_junk(name := normalize_slashes(entry.name).removeprefix("./")):
            ignored.append(name)
            continue
        shown_name = printable_name(name)
        if entry.special_type is not None:
            failure = failures.row_invalid(f"{shown_name} is {entry.special_type}, not a file.")
            yield Item(seq, shown_name, failure=failure)
        elif (defect := name_defect(name)) is not None:
            yield Item(seq, shown_name, failure=failures.row_invalid(f"{shown_name} {defect}"))
        else:
            yield item_from_bytes(seq, name, entry.data, max_picture_bytes)
        seq += 1
    if ignored:
        notes.add(ignored_note(ignored))


def read_zip_items(
    archive: ZipReader,
    max_picture_bytes: int,
    first_seq: int = 0,
    excluded_names: frozenset[str] = frozenset(),
) -> Iterator[Item]:
    """The pictures of a zip, in its order, without those that a list named."""
    seq = first_seq
    for info in archive.entries:
        if info.filename in excluded_names:
            continue
        name = normalize_slashes(info.filename)
        data = archive.read_entry(info, max_picture_bytes)
        if isinstance(data, Failure):
            yield Item(seq, printable_name(name), failure=data)
        else:
            yield item_from_bytes(seq, name, data, max_picture_bytes)
        seq += 1


def find_list_entry(archive: ZipReader) -> zipfile.ZipInfo | None:
    """The list in a zip, if there is exactly one, or nothing but it.

    Raises ``NoAvatars`` for an X archive, ``ListUnreadable`` for a workbook or several lists.
    """
    names = set(archive.names())
    if "xl/workbook.xml" in names:
        raise ListUnreadable("This is an Excel workbook; save it as CSV and send that.")
    entries_by_path = {PurePosixPath(normalize_slashes(i.filename)): i for i in archive.entries}
    if any(path.name == "follower.js" for path in entries_by_path):
        raise NoAvatars(
            "An X archive names followers by number and holds no pictures of them. Look the "
            "accounts up, and send a CSV with the columns `id` and `profile_image_url` instead."
        )
    text_entries = [
        i for path, i in entries_by_path.items() if path.suffix.lower() in _TEXT_SUFFIXES
    ]
    list_entries = [
        i for path, i in entries_by_path.items() if path.suffix.lower() in LIST_SUFFIXES
    ]
    if len(text_entries) == len(entries_by_path) and len(list_entries or text_entries) > 1:
        raise ListUnreadable("There are several lists in this zip; send them one at a time.")
    candidates = list_entries if list_entries else text_entries
    return candidates[0] if len(candidates) == 1 else None
