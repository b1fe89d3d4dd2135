"""The examining child with pictures that kill it: ``python -m tests.analysis.frail_examiner``."""

from __future__ import annotations

import sys

from app.analysis import child
from app.analysis.analyzer import Analyst, Examined
from app.image.picture import DecodeLimits
from tests.image.sandbox.frail import EAT, LIE, SEGFAULT, SPIN, frail, peep

MISLAID = b"MISLAID"
WORDS = (EAT, LIE, SEGFAULT, SPIN)


class Frail(Analyst):
    """Examines for real, unless the bytes end in a word of the above, or files can be opened."""

    def __call__(self, data: bytes) -> Examined:
        if data.endswith(MISLAID):
            raise LookupError("mislaid" + (" files" if peep() else ""))
        if data.endswith(WORDS):
            frail(data, DecodeLimits())
        return super().__call__(data)


if __name__ == "__main__":
    setattr(child, "Analyst", Frail)  # noqa: B010
    child.main(sys.argv[1:])
