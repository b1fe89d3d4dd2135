"""The report's tables: counts, flagged pictures, groups that look alike, accounts, failures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from app.evidence import Verdict, verbal_support
from app.render import analysis_text, cohort_text
from app.render.cohort_text import percent, plain_value
from app.render.report import text
from app.render.report.html import Html, bullets, joined, name, picture, table, tag
from app.render.report.record import Failed, Flagged

MAX_GROUPS: Final = 100
MAX_MEMBERS: Final = 50
MAX_ALIKE: Final = 4
"""Pictures of a group that are shown: they look alike."""
SOURCE_LENGTH: Final = 64
"""Characters of a name or URL in a table; the results hold it whole."""

_COHORT: Final = ("figure", "value", "what it means")


def counts_tables(outcomes: Mapping[str, int], verdicts: Mapping[str, int]) -> Html:
    """Verdicts and outcomes side by side; kinds of which there are none are shown as such."""
    verdict_rows = [(analysis_text.VERDICT[v], f"{verdicts.get(v, 0):,}") for v in Verdict]
    names = {"scored": "a face was weighed", **cohort_text.WHY_NOT}
    outcome_rows = [(said, f"{outcomes.get(code, 0):,}") for code, said in names.items()]
    return tag(
        "div",
        table("By verdict", ("verdict", "pictures"), verdict_rows),
        table("By outcome", ("outcome", "pictures"), outcome_rows),
        class_="counts",
    )


def cohort_table(cohort: Mapping[str, Any]) -> Html:
    """What the list says as a whole, each figure with what it means."""
    told = (
        ("Share of generated faces", cohort_text.prevalence(cohort), text.SHARE),
        ("Flags that should be wrong", cohort_text.false_flags(cohort), text.FALSE_FLAGS),
        ("Faces in a template", cohort_text.concentration(cohort), text.TEMPLATE),
        ("Even odds", cohort_text.even_odds(cohort), text.EVEN),
        ("Near-identical pictures", cohort_text.groups(cohort), text.ALIKE),
    )
    rows = [(label, value, meaning) for label, value, meaning in told if value is not None]
    if not rows:
        return tag("p", text.TOO_LITTLE)
    return tag("div", table("The list's own figures", _COHORT, rows), class_="wide")


def flagged_table(flagged: Sequence[Flagged], base_rate: float, prevalence: float | None) -> Html:
    """The flagged with their numbers and each check's sentence; two rows each, beside the picture.

    Compact on purpose: two hundred of them are to be printed as well.
    """
    share = f" ({percent(prevalence)})" if prevalence is not None else ""
    columns = (
        "picture",
        "item",
        "llr (95 % interval)",
        f"probability at the base rate ({percent(base_rate)})",
        f"probability at this list's share{share}",
    )
    head = tag("tr", *(tag("th", column, scope="col") for column in columns))
    bodies = [_flagged_rows(one, len(columns) - 1) for one in flagged]
    caption = tag("caption", "Each with its numbers and what the checks say")
    shown = tag("table", caption, tag("thead", head), *bodies, class_="flagged")
    return tag("div", shown, class_="wide")


def _flagged_rows(one: Flagged, columns: int) -> Html:
    low, high = one.llr_interval
    llr = joined(
        [
            tag("span", f"{one.llr:+.2f}", class_="llr"),
            f" ({low:+.2f} to {high:+.2f})",
            tag("span", f"{verbal_support(one.llr)} support", class_="small"),
        ]
    )
    in_list = "–" if one.posterior_in_list is None else percent(one.posterior_in_list)
    numbers = tag(
        "tr",
        tag("td", _thumbnail(one), rowspan="2"),
        tag("th", _item(one), scope="row"),
        *(tag("td", cell) for cell in (llr, percent(one.posterior_at_base_rate), in_list)),
    )
    return tag("tbody", numbers, tag("tr", tag("td", _why(one), colspan=str(columns))))


def _item(one: Flagged) -> Html:
    parts: list[str] = [f"{one.seq} ", name(one.name, SOURCE_LENGTH)]
    if one.source and one.source != one.name:
        parts.append(tag("span", name(one.source, SOURCE_LENGTH), class_="small"))
    told = [joined([f"{analysis_text.plain(k)} ", name(value)]) for k, value in one.account.items()]
    if told:
        parts.append(tag("span", *_between(told, " · "), class_="small"))
    return joined(parts)


def _between(parts: Sequence[str], mark: str) -> Iterator[str]:
    for place, part in enumerate(parts):
        yield mark if place else ""
        yield part


def _thumbnail(one: Flagged) -> Html:
    if not one.thumbnail:
        return tag("span", "no thumbnail was kept", class_="small")
    return picture(one.thumbnail, "jpeg", f"Avatar of item {one.seq}", class_="thumb")


def _why(one: Flagged) -> Html:
    said = []
    for check, llr, sentence in one.checks:
        weight = "" if llr is None else f" ({analysis_text.signed(llr)})"
        said.append(
            f"{analysis_text.plain(check).capitalize()}{weight}: {analysis_text.sentence(sentence)}"
        )
    return tag("div", bullets([*said, *one.notes]), class_="why")


def shown_alike(groups: Any) -> list[int]:
    """Items of ``groups`` (of the cohort) whose thumbnails the table shows, as far as there are."""
    return [seq for group in _readable(groups) for seq in _seqs(group)[:MAX_ALIKE]]


def _readable(groups: Any) -> list[Mapping[str, Any]]:
    found = groups if isinstance(groups, list | tuple) else ()
    return [group for group in found if isinstance(group, Mapping)][:MAX_GROUPS]


def duplicates_table(
    groups: Sequence[Any], names: Mapping[int, str], alike: Mapping[int, bytes]
) -> Html:
    """Groups of items whose pictures look alike, in the order given."""
    rows: list[tuple[str, ...]] = [
        (
            tag("code", str(group.get("perceptual_hash", ""))),
            _alike(group, alike),
            plain_value(_size(group)),
            plain_value(group.get("likely")),
            joined(_members(group, names)),
        )
        for group in _readable(groups)
    ]
    columns = ("hash", "pictures", "items", "likely generated", "which")
    return tag("div", table("Groups of pictures that look alike", columns, rows), class_="wide")


def _alike(group: Mapping[str, Any], alike: Mapping[int, bytes]) -> Html:
    shown = [
        picture(alike[seq], "jpeg", f"Avatar of item {seq}")
        for seq in _seqs(group)[:MAX_ALIKE]
        if alike.get(seq)
    ]
    return tag("div", *shown, class_="alike") if shown else Html("–")


def _size(group: Mapping[str, Any]) -> int:
    count = group.get("count")
    return count if isinstance(count, int) else len(_seqs(group))


def _seqs(group: Mapping[str, Any]) -> Sequence[int]:
    seqs = group.get("seqs")
    return [n for n in seqs if isinstance(n, int)] if isinstance(seqs, list | tuple) else []


def _members(group: Mapping[str, Any], names: Mapping[int, str]) -> Iterator[str]:
    seqs = _seqs(group)[:MAX_MEMBERS]
    shown = [joined([f"{seq} ", name(names.get(seq, ""), SOURCE_LENGTH)]) for seq in seqs]
    yield from _between(shown, ", ")
    if _size(group) > len(seqs):
        yield f" and {_size(group) - len(seqs):,} more"


def accounts_table(accounts: Any) -> Html | None:
    """The accounts' figures, flagged beside the rest; ``None`` where the list has none.

    ``accounts``: ``{"flagged": {figure: value}, "rest": {figure: value}}``.
    """
    if not isinstance(accounts, Mapping):
        return None
    sides = accounts.get("flagged"), accounts.get("rest")
    flagged, rest = (side if isinstance(side, Mapping) else {} for side in sides)
    both = dict.fromkeys([*flagged, *rest])
    figures = [f for f in both if flagged.get(f) is not None or rest.get(f) is not None]
    if not figures:
        return None
    rows = [
        (name(analysis_text.plain(str(f))), _account(f, flagged.get(f)), _account(f, rest.get(f)))
        for f in figures
    ]
    shown = table("Accounts of the flagged and of the rest", ("figure", "flagged", "rest"), rows)
    return tag("div", shown, class_="wide")


def _account(figure: Any, value: Any) -> str:
    """Names are told as shares of all names; everything else as it is."""
    share = str(figure).startswith("names_") and isinstance(value, float)
    return percent(value) if share else plain_value(value)


def failures_table(failures: Sequence[Failed]) -> Html:
    """What went wrong, by kind."""
    rows = [
        (one.title, one.code, f"{one.count:,}", name(one.example, SOURCE_LENGTH))
        for one in failures
    ]
    shown = table("Items that failed", ("what happened", "code", "items", "for example"), rows)
    return tag("div", shown, class_="wide")


def thresholds_table(thresholds: Sequence[Mapping[str, Any]]) -> Html:
    """The verdicts' thresholds and how often each was wrong on validation pictures."""
    rows = [
        (
            analysis_text.plain(str(one.get("verdict", ""))),
            plain_value(one.get("llr")),
            _rate(one.get("false_positive_rate")),
            _rate(one.get("upper_95")),
            _rate(one.get("true_positive_rate")),
            str(one.get("meaning", "")),
        )
        for one in thresholds
    ]
    columns = (
        "verdict",
        "llr",
        "rate among ordinary avatars",
        "at most (95 %)",
        "rate among generated ones",
        "meaning",
    )
    return tag("div", table("Thresholds, as validated", columns, rows), class_="wide")


def _rate(value: Any) -> str:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return percent(float(value)) if known else "–"
