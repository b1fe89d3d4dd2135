"""What a whole list says, in sentences: from the cohort's JSON, tolerant of what it lacks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from app.evidence import Outcome, Verdict

WORD: Final[dict[str, str]] = {
    Verdict.LIKELY_GENERATED: "likely generated",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.UNLIKELY_GENERATED: "unlikely",
    Verdict.NOT_APPLICABLE: "not weighed",
}
SHORT: Final[dict[str, str]] = {**WORD, Verdict.LIKELY_GENERATED: "likely"}
WHY_NOT: Final[dict[str, str]] = {
    Outcome.NO_FACE: "no face",
    Outcome.TOO_SMALL: "face too small",
    Outcome.NOT_A_PHOTO: "not a photograph",
}
NOT_THE_ACCOUNT: Final = (
    "A picture is not an account: a flag asks for a look by a person and decides nothing. "
    "Real photographs framed like the template exist."
)


def counted(number: int, one: str, many: str | None = None) -> str:
    """``number`` with its noun: 1 avatar, 2 avatars, 3,000 avatars."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def tally(verdicts: Mapping[str, int], failed: int) -> str:
    """How many got which verdict, the strongest first; kinds of which there are none left out."""
    parts = [f"{verdicts[v]:,} {WORD[v]}" for v in Verdict if verdicts.get(v)]
    if failed:
        parts.append(f"{failed:,} could not be read")
    return " · ".join(parts) or "nothing was looked at"


Cohort = Mapping[str, Any]

_PER_CENT: Final = "\u00a0%"
"""Never at the start of a line."""


def percent(share: float) -> str:
    """A probability as a percentage that is never rounded to 0 or 100 %."""
    if not 0.0 < share < 1.0:
        return f"{0 if share <= 0.0 else 100}{_PER_CENT}"
    near = min(share, 1.0 - share)
    # Two figures of whatever is smaller, the share or what it lacks.
    digits = max(0, 1 - math.floor(math.log10(near * 100.0)))
    if digits > 6:
        return f"less than 0.000001{_PER_CENT}" if share < 0.5 else f"over 99.999999{_PER_CENT}"
    shown = f"{share * 100.0:.{digits}f}"
    return f"{shown.rstrip('0').rstrip('.') if '.' in shown else shown}{_PER_CENT}"


def p_value(p: float) -> str:
    """``p`` in one significant figure, small ones as a power of ten."""
    if p < 1e-12:
        return "p below 1e-12"
    return f"p = {p:.1g}" if p >= 1e-3 else f"p = {p:.0e}".replace("e-0", "e-")


def amount(number: float) -> str:
    """An expected count: one decimal below ten, two figures where it is less than one."""
    if number >= 10.0:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 1.0 or number == 0.0 else f"{number:.2g}"


def number(cohort: Cohort, *path: str) -> float | None:
    """The finite number at ``path``, if there is one."""
    found: Any = cohort
    for step in path:
        found = found.get(step) if isinstance(found, Mapping) else None
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return float(found) if math.isfinite(found) else None


def interval(cohort: Cohort, *path: str) -> tuple[float, float] | None:
    """The pair of finite numbers at ``path``, if there is one."""
    found: Any = cohort
    for step in path:
        found = found.get(step) if isinstance(found, Mapping) else None
    if not isinstance(found, list | tuple) or len(found) != 2:
        return None
    low, high = (number({"it": end}, "it") for end in found)
    return None if low is None or high is None else (low, high)


def prevalence(cohort: Cohort) -> str | None:
    """The estimated share of generated faces, with its interval."""
    estimate = number(cohort, "prevalence", "estimate")
    ends = interval(cohort, "prevalence", "interval")
    if estimate is None or _is_unscored(cohort):
        return None
    if ends is None:
        return percent(estimate)
    return f"{percent(estimate)} (95{_PER_CENT} interval {percent(ends[0])} to {percent(ends[1])})"


def concentration(cohort: Cohort) -> str | None:
    """How many faces lie in a template, and how many would by chance."""
    observed = number(cohort, "concentration", "observed")
    expected = number(cohort, "concentration", "expected")
    p = number(cohort, "concentration", "p_value")
    if observed is None or expected is None or _is_unscored(cohort):
        return None
    said = f"{observed:,.0f} where {amount(expected)} would by chance"
    return said if p is None else f"{said} ({p_value(p)})"


def false_flags(cohort: Cohort) -> str | None:
    """How many of the flags should be wrong, in words, and how many at the most."""
    expected = number(cohort, "expected_false_flags")
    most = number(cohort, "false_flags", "at_most")
    flagged = number(cohort, "likely")
    if expected is None or _is_unscored(cohort):
        return None
    if flagged is not None and 0.0 < flagged <= expected:
        return f"all of them ({amount(expected)} expected)"
    bound = f", {amount(most)} at the most" if most is not None and most > expected else ""
    if expected < 1.0:
        return f"less than one ({amount(expected)} expected{bound})"
    return f"about {amount(expected)}{bound}"


def _is_unscored(cohort: Cohort) -> bool:
    """Whether there is no picture that a figure could be of: none is then no share of anything."""
    return number(cohort, "counts", "scored") == 0.0


def even_odds(cohort: Cohort) -> str | None:
    """The llr from which a picture of this list is more likely generated than not."""
    here = number(cohort, "posterior", "even_llr")
    elsewhere = number(cohort, "posterior", "even_llr_at_base_rate")
    if here is None:
        return None
    beside = "" if elsewhere is None else f"; {elsewhere:+.1f} at the base rate"
    return f"llr {here:+.1f}{beside}"


def groups(cohort: Cohort) -> str | None:
    """How many groups of pictures look alike."""
    total = number(cohort, "duplicates_total", "groups")
    listed = cohort.get("duplicates")
    if total is None and isinstance(listed, list | tuple):
        total = float(len(listed))
    return None if total is None else counted(round(total), "group")


def sentences(cohort: Cohort, key: str) -> list[str]:
    """The sentences that the cohort itself brings under ``key``."""
    said = cohort.get(key)
    return [one for one in said if isinstance(one, str)] if isinstance(said, list | tuple) else []


def plain_value(value: Any) -> str:
    """A figure of whatever kind, to be read in a table."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return (
            " to ".join(map(plain_value, value))
            if len(value) == 2
            else ", ".join(map(plain_value, value))
        )
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {plain_value(part)}" for key, part in value.items())
    return str(value)
