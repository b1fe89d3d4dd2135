"""The pictures of a zip by the names that a list in the same zip uses."""

from __future__ import annotations

import unicodedata
import zipfile
from pathlib import PurePosixPath

from app.lists.archives.zip import ZipReader, normalize_slashes
from app.lists.image_files import picture_failure
from app.lists.printable import printable_name
from app.records import Failure


class ArchiveFiles:
    """Names are relative to the list's folder, to the zip's root, or bare.

    Composed and decomposed letters (NFC and NFD, as macOS writes them) are the same name.
    """

    def __init__(self, archive: ZipReader, list_name: str, max_picture_bytes: int) -> None:
        self._archive = archive
        self._max_picture_bytes = max_picture_bytes
        folder = PurePosixPath(normalize_slashes(list_name)).parent
        self._tiers: tuple[dict[str, zipfile.ZipInfo | None], ...] = ({}, {}, {})
        self.used_names: set[str] = set()
        for info in archive.entries:
            path = PurePosixPath(normalize_slashes(info.filename))
            relative = path.relative_to(folder).as_posix() if folder in path.parents else None
            for tier, name in zip(self._tiers, (relative, path.as_posix(), path.name), strict=True):
                if name is not None:
                    key = _normalize_name(name)
                    # A name that stands for two files stands for neither.
                    tier[key] = None if key in tier else info

    def _find(self, cell: str) -> zipfile.ZipInfo | None:
        name = _normalize_name(cell)
        return next((info for tier in self._tiers if (info := tier.get(name)) is not None), None)

    def has(self, cell: str) -> bool:
        """Whether a cell names a file."""
        return self._find(cell) is not None

    def read(self, cell: str) -> bytes | Failure | None:
        """The bytes of the picture that a cell names, or why not; ``None`` if it names none."""
        info = self._find(cell)
        if info is None:
            return None
        self.used_names.add(info.filename)
        data = self._archive.read_entry(info, self._max_picture_bytes)
        if isinstance(data, Failure):
            return data
        return picture_failure(printable_name(info.filename), data, self._max_picture_bytes) or data


def _normalize_name(cell: str) -> str:
    name = normalize_slashes(cell.strip()).removeprefix("./")
    return name if name.isascii() else unicodedata.normalize("NFC", name)
