"""A list's results in NDJSON, as the service streams them and ``eyeline batch`` writes them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.errors import ListUnreadable
from app.evidence import Outcome, Verdict

ResultLine = Mapping[str, Any]
"""An answer with ``seq``, ``custom_id`` and ``source``, and the ``decision`` if there is one."""


def iter_lines(path: Path) -> Iterator[ResultLine]:
    """Items that have an answer, in the file's order. Raises ``ListUnreadable``, ``OSError``."""
    return (line for line in _iter_objects(path) if "llr" in line and "outcome" in line)


def read_batch_id(path: Path) -> str | None:
    """The batch that the last line names; ``None`` of a file that was cut, or has no such line."""
    summaries = (line["summary"] for line in _iter_objects(path) if "summary" in line)
    summary = next((each for each in summaries if isinstance(each, dict)), {})
    return summary.get("id")


def is_flagged(line: ResultLine, min_llr: float | None) -> bool:
    """Whether the picture is ``likely_stylegan``, or has an llr of ``min_llr`` if that is given."""
    if min_llr is None:
        return bool(line.get("verdict") == Verdict.LIKELY_STYLEGAN)
    return bool(line["outcome"] == Outcome.SCORED and line["llr"] >= min_llr)


def is_cleared(line: ResultLine) -> bool:
    """Whether a person decided that the picture is real."""
    return line.get("decision") == "real"


def _iter_objects(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for number, text in enumerate(file, 1):
            if not text.strip():
                continue
            try:
                line = json.loads(text)
            except (ValueError, RecursionError):
                line = None
            if not isinstance(line, dict):
                raise ListUnreadable(
                    f"Line {number} is no result: give the NDJSON of a list "
                    "(results?format=ndjson, or eyeline batch --out results.ndjson)."
                )
            yield line
