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
_JSON_DATE: Final = re.compile(r"/?Date\((\d{9,19})(?:[+-]\d{4})?\)/?")
_LETTERED_DATE: Final = re.compile(r"[A-Za-z]{3}.*\d{4}|\d\.\d{1,2}\.\d|\d年")
_LONG_FRACTION: Final = re.compile(r"(\.\d{6})\d+")
_TIME_FIRST: Final = re.compile(r"(\d{1,2}:\d{2}(?: ?[AP]M)?)\s*[·,|-]\s*(.+)", re.IGNORECASE)
_OTHER_FORMATS: Final = tuple(
    f"{date}{time}"
    for date in (
        "%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%b %d %Y", "%d.%m.%Y", "%Y.%m.%d",
        "%d-%b-%Y", "%B %Y", "%b %Y", "Joined %B %Y", "%Y年%m月%d日",
    )
    for time in ("", " %H:%M:%S", " %H:%M", " %I:%M %p", ", %H:%M:%S", ", %I:%M %p")
)  # fmt: skip
"""Dates with the month in letters, or with dots; 1/6/2020 could be two days and is left out."""
_TWITTER_FORMAT: Final = "%a %b %d %H:%M:%S %z %Y"
_COUNT_PATTERN: Final = re.compile(r"(\d[\d.,\s]*)([kmb]?)", re.IGNORECASE)
_SUFFIX_FACTORS: Final = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9}
_THOUSANDS_SEPARATOR: Final = re.compile(r"[,\s](?=\d{3}(\D|$))")
_MAX_COUNT: Final = 1e11


def parse_timestamp(text: str) -> int | None:
    """Seconds since 1970 that ``text`` names (UTC unless it says otherwise); ``None`` if none.

    ISO 8601, "Wed Oct 10 20:19:24 +0000 2018", RFC 2822, seconds, milli- or microseconds,
    "Jan 6, 2020", "6 January 2020", "06.01.2020", "10:20 AM · Jan 6, 2020", "/Date(157830480000)/".
    """
    text = text.strip()[:_MAX_CHARS]
    if matched := _JSON_DATE.fullmatch(text):
        text = matched[1]
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
    text = _LONG_FRACTION.sub(r"\1", re.sub(r"\s*(UTC|GMT|Z)$", "+00:00", text))
    if matched := _TIME_FIRST.fullmatch(text):
        text = f"{matched[2]} {matched[1]}"
    parsers: tuple[Callable[[str], datetime], ...] = (
        datetime.fromisoformat,
        lambda said: datetime.fromisoformat(said.replace("/", "-")),
        lambda said: datetime.strptime(said, _TWITTER_FORMAT),  # noqa: DTZ007 %z is in it
        _parse_in_letters,
        parsedate_to_datetime,
    )
    for parse in parsers:
        try:
            parsed = parse(text)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    return None


def _parse_in_letters(text: str) -> datetime:
    """Raises ``ValueError`` for what has none of the other formats."""
    text = text.removesuffix("+00:00").strip()
    if _LETTERED_DATE.search(text) is None:  # trying every format takes a millisecond
        raise ValueError("no date that is known here")
    for date_format in _OTHER_FORMATS:
        try:
            return datetime.strptime(text, date_format)  # noqa: DTZ007 UTC, as for all without zone
        except ValueError:
            continue
    raise ValueError("no date that is known here")
