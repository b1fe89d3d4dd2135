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

from app.cohort.account_values import parse_count, parse_timestamp

_COUNT_COLUMNS: Final = ("followers_count", "following_count", "posts_count")
_BURST_SPANS_S: Final = {"hour": 3600, "day": 86400}
_ANY_DIGIT: Final = re.compile(r"\d")
_FOUR_DIGIT_ENDING: Final = re.compile(r"\d{4,}$")
_DAY_S: Final = 86400
_DATES_ONLY_SHARE: Final = 0.9
"""If so many of the times are midnights, they are dates, and say nothing of an hour."""


@dataclass(eq=False)
class AccountStats:
    """One side's accounts, counted one at a time: some 40 bytes for each that says everything."""

    described: int = 0
    """That say anything at all."""
    created: array[int] = field(default_factory=lambda: array("q"))
    unreadable_dates: int = 0
    counts: dict[str, array[float]] = field(
        default_factory=lambda: {name: array("f") for name in _COUNT_COLUMNS}
    )
    usernames: int = 0
    usernames_with_digits: int = 0
    usernames_ending_in_digits: int = 0

    def add(self, account: Mapping[str, str]) -> None:
        if not account:
            return
        self.described += 1
        if date := account.get("created_at", "").strip():
            created_at = parse_timestamp(date)
            if created_at is None:
                self.unreadable_dates += 1
            else:
                self.created.append(created_at)
        for name in _COUNT_COLUMNS:
            if (number := parse_count(account.get(name, ""))) is not None:
                self.counts[name].append(number)
        if username := account.get("username", "").strip():
            self.usernames += 1
            self.usernames_with_digits += bool(_ANY_DIGIT.search(username))
            self.usernames_ending_in_digits += bool(_FOUR_DIGIT_ENDING.search(username))

    def merge(self, other: AccountStats) -> None:
        self.described += other.described
        self.created.extend(other.created)
        self.unreadable_dates += other.unreadable_dates
        for name in _COUNT_COLUMNS:
            self.counts[name].extend(other.counts[name])
        self.usernames += other.usernames
        self.usernames_with_digits += other.usernames_with_digits
        self.usernames_ending_in_digits += other.usernames_ending_in_digits

    def summarize(self) -> dict[str, Any]:
        """What they have in common; ``None`` where the list does not say."""
        created = np.sort(np.array(self.created, dtype=np.int64))
        has_dates = len(created) > 0
        medians = {
            f"median_{name}": float(np.median(np.array(found))) if found else None
            for name, found in self.counts.items()
        }
        return {
            "accounts": self.described,
            "created_known": len(created),
            "created_unreadable": self.unreadable_dates,
            "created_first": _format_day(created[0]) if has_dates else None,
            "created_median": _format_day(created[(len(created) - 1) // 2]) if has_dates else None,
            "created_last": _format_day(created[-1]) if has_dates else None,
            **medians,
            "names_with_digits": self.usernames_with_digits / self.usernames
            if self.usernames
            else None,
            "names_ending_in_four_digits": (
                self.usernames_ending_in_digits / self.usernames if self.usernames else None
            ),
        }


def compare_accounts(flagged: AccountStats, rest: AccountStats) -> dict[str, Any] | None:
    """Both sides' figures, and when the flagged were created; ``None`` if no row says a thing."""
    if not flagged.described and not rest.described:
        return None
    return {
        "flagged": flagged.summarize(),
        "rest": rest.summarize(),
        "bursts": _find_bursts(flagged, rest),
    }


def _find_bursts(flagged: AccountStats, rest: AccountStats) -> dict[str, Any]:
    """The hour and the day in which most flagged accounts were created, and the rest in it.

    ``rest_busiest`` is the rest's own busiest span: large lists have busy days too.
    """
    flagged_times = np.sort(np.array(flagged.created, dtype=np.int64))
    rest_times = np.sort(np.array(rest.created, dtype=np.int64))
    all_times = np.concatenate([flagged_times, rest_times])
    dates_only = len(all_times) > 0 and float((all_times % _DAY_S == 0).mean()) >= _DATES_ONLY_SHARE
    bursts: dict[str, Any] = {}
    for name, seconds in _BURST_SPANS_S.items():
        if not len(flagged_times) or (name == "hour" and dates_only):
            bursts[name] = None
            continue
        start, flagged_count = _busiest_span(flagged_times, seconds)
        rest_count = int(
            np.searchsorted(rest_times, start + seconds) - np.searchsorted(rest_times, start)
        )
        bursts[name] = {
            "from": datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "flagged": flagged_count,
            "flagged_known": len(flagged_times),
            "rest": rest_count,
            "rest_known": len(rest_times),
            "rest_busiest": _busiest_span(rest_times, seconds)[1] if len(rest_times) else 0,
        }
    return bursts


def _busiest_span(times: np.ndarray[Any, np.dtype[np.int64]], seconds: int) -> tuple[int, int]:
    """The start of the span in which most of ``times`` (ascending) lie, and how many do."""
    counts = np.searchsorted(times, times + seconds) - np.arange(len(times))
    best = int(counts.argmax())
    return int(times[best]), int(counts[best])


def _format_day(seconds: int) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d")
