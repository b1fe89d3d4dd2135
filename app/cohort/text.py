"""What a list says, in words: sentences, caveats, and the figures of a table.

Everything is read from the facts of a cohort's JSON, and every number goes through ``number_text``,
so that two places which state one fact state it alike. A fact that is missing costs its own
sentence only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from app.cohort.facts import CohortJson, read_interval, read_number
from app.cohort.number_text import (
    format_expected,
    format_p_value,
    format_percent,
    pluralize,
)

_BURST_MIN_ACCOUNTS: Final = 3
_BURST_MIN_RATIO: Final = 3.0
_MANY_FRAMED_SHARE: Final = 0.05
_MANY_COPIES_SHARE: Final = 0.1
_FEW_PICTURES: Final = 20

_EYES_ALONE: Final = (
    "Where the eyes lie is geometry: photographs that were cut into the same frame (face data "
    "sets, apps that crop faces alike) lie there too. Only pixels can tell those apart."
)
_FRAMED: Final = (
    "So many photographs seem to sit in a generator's frame here that the likelihood ratios, which "
    "compare with ordinary avatars, are too high for this list: compare them, do not read them."
)
_CUT_OFF_CENTRE: Final = (
    "Generated faces that were cut off-centre keep nothing of the frame: they look ordinary here "
    "and are not counted."
)
_FEW_SCORED: Final = "Fewer than 20 pictures could be scored: shares are hardly more than a guess."
_ACCOUNTS: Final = (
    "What the list says of accounts is shown beside the pictures and has moved no figure."
)
_COPIES: Final = (
    "Copies of one picture count once for every account that shows them; the interval takes them "
    "for different pictures, and is too narrow where there are many."
)
_ALL_FALSE: Final = "possibly all of them"
_NOT_ACCOUNT: Final = "A generated face does not prove that an account is inauthentic."
_PIXELS_GENERATED: Final = "Their pixels look generated."
_PIXELS_PHOTOGRAPHS: Final = (
    "Yet their pixels look like photographs that were cut into that frame: a face data set, or an "
    "app that crops faces alike."
)
_PIXELS_OPEN: Final = (
    "Whether they are generated, or photographs cut into that frame, cannot be told from their "
    "pixels; larger pictures could."
)


def summary_sentences(cohort: CohortJson) -> list[str]:
    """The cohort in plain sentences, the most telling first."""
    return [
        *_prevalence_sentences(cohort),
        *_flag_sentences(cohort),
        *_concentration_sentences(cohort),
        *_duplicate_sentences(cohort),
        *_burst_sentences(cohort),
    ]


def caveat_sentences(cohort: CohortJson) -> list[str]:
    """What must be kept in mind with the summary."""
    scored = read_number(cohort, "counts", "scored") or 0.0
    copies = read_number(cohort, "duplicates_total", "pictures") or 0.0
    applies = {
        _EYES_ALONE: (read_number(cohort, "concentration", "observed") or 0.0) > 0,
        _FRAMED: framed_share(cohort) >= _MANY_FRAMED_SHARE,
        _CUT_OFF_CENTRE: scored > 0,
        _FEW_SCORED: 0 < scored < _FEW_PICTURES,
        _COPIES: copies >= _MANY_COPIES_SHARE * max(1.0, scored),
        _ACCOUNTS: cohort.get("accounts") is not None,
        _NOT_ACCOUNT: True,
    }
    return [text for text, holds in applies.items() if holds]


def prevalence_text(cohort: CohortJson) -> str | None:
    """The estimated share of generated faces, with its interval."""
    estimate = read_number(cohort, "prevalence", "estimate")
    bounds = read_interval(cohort, "prevalence", "interval")
    if estimate is None or _has_no_scored(cohort):
        return None
    return format_percent(estimate) + ("" if bounds is None else f" ({_interval_text(bounds)})")


def false_flags_text(cohort: CohortJson) -> str | None:
    """How many of the flags are expected to be of real pictures, never more than there are."""
    expected, upper = _expected_false_flags(cohort)
    flagged = read_number(cohort, "likely")
    if expected is None or flagged == 0.0 or _has_no_scored(cohort):
        return None
    if flagged is not None and expected >= flagged:
        # More would be flagged in a list without a single generated face.
        return _ALL_FALSE
    bound = math.inf if flagged is None else flagged
    at_most = "" if upper is None else f", at most {format_expected(min(upper, bound))}"
    return f"{'less than one' if expected < 1.0 else f'about {format_expected(expected)}'}{at_most}"


def concentration_text(cohort: CohortJson) -> str | None:
    """How many faces lie in a template, and how many would by chance."""
    observed = read_number(cohort, "concentration", "observed")
    expected = read_number(cohort, "concentration", "expected")
    p = read_number(cohort, "concentration", "p_value")
    if observed is None or expected is None or _has_no_scored(cohort):
        return None
    text = f"{observed:,.0f} where {format_expected(expected)} would by chance"
    return text if p is None else f"{text} ({format_p_value(p)})"


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


def framed_share(cohort: CohortJson) -> float:
    """The estimated share of real photographs in a generator's frame; 0 where unknown."""
    share = read_number(cohort, "shares", "framed", "estimate")
    if share is None:
        share = read_number(cohort, "prevalence", "framed_photographs")
    return share or 0.0


