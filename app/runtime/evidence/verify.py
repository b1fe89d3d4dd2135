"""Whether a bundle still holds: nothing in it has changed, and its numbers follow from each other.

A bundle comes from anybody. It is read in pieces and within bounds, and nothing of it is written
anywhere.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, BinaryIO, Final

from app.errors import ListUnreadable
from app.lists.archives.zip import ZipReader
from app.records import Failure
from app.runtime.evidence.check_counts import TABLE_NAME, TableChecker
from app.runtime.evidence.check_files import MAX_BYTES, check_files, hash_entry
from app.runtime.evidence.check_model import MODEL_NAME, check_model
from app.runtime.evidence.check_picture import PictureChecker
from app.runtime.evidence.check_results import (
    BATCH_NAME,
    RESULTS_NAME,
    BundleResults,
    Installed,
)
from app.runtime.evidence.findings import BundleCheck
from app.runtime.evidence.zip_stream import SUMS_NAME

MAX_FILES: Final = 100_000
MAX_SUMS_BYTES: Final = 16_000_000
MAX_OBJECT_BYTES: Final = 16_000_000
MAX_PICTURE_BYTES: Final = 100_000_000
Entries = Mapping[str, zipfile.ZipInfo]


def verify_bundle(file: BinaryIO, installed: Installed) -> Iterator[BundleCheck]:
    """Everything that can be compared, in turn.

    Raises ``ListUnreadable`` for a zip that is none, is damaged or has no ``SHA256SUMS``, and
    ``TooLarge``.
    """
    bundle = ZipReader(file, MAX_BYTES)
    if len(bundle.entries) > MAX_FILES:
        raise ListUnreadable(f"This zip has more than {MAX_FILES:,} files; it is no bundle.")
    entries = {info.filename: info for info in bundle.entries}
    if SUMS_NAME not in entries:
        raise ListUnreadable(f"This zip has no {SUMS_NAME}; it is no evidence bundle.")
    yield from check_files(bundle, _read(bundle, entries[SUMS_NAME], MAX_SUMS_BYTES))
    model = _read_object(bundle, entries, MODEL_NAME)
    if model is not None:
        yield check_model(model, installed.checker)
    if RESULTS_NAME not in entries:
        yield BundleCheck("answers", "mismatch", f"there is no {RESULTS_NAME}")
        return
    results = BundleResults(
        installed,
        picture=_find_picture(bundle, entries),
        table=_open_table(bundle, entries),
        batch=_read_object(bundle, entries, BATCH_NAME),
    )
    yield from results.check(bundle.open_entry(entries[RESULTS_NAME]))


def _read(bundle: ZipReader, info: zipfile.ZipInfo, max_bytes: int) -> bytes:
    """Raises ``ListUnreadable`` and ``TooLarge``."""
    data = bundle.read_entry(info, max_bytes)
    if isinstance(data, Failure):
        raise ListUnreadable(data.detail)
    return data


def _find_picture(bundle: ZipReader, entries: Entries) -> PictureChecker | None:
    pictures = [info for name, info in entries.items() if name.startswith("picture.")]
    if not pictures:
        return None
    sha256, _ = hash_entry(bundle.open_entry(pictures[0]), MAX_BYTES)
    return PictureChecker(sha256, partial(_read, bundle, pictures[0], MAX_PICTURE_BYTES))


def _open_table(bundle: ZipReader, entries: Entries) -> TableChecker | None:
    info = entries.get(TABLE_NAME)
    return None if info is None else TableChecker(bundle.open_entry(info))


def _read_object(bundle: ZipReader, entries: Entries, name: str) -> Mapping[str, Any] | None:
    """The JSON object of that name, empty where it is none; ``None`` where there is no file."""
    if (info := entries.get(name)) is None:
        return None
    try:
        value = json.loads(_read(bundle, info, MAX_OBJECT_BYTES))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, Mapping) else {}
