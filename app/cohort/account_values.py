"""Dates and counts as lists write them: many ways, some of them absurd."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_EARLIEST: Final = datetime(1995, 1, 1, tzinfo=UTC).timestamp()
_LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
_MAX_CHARS: Final = 64
_EPOCH_PATTERN: Final = re.compile(r"\d{9,19}(\.\d+)?")
_TWITTER_FORMAT: Final = "%a %b %d %H:%M:%S %z %Y"
_COUNT_PATTERN: Final = re.compile(r"(\d[\d.,\s]*)([kmb]?)", re.IGNORECASE)
_SUFFIX_FACTORS: Final = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9}
_THOUSANDS_SEPARATOR: Final = re.compile(r"[,\s](?=\d{3}(\D|$))")
_MAX_COUNT: Final = 1e11


def parse_timestamp(text: str) -> int | None:
    """Seconds since 1970 that ``text`` names (UTC unless it says otherwise); ``None`` if none.

    ISO 8601, "Wed Oct 10 20:19:24 +0000 2018", RFC 2822, seconds, milli- or microseconds.
    """
    text = text.strip()[:_MAX_CHARS]
    seconds = _parse_epoch(text) if _EPOCH_PATTERN.fullmatch(text) else _parse_date(text)
    return int(seconds) if seconds is not None and _EARLIEST <= seconds < _LATEST else None


def parse_count(text: str) -> float | None:
    """A number that counts something, no less than 0: "1,234", "1.2K"; ``None`` if it is none."""
    matched = _COUNT_PATTERN.fullmatch(text.strip()[:_MAX_CHARS])
    if matched is None:
        return None
    try:
        number = (
            float(_THOUSANDS_SEPARATOR.sub("", matched[1].strip()))
            * _SUFFIX_FACTORS[matched[2].lower()]
        )
    except ValueError:
        return None
    return number if math.isfinite(number) and number <= _MAX_COUNT else None


def _parse_epoch(text: str) -> float:
    """Seconds, whatever fraction of one ``text`` counts."""
    seconds = float(text)
    while seconds >= _LATEST:
        seconds /= 1000.0
    return seconds


def _parse_date(text: str) -> float | None:
    text = re.sub(r"\s*(UTC|GMT)$", "+00:00", text)
    parsers: tuple[Callable[[str], datetime], ...] = (
        datetime.fromisoformat,
        lambda said: datetime.fromisoformat(said.replace("/", "-")),
        lambda said: datetime.strptime(said, _TWITTER_FORMAT),  # noqa: DTZ007 %z is in it
        parsedate_to_datetime,
    )
    for parse in parsers:
        try:
            parsed = parse(text)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    return None
