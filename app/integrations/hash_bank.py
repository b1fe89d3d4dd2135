"""The PDQ hashes of a list's flagged pictures, as python-threatexchange and HMA read them.

A line is ``pdq`` and 64 hex digits: the format of python-threatexchange's ``local_file`` exchange.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from app.integrations.results import ResultLine, is_cleared, is_flagged

SIGNAL_TYPE: Final = "pdq"
MIN_PDQ_QUALITY: Final = 50
"""Hashes of a lower quality are not matched (Facebook 2019, on PDQ)."""


def flagged_hashes(lines: Iterable[ResultLine], min_llr: float | None) -> Iterator[str]:
    """Distinct hashes of flagged pictures, in the order of ``lines``.

    Left out: what a person decided to be real, and hashes of low quality.
    """
    seen: set[str] = set()
    for line in lines:
        if not is_flagged(line, min_llr) or is_cleared(line):
            continue
        pdq: str = line["image"]["pdq"]
        if line["image"]["pdq_quality"] >= MIN_PDQ_QUALITY and pdq not in seen:
            seen.add(pdq)
            yield pdq


def bank_lines(hashes: Iterable[str]) -> Iterator[str]:
    """The lines of a bank file."""
    return (f"{SIGNAL_TYPE} {pdq}\n" for pdq in hashes)
