"""Whether a bundle still holds: nothing in it has changed, and its numbers follow from each other.

A bundle comes from anybody. It is read in pieces and within bounds, and nothing of it is written
anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

from app.analysis.recompute import AnswerChecker
from app.cohort.parameters import CohortParameters
from app.errors import ListUnreadable
from app.lists.archives.zip import ZipReader
from app.records import Failure
from app.runtime.evidence.check_files import MAX_BYTES, check_files, hash_entry
from app.runtime.evidence.check_results import RESULTS_NAME, check_results
from app.runtime.evidence.findings import BundleCheck
from app.runtime.evidence.zip_stream import SUMS_NAME

MAX_FILES: Final = 100_000
MAX_SUMS_BYTES: Final = 16_000_000


def verify_bundle(
    file: BinaryIO, checker: AnswerChecker, parameters: CohortParameters
) -> Iterator[BundleCheck]:
    """Everything that can be compared, in turn.

    ``parameters``: of the cohort, as installed. Raises ``ListUnreadable`` for a zip that is none,
    is damaged or has no ``SHA256SUMS``, and ``TooLarge``.
    """
    bundle = ZipReader(file, MAX_BYTES)
    if len(bundle.entries) > MAX_FILES:
        raise ListUnreadable(f"This zip has more than {MAX_FILES:,} files; it is no bundle.")
    entries = {info.filename: info for info in bundle.entries}
    if SUMS_NAME not in entries:
        raise ListUnreadable(f"This zip has no {SUMS_NAME}; it is no evidence bundle.")
    sums_data = bundle.read_entry(entries[SUMS_NAME], MAX_SUMS_BYTES)
    if isinstance(sums_data, Failure):
        raise ListUnreadable(sums_data.detail)
    yield from check_files(bundle, sums_data)
    if RESULTS_NAME not in entries:
        yield BundleCheck("answers", "mismatch", f"there is no {RESULTS_NAME}")
        return
    pictures = [info for name, info in entries.items() if name.startswith("picture.")]
    sha256 = hash_entry(bundle.open_entry(pictures[0]), MAX_BYTES)[0] if pictures else None
    lines = bundle.open_entry(entries[RESULTS_NAME])
    yield from check_results(lines, checker, parameters, sha256)
