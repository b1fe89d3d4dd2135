"""The analyzing child with pictures that kill it: ``python -m tests.analysis.crashing_child``."""

from __future__ import annotations

import sys

from app.analysis import child
from app.analysis.analyzer import Analyzer, Stopwatch
from app.evidence import Analysis, Depth
from app.image.picture import DecodeLimits, Picture
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


class FragileAnalyzer(Analyzer):
    """Analyzes, unless the bytes end in a marker of the above, or files can be opened."""

    def decode_and_analyze(
        self,
        data: bytes,
        stopwatch: Stopwatch,
        sha256: str | None = None,
        depth: Depth = Depth.NEEDED,
    ) -> tuple[Picture, Analysis]:
        if data.endswith(LOOKUP_FAULT):
            raise LookupError("mislaid" + (" files" if read_forbidden_files() else ""))
        if data.endswith(CRASH_MARKERS):
            fragile_decode(data, DecodeLimits())
        return super().decode_and_analyze(data, stopwatch, sha256, depth)


if __name__ == "__main__":
    setattr(child, "Analyzer", FragileAnalyzer)  # noqa: B010
    child.main(sys.argv[1:])
