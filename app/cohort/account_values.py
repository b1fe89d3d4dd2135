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
_LONGEST: Final = 64
_EPOCH: Final = re.compile(r"\d{9,19}(\.\d+)?")
_TWITTER: Final = "%a %b %d %H:%M:%S %z %Y"
_AMOUNT: Final = re.compile(r"(\d[\d.,\s]*)([kmb]?)", re.IGNORECASE)
_TIMES: Final = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9}
_GROUPS: Final = re.compile(r"[,\s](?=\d{3}(\D|$))")
_MOST: Final = 1e11


def moment(text: str) -> int | None:
    """Seconds since 1970 that ``text`` names (UTC unless it says otherwise); ``None`` if none.

    ISO 8601, "Wed Oct 10 20:19:24 +0000 2018", RFC 2822, seconds, milli- or microseconds.
    """
    text = text.strip()[:_LONGEST]
    found = _epoch(text) if _EPOCH.fullmatch(text) else _written(text)
    return int(found) if found is not None and _EARLIEST <= found < _LATEST else None


def amount(text: str) -> float | None:
    """A number that counts something, no less than 0: "1,234", "1.2K"; ``None`` if it is none."""
    matched = _AMOUNT.fullmatch(text.strip()[:_LONGEST])
    if matched is None:
        return None
    try:
        found = float(_GROUPS.sub("", matched[1].strip())) * _TIMES[matched[2].lower()]
    except ValueError:
        return None
    return found if math.isfinite(found) and found <= _MOST else None


def _epoch(text: str) -> float:
    """Seconds, whatever fraction of one ``text`` counts."""
    found = float(text)
    while found >= _LATEST:
        found /= 1000.0
    return found


def _written(text: str) -> float | None:
    text = re.sub(r"\s*(UTC|GMT)$", "+00:00", text)
    ways: tuple[Callable[[str], datetime], ...] = (
        datetime.fromisoformat,
        lambda said: datetime.fromisoformat(said.replace("/", "-")),
        lambda said: datetime.strptime(said, _TWITTER),  # noqa: DTZ007 %z is in it
        parsedate_to_datetime,
    )
    for way in ways:
        try:
            said = way(text)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
        return (said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp()
    return None