def _has_no_scored(cohort: CohortJson) -> bool:
    """Whether there is no picture that a figure could be of: none is then no share of anything."""
    return read_number(cohort, "counts", "scored") == 0.0


def _interval_text(bounds: tuple[float, float]) -> str:
    percent = format_percent(0.95)
    return f"{percent} interval {format_percent(bounds[0])} to {format_percent(bounds[1])}"


def _expected_false_flags(cohort: CohortJson) -> tuple[float | None, float | None]:
    """How many flags are expected to be of real pictures, and the upper bound of that."""
    estimate = read_number(cohort, "expected_false_flags", "estimate")
    if estimate is None:
        estimate = read_number(cohort, "expected_false_flags")
    bounds = read_interval(cohort, "expected_false_flags", "interval")
    upper = bounds[1] if bounds else read_number(cohort, "false_flags", "at_most")
    is_bound = estimate is not None and upper is not None and upper > estimate
    return estimate, upper if is_bound else None


def _prevalence_sentences(cohort: CohortJson) -> Iterator[str]:
    share = prevalence_text(cohort)
    if share is None:
        yield "No picture of this list could be scored."
        return
    scored = pluralize(cohort["counts"]["scored"], "scored picture")
    yield f"Estimated share of StyleGAN-family faces among {scored}: {share}."


def _flag_sentences(cohort: CohortJson) -> Iterator[str]:
    false_flags = false_flags_text(cohort)
    if not cohort["likely"] or false_flags is None:
        return
    flagged = pluralize(cohort["likely"], "picture is", "pictures are")
    yield f"{flagged} flagged; expected false flags among them: {false_flags}."


def _concentration_sentences(cohort: CohortJson) -> Iterator[str]:
    concentration = cohort["concentration"]
    observed, expected = concentration["observed"], format_expected(concentration["expected"])
    if concentration["concentrated"]:
        p = format_p_value(concentration["p_value"])
        yield (
            f"{pluralize(observed, 'face has', 'faces have')} both eyes where one generator "
            f"template puts them; {expected} of so many ordinary avatars would. Neither chance nor "
            f"a house style explains that ({p})."
        )
        yield _pixel_sentence(cohort)
    elif observed:
        yield (
            f"{pluralize(observed, 'face lies', 'faces lie')} on a generator's template, where "
            f"{expected} of so many ordinary avatars would; chance or a house style can explain "
            "that."
        )
    if concentration["house_style"]["likely"]:
        where = "that template" if concentration["concentrated"] else "one frame of their own"
        yield f"Most faces of this list share {where}: level, centred, all in one place."


def _pixel_sentence(cohort: CohortJson) -> str:
    """What the pixels of those on the template say, unless the list's own figures deny it."""
    concentration = cohort["concentration"]
    verdict, half = concentration["looks"]["verdict"], concentration["observed"] / 2
    scored = read_number(cohort, "counts", "scored") or 0.0
    bounds = read_interval(cohort, "prevalence", "interval") or (0.0, 1.0)
    fewest, most = (share * scored for share in bounds)
    if verdict == "generated" and most >= half and false_flags_text(cohort) != _ALL_FALSE:
        return _PIXELS_GENERATED
    if verdict == "photographs" and fewest <= half:
        return _PIXELS_PHOTOGRAPHS
    return _PIXELS_OPEN


def _duplicate_sentences(cohort: CohortJson) -> Iterator[str]:
    total = cohort["duplicates_total"]
    if total["groups"]:
        pictures, groups = pluralize(total["pictures"], "picture"), duplicate_groups_text(cohort)
        yield f"{pictures} in {groups} are the same as another one, or nearly."


def _burst_sentences(cohort: CohortJson) -> Iterator[str]:
    bursts = (cohort["accounts"] or {}).get("bursts", {})
    for name in ("hour", "day"):
        burst = bursts.get(name)
        if burst is None or burst["flagged"] < _BURST_MIN_ACCOUNTS:
            continue
        flagged_share = burst["flagged"] / burst["flagged_known"]
        rest_share = burst["rest_busiest"] / burst["rest_known"] if burst["rest_known"] else 0.0
        if flagged_share >= _BURST_MIN_RATIO * rest_share:
            yield (
                f"{burst['flagged']} of {burst['flagged_known']} flagged accounts were created "
                f"within one {name} (from {burst['from']}); of the {burst['rest_known']} others "
                f"{burst['rest']} were, and never more than {burst['rest_busiest']} within one."
            )
            return
