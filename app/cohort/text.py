"""What a list says, in sentences for a moderator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

_BURST_LEAST: Final = 3
_BURST_TIMES: Final = 3.0
_EYES_ALONE: Final = (
    "Where the eyes lie is geometry: photographs that were cut into the same frame (face data "
    "sets, apps that crop faces alike) lie there too. Only pixels can tell those apart."
)
_FRAMED: Final = (
    "So many photographs seem to sit in a generator's frame here that the likelihood ratios, which "
    "compare with ordinary avatars, are too high for this list: compare them, do not read them."
)
_CUT: Final = (
    "Generated faces that were cut off-centre keep nothing of the frame: they look ordinary here "
    "and are not counted."
)
_FEW: Final = "Fewer than 20 pictures could be scored: shares are hardly more than a guess."
_ACCOUNTS: Final = (
    "What the list says of accounts is shown beside the pictures and has moved no figure."
)
_COPIES: Final = (
    "Copies of one picture count once for every account that shows them; the interval takes them "
    "for different pictures, and is too narrow where there are many."
)
_NOT_ACCOUNT: Final = "A generated face does not prove that an account is inauthentic."
_MANY_FRAMED: Final = 0.05
_MANY_COPIES: Final = 0.1


def summary(said: Mapping[str, Any]) -> list[str]:
    """The cohort ``said`` in plain sentences, the most telling first."""
    return [*_share(said), *_flags(said), *_frame(said), *_copies(said), *_created(said)]


def caveats(said: Mapping[str, Any]) -> list[str]:
    """What must be kept in mind with it."""
    scored, seen = said["counts"]["scored"], said["concentration"]
    told = {
        _EYES_ALONE: seen["observed"] > 0,
        _FRAMED: said["prevalence"]["framed_photographs"] >= _MANY_FRAMED,
        _CUT: scored > 0,
        _FEW: 0 < scored < 20,
        _COPIES: said["duplicates_total"]["pictures"] >= _MANY_COPIES * max(1, scored),
        _ACCOUNTS: said["accounts"] is not None,
        _NOT_ACCOUNT: True,
    }
    return [text for text, true in told.items() if true]


def _share(said: Mapping[str, Any]) -> Iterator[str]:
    scored, share = said["counts"]["scored"], said["prevalence"]
    if not scored:
        yield "No picture of this list could be scored."
        return
    low, high = share["interval"]
    likeliest = f"; likeliest {_percent(share['estimate'])}" if share["estimate"] else ""
    yield (
        f"Of {_many(scored, 'scored picture')}, {_percent(low)} to {_percent(high)} are of the "
        f"StyleGAN family (95 % interval{likeliest})."
    )


def _flags(said: Mapping[str, Any]) -> Iterator[str]:
    likely, flags = said["likely"], said["false_flags"]
    if not likely:
        return
    real = max(flags["by_rate"], flags["by_posterior"])
    # By rate, a long list of ordinary avatars brings more than there are here.
    amount = "all" if real >= likely else _expected(real)
    yield (
        f"{_many(likely, 'picture is', 'pictures are')} called likely generated; {amount} of them "
        "should be real."
    )


def _frame(said: Mapping[str, Any]) -> Iterator[str]:
    seen = said["concentration"]
    observed, expected, looks = seen["observed"], seen["expected"], seen["looks"]
    if seen["concentrated"]:
        yield (
            f"{_many(observed, 'face has', 'faces have')} both eyes where one generator template "
            f"puts them; {_expected(expected)} of so many ordinary avatars would. Neither chance "
            f"nor a house style explains that (p below 1e{_ceiling(seen['log10_p'])})."
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
        }[looks["verdict"]]
    elif observed:
        yield (
            f"{_many(observed, 'face lies', 'faces lie')} on a generator's template, where "
            f"{_expected(expected)} of so many ordinary avatars would; chance or a house style "
            "can explain that."
        )
    if seen["house_style"]["likely"]:
        where = "that template" if seen["concentrated"] else "one frame of their own"
        yield f"Most faces of this list share {where}: level, centred, all in one place."


def _copies(said: Mapping[str, Any]) -> Iterator[str]:
    total = said["duplicates_total"]
    if total["groups"]:
        yield (
            f"{_many(total['pictures'], 'picture')} in {_many(total['groups'], 'group')} are the "
            "same as another one, or nearly."
        )


def _created(said: Mapping[str, Any]) -> Iterator[str]:
    bursts = (said["accounts"] or {}).get("bursts", {})
    for name in ("hour", "day"):
        burst = bursts.get(name)
        if burst is None or burst["flagged"] < _BURST_LEAST:
            continue
        ours = burst["flagged"] / burst["flagged_known"]
        theirs = burst["rest_busiest"] / burst["rest_known"] if burst["rest_known"] else 0.0
        if ours >= _BURST_TIMES * theirs:
            yield (
                f"{burst['flagged']} of {burst['flagged_known']} flagged accounts were created "
                f"within one {name} (from {burst['from']}); of the {burst['rest_known']} others "
                f"{burst['rest']} were, and never more than {burst['rest_busiest']} within one."
            )
            return


def _expected(number: float) -> str:
    return "less than one" if number < 1.0 else f"about {number:.0f}"


def _ceiling(log10_p: float) -> int:
    return -int(-log10_p // 1)


def _percent(share: float) -> str:
    percent = 100.0 * share
    if 0.0 < percent < 0.1:
        return "less than 0.1 %"
    return f"{percent:.0f} %" if percent >= 10.0 or percent == 0.0 else f"{percent:.1f} %"


def _many(count: int, one: str, more: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else more or one + 's'}"
