"""Accounts created together: more in one span than a smooth flow of new accounts would bring.

A scan over spans of a quarter of an hour to a day. What is expected in a span follows from the
accounts of this list that were created within thirty days before and after it, times an allowance:
people sign up by day and not by night, and a platform has rushes. The rate of a span is known by
those accounts only, which the bound takes into account; every account may begin a span, and each
width is tried, which it is multiplied by.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Final

import numpy as np

from app.arrays import FloatArray, Int64Array
from app.cohort.network.chance import log10_more_in_span
from app.cohort.network.model import (
    MAX_CHANCE,
    UNKNOWN_TIME,
    AccountGroup,
    AccountTable,
    EdgeKind,
    KindSummary,
)
from app.cohort.number_text import pluralize

_ALLOWANCE: Final = {900: 10.0, 3600: 8.0, 21_600: 6.0, 86_400: 5.0}
"""Width of a span, s → how many times the mean of the weeks around it may be due to a rush."""
_AROUND_S: Final = 30 * 86_400
_DAY_S: Final = 86_400
_MIN_ACCOUNTS: Final = 4
_ONLY_SHARE: Final = 0.9
"""If so many times are midnights, they are dates; if so many are firsts of months, months."""


def find_burst_groups(accounts: AccountTable) -> tuple[list[AccountGroup], KindSummary]:
    """Accounts whose dates of creation lie closer together than a smooth flow explains."""
    known = np.flatnonzero(accounts.created != UNKNOWN_TIME)
    order = known[np.argsort(accounts.created[known], kind="stable")]
    times = accounts.created[order]
    if len(times) < _MIN_ACCOUNTS:
        return [], _summary(0, f"{pluralize(len(times), 'account')} with a date: too few to say.")
    if _are_months(times):
        return [], _summary(0, "The list gives months, not days: bursts cannot be seen.")
    widths = [w for w in _ALLOWANCE if w >= _DAY_S or not _are_dates(times)]
    spans = [span for width in widths for span in _unlikely_spans(times, width, len(widths))]
    groups, taken = [], np.zeros(len(times), dtype=np.bool_)
    for log10_chance, first, end in sorted(spans):
        if not taken[first:end].any():
            taken[first:end] = True
            members = np.sort(order[first:end])
            what = _describe(times[first:end], _are_dates(times))
            groups.append(AccountGroup(EdgeKind.BURST, members, log10_chance, what))
    return groups, _summary(
        len(groups),
        f"A group this dense comes by chance in no more than one list of {1 / MAX_CHANCE:.0f}, "
        f"with up to {_ALLOWANCE[_DAY_S]:.0f} times (a day) to {_ALLOWANCE[900]:.0f} times (a "
        "quarter of an hour) the mean of the weeks around it allowed for.",
    )


def _unlikely_spans(times: Int64Array, width: int, widths: int) -> list[tuple[float, int, int]]:
    """log10 chance, first and end of every span of ``width`` that is rarer than is allowed."""
    starts = np.arange(len(times))
    ends = np.searchsorted(times, times + width)
    counts = ends - starts
    before = np.maximum(times - _AROUND_S, times[0])
    after = np.minimum(times + width + _AROUND_S, times[-1] + _DAY_S)
    around = np.searchsorted(times, after, side="left") - np.searchsorted(times, before)
    others = np.maximum(around - counts, 0).astype(np.float64)
    period: FloatArray = np.maximum(after - before - width, width).astype(np.float64)
    span: FloatArray = np.full(len(times), width * _ALLOWANCE[width])
    # The first account of a span is where it begins; the others came on top.
    more: FloatArray = (counts - 1).astype(np.float64)
    log10_chance = (
        log10_more_in_span(more, others, span, period) + math.log10(len(times)) + math.log10(widths)
    )
    rare = np.flatnonzero((counts >= _MIN_ACCOUNTS) & (log10_chance <= math.log10(MAX_CHANCE)))
    return [(float(log10_chance[i]), int(i), int(ends[i])) for i in rare]


def _are_dates(times: Int64Array) -> bool:
    return float((times % _DAY_S == 0).mean()) >= _ONLY_SHARE


def _are_months(times: Int64Array) -> bool:
    days = (times // _DAY_S).astype("datetime64[D]")
    is_first = days == days.astype("datetime64[M]").astype("datetime64[D]")
    return _are_dates(times) and float(is_first.mean()) >= _ONLY_SHARE


def _describe(times: Int64Array, dates_only: bool) -> str:
    first, seconds = datetime.fromtimestamp(int(times[0]), UTC), int(times[-1] - times[0])
    if dates_only:
        return f"were created on {first:%Y-%m-%d}"
    if seconds < 120:
        span = f"{seconds} s"
    elif seconds < 7_200:
        span = f"{round(seconds / 60)} minutes"
    else:
        span = f"{round(seconds / 3600)} hours"
    return f"were created within {span} from {first:%Y-%m-%d %H:%M} UTC on"


def _summary(groups: int, chance: str) -> KindSummary:
    return KindSummary(EdgeKind.BURST, groups, chance)
