"""What a whole list says, in sentences: from the cohort's JSON, tolerant of what it lacks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from app.evidence import Outcome, Verdict

VERDICT_LABEL: Final[dict[str, str]] = {
    Verdict.LIKELY_STYLEGAN: "likely StyleGAN",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.UNLIKELY_STYLEGAN: "unlikely",
    Verdict.NOT_APPLICABLE: "not weighed",
}
VERDICT_SHORT_LABEL: Final[dict[str, str]] = {**VERDICT_LABEL, Verdict.LIKELY_STYLEGAN: "likely"}
UNSCORED_REASON: Final[dict[str, str]] = {
    Outcome.NO_FACE: "no face",
    Outcome.TOO_SMALL: "face too small",
    Outcome.NOT_A_PHOTO: "not a photograph",
}
NOT_THE_ACCOUNT: Final = (
    "A picture is not an account: a flag asks for a look by a person and decides nothing. "
    "Real photographs framed like the template exist."
)


def pluralize(number: int, singular: str, plural: str | None = None) -> str:
    """``read_number`` with its noun: 1 avatar, 2 avatars, 3,000 avatars."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def verdict_counts_text(verdicts: Mapping[str, int], failed: int) -> str:
    """How many got which verdict, the strongest first; kinds of which there are none left out."""
    parts = [f"{verdicts[v]:,} {VERDICT_LABEL[v]}" for v in Verdict if verdicts.get(v)]
    if failed:
        parts.append(f"{failed:,} could not be read")
    return " · ".join(parts) or "nothing was looked at"


CohortJson = Mapping[str, Any]

_PERCENT_SIGN: Final = "\u00a0%"
"""Never at the start of a line."""


def format_percent(share: float) -> str:
    """A probability as a percentage that is never rounded to 0 or 100 %."""
    if not 0.0 < share < 1.0:
        return f"{0 if share <= 0.0 else 100}{_PERCENT_SIGN}"
    smaller = min(share, 1.0 - share)
    # Two figures of whatever is smaller, the share or what it lacks.
    digits = max(0, 1 - math.floor(math.log10(smaller * 100.0)))
    if digits > 6:
        return (
            f"less than 0.000001{_PERCENT_SIGN}"
            if share < 0.5
            else f"over 99.999999{_PERCENT_SIGN}"
        )
    text = f"{share * 100.0:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}{_PERCENT_SIGN}"


def format_p_value(p: float) -> str:
    """``p`` in one significant figure, small ones as a power of ten."""
    if p < 1e-12:
        return "p below 1e-12"
    return f"p = {p:.1g}" if p >= 1e-3 else f"p = {p:.0e}".replace("e-0", "e-")


def format_expected(number: float) -> str:
    """An expected count: one decimal below ten, two figures where it is less than one."""
    if number >= 10.0:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 1.0 or number == 0.0 else f"{number:.2g}"


def read_number(cohort: CohortJson, *path: str) -> float | None:
    """The finite number at ``path``, if there is one."""
    value: Any = cohort
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def read_interval(cohort: CohortJson, *path: str) -> tuple[float, float] | None:
    """The pair of finite numbers at ``path``, if there is one."""
    value: Any = cohort
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    low, high = (read_number({"it": end}, "it") for end in value)
    return None if low is None or high is None else (low, high)


def prevalence_text(cohort: CohortJson) -> str | None:
    """The estimated share of generated faces, with its interval."""
    estimate = read_number(cohort, "prevalence", "estimate")
    bounds = read_interval(cohort, "prevalence", "interval")
    if estimate is None or _has_no_scored(cohort):
        return None
    if bounds is None:
        return format_percent(estimate)
    return (
        f"{format_percent(estimate)} (95{_PERCENT_SIGN} interval {format_percent(bounds[0])} "
        f"to {format_percent(bounds[1])})"
    )


def concentration_text(cohort: CohortJson) -> str | None:
    """How many faces lie in a template, and how many would by chance."""
    observed = read_number(cohort, "concentration", "observed")
    expected = read_number(cohort, "concentration", "expected")
    p = read_number(cohort, "concentration", "p_value")
    if observed is None or expected is None or _has_no_scored(cohort):
        return None
    text = f"{observed:,.0f} where {format_expected(expected)} would by chance"
    return text if p is None else f"{text} ({format_p_value(p)})"


def false_flags_text(cohort: CohortJson) -> str | None:
    """How many of the flags should be wrong, in words, and how many at the most."""
    expected = read_number(cohort, "expected_false_flags")
    upper_bound = read_number(cohort, "false_flags", "at_most")
    flagged = read_number(cohort, "likely")
    if expected is None or _has_no_scored(cohort):
        return None
    if flagged is not None and 0.0 < flagged <= expected:
        return f"all of them ({format_expected(expected)} expected)"
    suffix = (
        f", {format_expected(upper_bound)} at the most"
        if upper_bound is not None and upper_bound > expected
        else ""
    )
    if expected < 1.0:
        return f"less than one ({format_expected(expected)} expected{suffix})"
    return f"about {format_expected(expected)}{suffix}"


def _has_no_scored(cohort: CohortJson) -> bool:
    """Whether there is no picture that a figure could be of: none is then no share of anything."""
    return read_number(cohort, "counts", "scored") == 0.0


def even_odds_text(cohort: CohortJson) -> str | None:
    """The llr from which a picture of this list is more likely generated than not."""
    list_llr = read_number(cohort, "posterior", "even_llr")
    base_rate_llr = read_number(cohort, "posterior", "even_llr_at_base_rate")
    if list_llr is None:
        return None
    suffix = "" if base_rate_llr is None else f"; {base_rate_llr:+.1f} at the base rate"
    return f"llr {list_llr:+.1f}{suffix}"


def duplicate_groups_text(cohort: CohortJson) -> str | None:
    """How many groups of pictures look alike."""
    total = read_number(cohort, "duplicates_total", "groups")
    listed = cohort.get("duplicates")
    if total is None and isinstance(listed, list | tuple):
        total = float(len(listed))
    return None if total is None else pluralize(round(total), "group")


def read_sentences(cohort: CohortJson, key: str) -> list[str]:
    """The sentences that the cohort itself brings under ``key``."""
    lines = cohort.get(key)
    return [one for one in lines if isinstance(one, str)] if isinstance(lines, list | tuple) else []


def format_value(value: Any) -> str:
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
            " to ".join(map(format_value, value))
            if len(value) == 2
            else ", ".join(map(format_value, value))
        )
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {format_value(part)}" for key, part in value.items())
    return str(value)
