"""What a list's own columns say of the flagged accounts and of the rest, side by side.

Context for a moderator, and nothing else: no picture's likelihood ever hears of it.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from app.cohort.account_values import amount, moment

_COUNTS: Final = ("followers_count", "following_count", "posts_count")
_SPANS: Final = {"hour": 3600, "day": 86400}
_DIGITS: Final = re.compile(r"\d")
_MANY_DIGITS: Final = re.compile(r"\d{4,}$")
_MIDNIGHT: Final = 86400
_DATES_ONLY: Final = 0.9
"""If so many of the times are midnights, they are dates, and say nothing of an hour."""


@dataclass(eq=False)
class Accounts:
    """One side's accounts, counted one at a time: some 40 bytes for each that says everything."""

    told: int = 0
    """That say anything at all."""
    created: array[int] = field(default_factory=lambda: array("q"))
    unreadable_dates: int = 0
    counts: dict[str, array[float]] = field(
        default_factory=lambda: {name: array("f") for name in _COUNTS}
    )
    names: int = 0
    with_digits: int = 0
    ending_in_digits: int = 0

    def add(self, account: Mapping[str, str]) -> None:
        if not account:
            return
        self.told += 1
        if date := account.get("created_at", "").strip():
            at = moment(date)
            if at is None:
                self.unreadable_dates += 1
            else:
                self.created.append(at)
        for name in _COUNTS:
            if (found := amount(account.get(name, ""))) is not None:
                self.counts[name].append(found)
        if username := account.get("username", "").strip():
            self.names += 1
            self.with_digits += bool(_DIGITS.search(username))
            self.ending_in_digits += bool(_MANY_DIGITS.search(username))

    def merge(self, other: Accounts) -> None:
        self.told += other.told
        self.created.extend(other.created)
        self.unreadable_dates += other.unreadable_dates
        for name in _COUNTS:
            self.counts[name].extend(other.counts[name])
        self.names += other.names
        self.with_digits += other.with_digits
        self.ending_in_digits += other.ending_in_digits

    def figures(self) -> dict[str, Any]:
        """What they have in common; ``None`` where the list does not say."""
        created = np.sort(np.array(self.created, dtype=np.int64))
        some = len(created) > 0
        medians = {
            f"median_{name}": float(np.median(np.array(found))) if found else None
            for name, found in self.counts.items()
        }
        return {
            "accounts": self.told,
            "created_known": len(created),
            "created_unreadable": self.unreadable_dates,
            "created_first": _day(created[0]) if some else None,
            "created_median": _day(created[(len(created) - 1) // 2]) if some else None,
            "created_last": _day(created[-1]) if some else None,
            **medians,
            "names_with_digits": self.with_digits / self.names if self.names else None,
            "names_ending_in_four_digits": (
                self.ending_in_digits / self.names if self.names else None
            ),
        }


def side_by_side(flagged: Accounts, rest: Accounts) -> dict[str, Any] | None:
    """Both sides' figures, and when the flagged were created; ``None`` if no row says a thing."""
    if not flagged.told and not rest.told:
        return None
    return {"flagged": flagged.figures(), "rest": rest.figures(), "bursts": _bursts(flagged, rest)}


def _bursts(flagged: Accounts, rest: Accounts) -> dict[str, Any]:
    """The hour and the day in which most flagged accounts were created, and the rest in it.

    ``rest_busiest`` is the rest's own busiest span: large lists have busy days too.
    """
    ours = np.sort(np.array(flagged.created, dtype=np.int64))
    theirs = np.sort(np.array(rest.created, dtype=np.int64))
    both = np.concatenate([ours, theirs])
    dates_only = len(both) > 0 and float((both % _MIDNIGHT == 0).mean()) >= _DATES_ONLY
    found: dict[str, Any] = {}
    for name, seconds in _SPANS.items():
        if not len(ours) or (name == "hour" and dates_only):
            found[name] = None
            continue
        start, most = _busiest(ours, seconds)
        inside = int(np.searchsorted(theirs, start + seconds) - np.searchsorted(theirs, start))
        found[name] = {
            "from": datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "flagged": most,
            "flagged_known": len(ours),
            "rest": inside,
            "rest_known": len(theirs),
            "rest_busiest": _busiest(theirs, seconds)[1] if len(theirs) else 0,
        }
    return found


def _busiest(times: np.ndarray[Any, np.dtype[np.int64]], seconds: int) -> tuple[int, int]:
    """The start of the span in which most of ``times`` (ascending) lie, and how many do."""
    counts = np.searchsorted(times, times + seconds) - np.arange(len(times))
    best = int(counts.argmax())
    return int(times[best]), int(counts[best])


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d")
