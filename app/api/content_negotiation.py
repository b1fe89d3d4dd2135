"""Which of our answers a caller prefers, by ``Accept`` (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

JSON: Final = "application/json"
PNG: Final = "image/png"
JPEG: Final = "image/jpeg"
HTML: Final = "text/html"
TEXT: Final = "text/plain"
ZIP: Final = "application/zip"


def preferred_type(accept: str, media_types: Sequence[str]) -> str:
    """The kind that weighs most; the first of those that weigh the same, or of none."""
    ranges = [_parse_range(part) for part in accept.split(",")]
    return max(media_types, key=lambda kind: _quality(kind, ranges))


def _parse_range(part: str) -> tuple[str, float]:
    media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality_text = next((p[2:] for p in parameters if p.startswith("q=")), "1")
    try:
        quality = float(quality_text)
    except ValueError:
        quality = 0.0
    return media_type, quality if 0.0 <= quality <= 1.0 else 0.0


def _quality(media_type: str, ranges: list[tuple[str, float]]) -> float:
    """The quality of the most specific range that ``media_type`` falls into."""
    main_type = media_type.partition("/")[0]
    for pattern in (media_type, f"{main_type}/*", "*/*"):
        for name, quality in ranges:
            if name == pattern:
                return quality
    return 0.0
