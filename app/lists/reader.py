"""A follower list in whatever shape it comes → its items, in order, streamed.

bytes ─ signature ─┬─ picture ─────────────────────────────────┐
                   ├─ gzip ─ once, then again ─┐               │
                   ├─ zip, tar ─ entries ──────┼───────────────┤
                   └─ text ─ encoding ─┬─ JSON, NDJSON ─┐      │
                                       └─ CSV, TSV, URLs┴ rows ┴─▶ items
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, BinaryIO, Final

from app.errors import ListEmpty, ListUnreadable, NoAvatars
from app.lists import archive_reader, item_builder
from app.lists.byte_stream import Opener, gzip_opener, plain_opener, too_many_bytes
from app.lists.csv_reader import read_table
from app.lists.file_types import HEAD_BYTES, detect_file_type, is_picture
from app.lists.image_files import (
    item_from_bytes,
    items_from_files,
    items_from_folder,
    too_many_rows,
)
from app.lists.json_reader import is_json, read_json
from app.lists.text_reader import open_text
from app.lists.zip_reader import ZipReader
from app.records import Item

__all__ = ["FollowerList", "is_picture", "items_from_files", "items_from_folder", "open_list"]

_TSV_MEDIA_TYPES: Final = frozenset({"text/tab-separated-values", "text/tsv"})
_CP1252_NOTE: Final = "The list is not in UTF-8; it was read as Windows-1252."


@dataclass
class FollowerList:
    """A list that was opened: iterate once, while its file is open.

    ``format``: ``csv``, ``tsv``, ``urls``, ``json``, ``ndjson``, ``zip``, ``tar``, ``picture``, or
    the platform whose accounts it holds: ``x_v1``, ``x_v2``, ``mastodon``, ``bluesky``,
    ``github``, ``instagram``. ``columns``: what ``cells`` of its items stand under; none where the
    items say it all. ``options``: what stood beside ``items``, unvalidated. ``notes``: what the
    reader took the liberty of, in sentences.

    Iterating raises ``ListUnreadable`` where a list turns out to be broken further down, and
    ``TooLarge`` behind its limits: take all items, or none.
    """

    format: str
    columns: tuple[str, ...]
    items: Iterator[Item]
    options: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

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
) -> FollowerList:
    """The list in ``file``, which is seekable and stays open while the list is iterated.

    What it is, its bytes say; ``name`` and ``media_type`` decide only between tabs and other signs.
    ``max_bytes`` is counted unpacked. Raises ``ListUnreadable``, ``ListEmpty``, ``NoAvatars`` or
    ``TooLarge``; memory does not grow with the list.
    """
    is_tsv = media_type.split(";")[0].strip().lower() in _TSV_MEDIA_TYPES or name.lower().endswith(
        ".tsv"
    )
    opener, kind = _unpack(file, max_bytes)
    if kind == "picture":
        data = opener().read(max_picture_bytes + 1)
        follower_list = FollowerList(
            kind, (), iter([item_from_bytes(0, name, data, max_picture_bytes)])
        )
    elif kind == "zip":
        follower_list = _read_zip_list(ZipReader(file, max_bytes), is_tsv, max_picture_bytes)
    elif kind == "tar":
        follower_list = FollowerList(
            kind, (), archive_reader.read_tar_items(opener(), max_picture_bytes)
        )
    elif kind == "text":
        follower_list = _read_text_list(opener, is_tsv)
    else:
        raise ListUnreadable(
            f"This is {kind}, which is not read here; send CSV, TSV, JSON, NDJSON, one URL a line, "
            "a zip or tar of pictures, or gzip of any list."
        )
    follower_list.items = _limit_items(_require_items(follower_list.items), max_items)
    return follower_list


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
    opener: Opener, is_tsv: bool, files: item_builder.FileLookup | None = None
) -> FollowerList:
    text = open_text(opener)
    options: Mapping[str, Any] = {}
    if is_json(text):
        table, options = read_json(text)
    elif text.read_head(HEAD_BYTES).lstrip().startswith("<"):
        raise ListUnreadable("This is a web page or XML, not a list; send the list itself.")
    else:
        table = read_table(text, "\t" if is_tsv else None)
    notes = (_CP1252_NOTE,) if text.encoding == "cp1252" else ()
    return FollowerList(
        table.format, table.columns, item_builder.build_items(table, files), options, notes
    )


def _read_zip_list(archive: ZipReader, is_tsv: bool, max_picture_bytes: int) -> FollowerList:
    """The pictures of a zip, or the list in it with the pictures that it names, then the others."""
    info = archive_reader.find_list_entry(archive)
    if info is None:
        return FollowerList("zip", (), archive_reader.read_zip_items(archive, max_picture_bytes))
    files = archive_reader.ArchiveFiles(archive, max_picture_bytes)
    try:
        follower_list = _read_text_list(lambda: archive.open_entry(info), is_tsv, files)
    except (ListEmpty, ListUnreadable, NoAvatars):
        if len(archive.entries) == 1:
            raise
        # A text beside pictures that is no list: a licence, a note. It fails as a picture would.
        return FollowerList("zip", (), archive_reader.read_zip_items(archive, max_picture_bytes))
    files.used_names.add(info.filename)
    follower_list.items = _append_other_pictures(
        follower_list.items, archive, files, max_picture_bytes
    )
    return follower_list


def _append_other_pictures(
    items: Iterator[Item],
    archive: ZipReader,
    files: archive_reader.ArchiveFiles,
    max_picture_bytes: int,
) -> Iterator[Item]:
    seq = -1
    for item in items:
        seq = item.seq
        yield item
    yield from archive_reader.read_zip_items(
        archive, max_picture_bytes, seq + 1, frozenset(files.used_names)
    )


def _require_items(items: Iterator[Item]) -> Iterator[Item]:
    """``items``, of which there is at least one; raises ``ListEmpty``."""
    first = next(items, None)
    if first is None:
        raise ListEmpty("There is nothing in this list.")
    return chain([first], items)


def _limit_items(items: Iterator[Item], max_items: int) -> Iterator[Item]:
    for item in items:
        if item.seq >= max_items:
            raise too_many_rows(max_items)
        yield item
