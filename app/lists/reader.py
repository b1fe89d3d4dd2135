"""A follower list in whatever shape it comes → its items, in order, streamed.

bytes ─ signature ─┬─ picture ─────────────────────────────────┐
                   ├─ gzip ─ once, then again ─┐               │
                   ├─ zip, tar ─ entries ──────┼───────────────┤
                   └─ text ─ encoding ─┬─ JSON, NDJSON ─┐      │
                                       └─ CSV, TSV, URLs┴ rows ┴─▶ items
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Final

from app.errors import ListEmpty, ListUnreadable, NoAvatars
from app.lists import item_builder
from app.lists.archives import reader as archive_reader
from app.lists.archives.files import ArchiveFiles
from app.lists.archives.zip import ZipReader
from app.lists.byte_stream import Opener, gzip_opener, plain_opener, too_many_bytes
from app.lists.columns.mapping_notes import describe_mapping
from app.lists.csv_reader import read_table
from app.lists.file_types import HEAD_BYTES, detect_file_type, is_picture
from app.lists.image_files import (
    ignored_note,
    item_from_bytes,
    items_from_files,
    items_from_folder,
)
from app.lists.json.reader import is_json, read_json
from app.lists.notes import ListNotes
from app.lists.repeats import check_items
from app.lists.text_reader import open_text
from app.records import Item

__all__ = ["FollowerList", "is_picture", "items_from_files", "open_folder", "open_list"]

_TSV_MEDIA_TYPES: Final = frozenset({"text/tab-separated-values", "text/tsv"})
_CP1252_NOTE: Final = "The list is not in UTF-8; it was read as Windows-1252."
_REPLACED_NOTE: Final = (
    "Characters that are broken in the file (not UTF-8) are shown as \ufffd: {n}."
)
_UNNAMED_PICTURE_NOTES: Final = (
    "1 picture in the zip is named by no row; it was added behind the list.",
    "{n} pictures in the zip are named by no row; they were added behind the list.",
)


@dataclass
class FollowerList:
    """A list that was opened: iterate once, while its file is open.

    ``format``: ``csv``, ``tsv``, ``urls``, ``json``, ``ndjson``, ``zip``, ``tar``, ``picture``, or
    the platform whose accounts it holds: ``x_v1``, ``x_v2``, ``mastodon``, ``bluesky``,
    ``github``, ``instagram``. ``columns``: the names of the items' ``cells``; none where an item
    holds all of the row anyway. ``options``: what stood beside our ``items``, unvalidated.
    ``notes``: what was noticed, complete once the items were iterated. ``read_as``: which column
    gives the ``picture``, the ``custom_id`` and each field of the account.

    Iterating raises ``ListUnreadable`` where a list turns out to be broken further down, and
    ``TooLarge`` beyond its limits: take all items, or none.
    """

    format: str
    columns: tuple[str, ...]
    items: Iterator[Item]
    options: Mapping[str, Any] = field(default_factory=dict)
    notes: ListNotes = field(default_factory=ListNotes)
    read_as: Mapping[str, list[str]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Item]:
        return self.items


def open_list(
    file: BinaryIO,
    *,
    name: str = "",
    media_type: str = "",
    max_items: int,
    max_bytes: int,
    max_picture_bytes: int,
    keep_columns: Collection[str] = (),
) -> FollowerList:
    """The list in ``file``, which is seekable and stays open while the list is iterated.

    Its bytes decide what it is; ``name`` and ``media_type`` decide only between tabs and other
    separators. ``max_bytes`` is counted unpacked. ``keep_columns``: personal columns that the
    sender asked for by name. Raises ``ListUnreadable``, ``ListEmpty``, ``NoAvatars`` or
    ``TooLarge``; memory does not grow with the list.
    """
    is_tsv = media_type.split(";")[0].strip().lower() in _TSV_MEDIA_TYPES or name.lower().endswith(
        ".tsv"
    )
    opener, kind = _unpack(file, max_bytes)
    context = item_builder.ReadContext(ListNotes(), keep_columns)
    if kind == "picture":
        data = opener().read(max_picture_bytes + 1)
        follower_list = FollowerList(
            kind, (), iter([item_from_bytes(0, name, data, max_picture_bytes)])
        )
    elif kind == "zip":
        archive = ZipReader(file, max_bytes)
        follower_list = _read_zip_list(archive, is_tsv, max_picture_bytes, context)
        if archive.ignored:
            follower_list.notes.add(ignored_note(archive.ignored))
    elif kind == "tar":
        items = archive_reader.read_tar_items(opener(), max_picture_bytes, context.notes)
        follower_list = FollowerList(kind, (), items, notes=context.notes)
    elif kind == "text":
        follower_list = _read_text_list(opener, is_tsv, context)
    else:
        raise ListUnreadable(
            f"This is {kind}, which is not read here; send CSV, TSV, JSON, NDJSON, one URL a line, "
            "a zip or tar of pictures, or gzip of any list."
        )
    items = _require_items(follower_list.items)
    follower_list.items = check_items(items, max_items, follower_list.notes)
    return follower_list


def open_folder(path: Path, *, max_items: int, max_picture_bytes: int) -> FollowerList:
    """The pictures below a folder as a list. Raises ``ListEmpty`` and ``TooLarge`` while read."""
    notes = ListNotes()
    items = items_from_folder(
        path, max_items=max_items, max_picture_bytes=max_picture_bytes, notes=notes
    )
    return FollowerList("folder", (), items, notes=notes)


def _unpack(file: BinaryIO, max_bytes: int) -> tuple[Opener, str]:
    """The bytes to read, without the gzip around them, and what they are."""
    size = file.seek(0, 2)
    file.seek(0)
    kind = detect_file_type(file.read(HEAD_BYTES))
    if kind != "gzip":
        if kind != "zip" and size > max_bytes:
            raise too_many_bytes(max_bytes)
        return plain_opener(file, max_bytes), kind
    opener = gzip_opener(file, max_bytes)
    kind = detect_file_type(opener().read(HEAD_BYTES))
    if kind in ("gzip", "zip"):
        raise ListUnreadable(f"This is a {kind} packed in gzip; unpack it once and send that.")
    return opener, kind


def _read_text_list(
    opener: Opener, is_tsv: bool, context: item_builder.ReadContext
) -> FollowerList:
    text = open_text(opener)
    notes = context.notes
    options: Mapping[str, Any] = {}
    if text.encoding == "cp1252":
        notes.add(_CP1252_NOTE)
    elif text.replaced:
        notes.add(_REPLACED_NOTE.format(n=text.replaced))
    if is_json(text):
        table, options = read_json(text, notes, context.keep)
    elif text.read_head(HEAD_BYTES).lstrip().startswith("<"):
        raise ListUnreadable("This is a web page or XML, not a list; send the list itself.")
    else:
        table = read_table(text, "\t" if is_tsv else None, notes, context.keep)
    mapping, items = item_builder.build_items(table, context)
    return FollowerList(
        table.format, table.columns, items, options, notes, describe_mapping(table, mapping)
    )


def _read_zip_list(
    archive: ZipReader, is_tsv: bool, max_picture_bytes: int, context: item_builder.ReadContext
) -> FollowerList:
    """The pictures of a zip, or the list in it with the pictures that it names, then the others."""
    info = archive_reader.find_list_entry(archive)
    if info is None:
        items = archive_reader.read_zip_items(archive, max_picture_bytes)
        return FollowerList("zip", (), items, notes=context.notes)
    files = ArchiveFiles(archive, info.filename, max_picture_bytes)
    try:
        follower_list = _read_text_list(
            lambda: archive.open_entry(info), is_tsv, replace(context, files=files)
        )
    except (ListEmpty, ListUnreadable, NoAvatars):
        if len(archive.entries) == 1:
            raise
        # A text beside pictures that is no list: a licence, a note. It fails as a picture would.
        return FollowerList("zip", (), archive_reader.read_zip_items(archive, max_picture_bytes))
    files.used_names.add(info.filename)
    follower_list.items = _append_other_pictures(
        follower_list.items, follower_list, archive, files, max_picture_bytes
    )
    return follower_list


def _append_other_pictures(
    items: Iterator[Item],
    follower_list: FollowerList,
    archive: ZipReader,
    files: ArchiveFiles,
    max_picture_bytes: int,
) -> Iterator[Item]:
    """The items of the list, then the pictures that no row names: by their names in its column."""
    seq = -1
    for item in items:
        seq = item.seq
        yield item
    columns = follower_list.columns
    picture_columns = follower_list.read_as.get("picture", [])
    column = columns.index(picture_columns[0]) if picture_columns else 0
    for item in archive_reader.read_zip_items(
        archive, max_picture_bytes, seq + 1, frozenset(files.used_names)
    ):
        follower_list.notes.tally(*_UNNAMED_PICTURE_NOTES)
        cells = tuple(item.source if i == column else "" for i in range(len(columns)))
        yield replace(item, cells=cells)


def _require_items(items: Iterator[Item]) -> Iterator[Item]:
    """``items``, of which there is at least one; raises ``ListEmpty``."""
    first = next(items, None)
    if first is None:
        raise ListEmpty("There is nothing in this list.")
    return chain([first], items)
