"""The examining child with pictures that kill it: ``python -m tests.analysis.crashing_child``."""

from __future__ import annotations

import sys

from app.analysis import child
from app.analysis.analyzer import AnalyzedPicture, Analyzer
from app.image.picture import DecodeLimits
from tests.image.sandbox.crashing_child import (
    BUSY_LOOP,
    EXHAUST_MEMORY,
    FALSE_REPLY,
    SEGFAULT,
    fragile_decode,
    read_forbidden_files,
)

LOOKUP_FAULT = b"MISLAID"
CRASH_MARKERS = (EXHAUST_MEMORY, FALSE_REPLY, SEGFAULT, BUSY_LOOP)


class FrailAnalyzer(Analyzer):
    """Examines for real, unless the bytes end in a word of the above, or files can be opened."""

    def __call__(self, data: bytes) -> AnalyzedPicture:
        if data.endswith(LOOKUP_FAULT):
            raise LookupError("mislaid" + (" files" if read_forbidden_files() else ""))
        if data.endswith(CRASH_MARKERS):
            fragile_decode(data, DecodeLimits())
        return super().__call__(data)


if __name__ == "__main__":
    setattr(child, "Analyzer", FrailAnalyzer)  # noqa: B010
    child.main(sys.argv[1:])
