"""Pictures in a zip or a tar → items; in a zip, a list may stand beside the pictures it names."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from io import BufferedReader
from pathlib import PurePosixPath
from typing import Final

from app.errors import ListUnreadable, NoAvatars
from app.lists import failures, tar_reader
from app.lists.image_files import item_of, printable, refusal
from app.lists.zip_reader import Zip, is_junk, plain_name, wrong_name
from app.records import Failure, Item

LIST_SUFFIXES: Final = frozenset({".csv", ".tsv", ".json", ".ndjson", ".jsonl"})
_TEXTS: Final = LIST_SUFFIXES | {".txt", ".js"}


def tar_items(stream: BufferedReader, most: int) -> Iterator[Item]:
    """The pictures of a tar, in its order; what else it holds fails, each for itself."""
    seq = 0
    for entry in tar_reader.entries(stream, most):
        if is_junk(name := plain_name(entry.name).removeprefix("./")):
            continue
        shown = printable(name)
        if entry.strange is not None:
            failure = failures.row_invalid(f"{shown} is {entry.strange}, no file.")
            yield Item(seq, shown, failure=failure)
        elif (wrong := wrong_name(name)) is not None:
            yield Item(seq, shown, failure=failures.row_invalid(f"{shown} {wrong}"))
        else:
            yield item_of(seq, name, entry.data, most)
        seq += 1


def zip_items(
    archive: Zip, most: int, first_seq: int = 0, without: frozenset[str] = frozenset()
) -> Iterator[Item]:
    """The pictures of a zip, in its order, but for those that a list named already."""
    seq = first_seq
    for info in archive.entries:
        if info.filename in without:
            continue
        name = plain_name(info.filename)
        data = archive.read(info, most)
        if isinstance(data, Failure):
            yield Item(seq, printable(name), failure=data)
        else:
            yield item_of(seq, name, data, most)
        seq += 1


def list_within(archive: Zip) -> zipfile.ZipInfo | None:
    """The list in a zip, if there is exactly one, or nothing but it.

    Raises ``NoAvatars`` for an X archive, ``ListUnreadable`` for a workbook or several lists.
    """
    names = set(archive.names())
    if "xl/workbook.xml" in names:
        raise ListUnreadable("This is an Excel workbook; save it as CSV and send that.")
    files = {PurePosixPath(plain_name(i.filename)): i for i in archive.entries}
    if any(path.name == "follower.js" for path in files):
        raise NoAvatars(
            "An X archive names followers by number and holds no pictures of them. Look the "
            "accounts up, and send a CSV with the columns `id` and `profile_image_url` instead."
        )
    texts = [i for path, i in files.items() if path.suffix.lower() in _TEXTS]
    lists = [i for path, i in files.items() if path.suffix.lower() in LIST_SUFFIXES]
    if len(texts) == len(files) and len(lists or texts) > 1:
        raise ListUnreadable("There are several lists in this zip; send them one at a time.")
    found = lists if lists else texts
    return found[0] if len(found) == 1 else None


class Files:
    """The pictures of a zip by the names that a list beside them uses."""

    def __init__(self, archive: Zip, most: int) -> None:
        self._archive = archive
        self._most = most
        self._by_name: dict[str, zipfile.ZipInfo | None] = {}
        self.used: set[str] = set()
        for info in archive.entries:
            path = PurePosixPath(plain_name(info.filename))
            for name in {path.as_posix(), path.name}:
                # A name that stands for two files stands for neither.
                self._by_name[name] = None if name in self._by_name else info

    def has(self, cell: str) -> bool:
        """Whether a cell names a file."""
        return self._by_name.get(_as_name(cell)) is not None

    def read(self, cell: str) -> bytes | Failure | None:
        """The bytes of the picture that a cell names, or why not; ``None`` if it names none."""
        info = self._by_name.get(_as_name(cell))
        if info is None:
            return None
        self.used.add(info.filename)
        data = self._archive.read(info, self._most)
        if isinstance(data, Failure):
            return data
        return refusal(printable(info.filename), data, self._most) or data


def _as_name(cell: str) -> str:
    return plain_name(cell.strip()).removeprefix("./")
