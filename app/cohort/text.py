"""What a list says, in sentences for a moderator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

_BURST_MIN_ACCOUNTS: Final = 3
_BURST_MIN_RATIO: Final = 3.0
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
_NOT_ACCOUNT: Final = "A generated face does not prove that an account is inauthentic."
_MANY_FRAMED_SHARE: Final = 0.05
_MANY_COPIES_SHARE: Final = 0.1


def summary_sentences(cohort: Mapping[str, Any]) -> list[str]:
    """The cohort ``cohort`` in plain sentences, the most telling first."""
    return [
        *_prevalence_sentences(cohort),
        *_flag_sentences(cohort),
        *_concentration_sentences(cohort),
        *_duplicate_sentences(cohort),
        *_burst_sentences(cohort),
    ]


def caveat_sentences(cohort: Mapping[str, Any]) -> list[str]:
    """What must be kept in mind with it."""
    scored, concentration = cohort["counts"]["scored"], cohort["concentration"]
    applies = {
        _EYES_ALONE: concentration["observed"] > 0,
        _FRAMED: cohort["prevalence"]["framed_photographs"] >= _MANY_FRAMED_SHARE,
        _CUT_OFF_CENTRE: scored > 0,
        _FEW_SCORED: 0 < scored < 20,
        _COPIES: cohort["duplicates_total"]["pictures"] >= _MANY_COPIES_SHARE * max(1, scored),
        _ACCOUNTS: cohort["accounts"] is not None,
        _NOT_ACCOUNT: True,
    }
    return [text for text, true in applies.items() if true]


def _prevalence_sentences(cohort: Mapping[str, Any]) -> Iterator[str]:
    scored, prevalence = cohort["counts"]["scored"], cohort["prevalence"]
    if not scored:
        yield "No picture of this list could be scored."
        return
    low, high = prevalence["interval"]
    likeliest = (
        f"; likeliest {_format_percent(prevalence['estimate'])}" if prevalence["estimate"] else ""
    )
    yield (
        f"Of {_pluralize(scored, 'scored picture')}, {_format_percent(low)} to "
        f"{_format_percent(high)} are of the "
        f"StyleGAN family (95 % interval{likeliest})."
    )


def _flag_sentences(cohort: Mapping[str, Any]) -> Iterator[str]:
    likely, flags = cohort["likely"], cohort["false_flags"]
    if not likely:
        return
    expected_real = max(flags["by_rate"], flags["by_posterior"])
    # By rate, a long list of ordinary avatars brings more than there are here.
    amount = "all" if expected_real >= likely else _format_expected(expected_real)
    yield (
        f"{_pluralize(likely, 'picture is', 'pictures are')} called likely StyleGAN; {amount} of "
        f"them "
        "should be real."
    )


def _concentration_sentences(cohort: Mapping[str, Any]) -> Iterator[str]:
    concentration = cohort["concentration"]
    observed, expected, pixels = (
        concentration["observed"],
        concentration["expected"],
        concentration["looks"],
    )
    if concentration["concentrated"]:
        yield (
            f"{_pluralize(observed, 'face has', 'faces have')} both eyes where one generator "
            f"template "
            f"puts them; {_format_expected(expected)} of so many ordinary avatars would. Neither "
            f"chance "
            f"nor a house style explains that (p below 1e{_p_exponent(concentration['log10_p'])})."
        )
        yield {
            "generated": "Their pixels look generated.",
            "photographs": (
                "Yet their pixels look like photographs that were cut into that frame: a face data "
                "set, or an app that crops faces alike."
            ),
            "undecided": (
                "Whether they are generated, or photographs cut into that frame, their pixels "
                "leave open."
            ),
        }[pixels["verdict"]]
    elif observed:
        yield (
            f"{_pluralize(observed, 'face lies', 'faces lie')} on a generator's template, where "
            f"{_format_expected(expected)} of so many ordinary avatars would; chance or a house "
            f"style "
            "can explain that."
        )
    if concentration["house_style"]["likely"]:
        where = "that template" if concentration["concentrated"] else "one frame of their own"
        yield f"Most faces of this list share {where}: level, centred, all in one place."


def _duplicate_sentences(cohort: Mapping[str, Any]) -> Iterator[str]:
    total = cohort["duplicates_total"]
    if total["groups"]:
        yield (
            f"{_pluralize(total['pictures'], 'picture')} in "
            f"{_pluralize(total['groups'], 'group')} are the "
            "same as another one, or nearly."
        )


def _burst_sentences(cohort: Mapping[str, Any]) -> Iterator[str]:
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


def _format_expected(number: float) -> str:
    return "less than one" if number < 1.0 else f"about {number:.0f}"


def _p_exponent(log10_p: float) -> int:
    return -int(-log10_p // 1)


def _format_percent(share: float) -> str:
    percent = 100.0 * share
    if 0.0 < percent < 0.1:
        return "less than 0.1 %"
    return f"{percent:.0f} %" if percent >= 10.0 or percent == 0.0 else f"{percent:.1f} %"


def _pluralize(count: int, singular: str, plural: str | None = None) -> str:
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"
