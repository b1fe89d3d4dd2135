"""Numbers as text, in one way for sentences, tables and drawings: none is exaggerated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

_PERCENT_SIGN: Final = "\u00a0%"
"""With a no-break space: never at the start of a line."""
_MAX_PERCENT_DIGITS: Final = 6
MIN_P_VALUE: Final = 1e-6


def pluralize(count: int, singular: str, plural: str | None = None) -> str:
    """``count`` with its noun: 1 avatar, 2 avatars, 3,000 avatars."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def format_percent(share: float) -> str:
    """A probability as a percentage that is never rounded to 0 or 100 %."""
    if not 0.0 < share < 1.0:
        return f"{0 if share <= 0.0 else 100}{_PERCENT_SIGN}"
    smaller = min(share, 1.0 - share)
    # Two figures of the smaller of the two: the share, or what it lacks.
    digits = max(0, 1 - math.floor(math.log10(smaller * 100.0)))
    if digits > _MAX_PERCENT_DIGITS:
        bound = "less than 0.000001" if share < 0.5 else "over 99.999999"
        return f"{bound}{_PERCENT_SIGN}"
    text = f"{share * 100.0:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}{_PERCENT_SIGN}"


def format_p_value(p: float) -> str:
    """``p`` in one significant figure, small ones as a power of ten.

    No p-value below 1e-6 is stated: how rare a shared frame is was not validated further.
    """
    if p < MIN_P_VALUE * 1.01:  # the floor itself is stated where p lies below it
        return "p below 1e-6"
    return f"p = {p:.1g}" if p >= 1e-3 else f"p = {p:.0e}".replace("e-0", "e-")


def format_expected(count: float) -> str:
    """An expected count: one decimal below ten, two figures where it is less than one."""
    if count >= 10.0:
        return f"{count:,.0f}"
    return f"{count:.1f}" if count >= 1.0 or count == 0.0 else f"{count:.2g}"


def format_value(value: Any) -> str:
    """A figure of any kind, to be read in a table."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        separator = " to " if len(value) == 2 else ", "
        return separator.join(map(format_value, value))
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {format_value(part)}" for key, part in value.items())
    return str(value)
