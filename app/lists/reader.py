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
from app.lists.byte_stream import Opener, gunzipped, plain, too_long
from app.lists.csv_reader import read_table
from app.lists.file_types import HEAD_BYTES, is_picture, kind_of
from app.lists.image_files import from_files, from_folder, item_of, too_many
from app.lists.json_reader import is_json, read_json
from app.lists.text_reader import open_text
from app.lists.zip_reader import Zip
from app.records import Item

__all__ = ["FollowerList", "from_files", "from_folder", "is_picture", "open_list"]

_TSV: Final = frozenset({"text/tab-separated-values", "text/tsv"})
_ANSI_NOTE: Final = "The list is not in UTF-8; it was read as Windows-1252."


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
    tabs = media_type.split(";")[0].strip().lower() in _TSV or name.lower().endswith(".tsv")
    opener, kind = _unpacked(file, max_bytes)
    if kind == "picture":
        data = opener().read(max_picture_bytes + 1)
        found = FollowerList(kind, (), iter([item_of(0, name, data, max_picture_bytes)]))
    elif kind == "zip":
        found = _zip(Zip(file, max_bytes), tabs, max_picture_bytes)
    elif kind == "tar":
        found = FollowerList(kind, (), archive_reader.tar_items(opener(), max_picture_bytes))
    elif kind == "text":
        found = _text(opener, tabs)
    else:
        raise ListUnreadable(
            f"This is {kind}, which is not read here; send CSV, TSV, JSON, NDJSON, one URL a line, "
            "a zip or tar of pictures, or gzip of any list."
        )
    found.items = _counted(_begun(found.items), max_items)
    return found


def _unpacked(file: BinaryIO, max_bytes: int) -> tuple[Opener, str]:
    """The bytes to read, without the gzip around them, and what they are."""
    size = file.seek(0, 2)
    file.seek(0)
    kind = kind_of(file.read(HEAD_BYTES))
    if kind != "gzip":
        if kind != "zip" and size > max_bytes:
            raise too_long(max_bytes)
        return plain(file, max_bytes), kind
    opener = gunzipped(file, max_bytes)
    kind = kind_of(opener().read(HEAD_BYTES))
    if kind in ("gzip", "zip"):
        raise ListUnreadable(f"This is a {kind} packed in gzip; unpack it once and send that.")
    return opener, kind


def _text(opener: Opener, tabs: bool, named: item_builder.Files | None = None) -> FollowerList:
    text = open_text(opener)
    options: Mapping[str, Any] = {}
    if is_json(text):
        table, options = read_json(text)
    elif text.head(HEAD_BYTES).lstrip().startswith("<"):
        raise ListUnreadable("This is a web page or XML, not a list; send the list itself.")
    else:
        table = read_table(text, "\t" if tabs else None)
    notes = (_ANSI_NOTE,) if text.encoding == "cp1252" else ()
    return FollowerList(
        table.format, table.columns, item_builder.items(table, named), options, notes
    )


def _zip(archive: Zip, tabs: bool, most: int) -> FollowerList:
    """The pictures of a zip, or the list in it with the pictures that it names, then the others."""
    info = archive_reader.list_within(archive)
    if info is None:
        return FollowerList("zip", (), archive_reader.zip_items(archive, most))
    files = archive_reader.Files(archive, most)
    try:
        found = _text(lambda: archive.opened(info), tabs, files)
    except (ListEmpty, ListUnreadable, NoAvatars):
        if len(archive.entries) == 1:
            raise
        # A text beside pictures that is no list: a licence, a note. It fails as a picture would.
        return FollowerList("zip", (), archive_reader.zip_items(archive, most))
    files.used.add(info.filename)
    found.items = _then_others(found.items, archive, files, most)
    return found


def _then_others(
    items: Iterator[Item], archive: Zip, files: archive_reader.Files, most: int
) -> Iterator[Item]:
    seq = -1
    for item in items:
        seq = item.seq
        yield item
    yield from archive_reader.zip_items(archive, most, seq + 1, frozenset(files.used))


def _begun(items: Iterator[Item]) -> Iterator[Item]:
    """``items``, of which there is at least one; raises ``ListEmpty``."""
    first = next(items, None)
    if first is None:
        raise ListEmpty("There is nothing in this list.")
    return chain([first], items)


def _counted(items: Iterator[Item], most: int) -> Iterator[Item]:
    for item in items:
        if item.seq >= most:
            raise too_many(most)
        yield item
