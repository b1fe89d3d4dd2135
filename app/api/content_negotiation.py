"""Which of our answers a caller prefers, by ``Accept`` (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

JSON: Final = "application/json"
PNG: Final = "image/png"


def wants_png(accept: str) -> bool:
    """Whether the overlay is preferred to JSON; JSON when they weigh the same."""
    return preferred(accept, (JSON, PNG)) == PNG


def preferred(accept: str, kinds: Sequence[str]) -> str:
    """The kind that weighs most; the first of those that weigh the same, or of none."""
    ranges = [_range(part) for part in accept.split(",")]
    return max(kinds, key=lambda kind: _quality(kind, ranges))


def _range(part: str) -> tuple[str, float]:
    kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
    given = next((p[2:] for p in parameters if p.startswith("q=")), "1")
    try:
        quality = float(given)
    except ValueError:
        quality = 0.0
    return kind, quality if 0.0 <= quality <= 1.0 else 0.0


def _quality(kind: str, ranges: list[tuple[str, float]]) -> float:
    """The quality of the most specific range that ``kind`` falls into."""
    family = kind.partition("/")[0]
    for pattern in (kind, f"{family}/*", "*/*"):
        for name, quality in ranges:
            if name == pattern:
                return quality
    return 0.0
