"""The report's tables: counts, flagged pictures, groups that look alike, accounts, failures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from app.evidence import Verdict, verbal_support
from app.render import analysis_text, cohort_text
from app.render.cohort_text import format_percent, format_value
from app.render.report import text
from app.render.report.html import Html, bullet_list, image_tag, join, name_tag, table, tag
from app.render.report.record import FailureGroup, FlaggedPicture

MAX_SHOWN_GROUPS: Final = 100
MAX_SHOWN_MEMBERS: Final = 50
MAX_SHOWN_THUMBNAILS: Final = 4
"""Pictures of a group that are shown: they look alike."""
MAX_SOURCE_CHARS: Final = 64
"""Characters of a name or URL in a table; the results hold it whole."""

_COHORT_COLUMNS: Final = ("figure", "value", "what it means")


def counts_tables(outcomes: Mapping[str, int], verdicts: Mapping[str, int]) -> Html:
    """Verdicts and outcomes side by side; kinds of which there are none are shown as such."""
    verdict_rows = [(analysis_text.VERDICT_TEXT[v], f"{verdicts.get(v, 0):,}") for v in Verdict]
    names = {"scored": "a face was weighed", **cohort_text.UNSCORED_REASON}
    outcome_rows = [(said, f"{outcomes.get(code, 0):,}") for code, said in names.items()]
    return tag(
        "div",
        table("By verdict", ("verdict", "pictures"), verdict_rows),
        table("By outcome", ("outcome", "pictures"), outcome_rows),
        class_="counts",
    )


def cohort_table(cohort: Mapping[str, Any]) -> Html:
    """What the list says as a whole, each figure with what it means."""
    figures = (
        ("Share of generated faces", cohort_text.prevalence_text(cohort), text.PREVALENCE_MEANING),
        (
            "Flags that should be wrong",
            cohort_text.false_flags_text(cohort),
            text.FALSE_FLAGS_MEANING,
        ),
        ("Faces in a template", cohort_text.concentration_text(cohort), text.CONCENTRATION_MEANING),
        ("Even odds", cohort_text.even_odds_text(cohort), text.EVEN_ODDS_MEANING),
        (
            "Near-identical pictures",
            cohort_text.duplicate_groups_text(cohort),
            text.DUPLICATES_MEANING,
        ),
    )
    rows = [(label, value, meaning) for label, value, meaning in figures if value is not None]
    if not rows:
        return tag("p", text.NO_COHORT_FIGURES)
    return tag("div", table("The list's own figures", _COHORT_COLUMNS, rows), class_="wide")


def flagged_table(
    flagged: Sequence[FlaggedPicture], base_rate: float, prevalence: float | None
) -> Html:
    """The flagged with their numbers and each check's sentence; two rows each, beside the picture.

    Compact on purpose: two hundred of them are to be printed as well.
    """
    share = f" ({format_percent(prevalence)})" if prevalence is not None else ""
    columns = (
        "picture",
        "item",
        "llr (95 % interval)",
        f"probability at the base rate ({format_percent(base_rate)})",
        f"probability at this list's share{share}",
    )
    head = tag("tr", *(tag("th", column, scope="col") for column in columns))
    bodies = [_flagged_rows(one, len(columns) - 1) for one in flagged]
    caption = tag("caption", "Each with its numbers and what the checks say")
    flagged_html = tag("table", caption, tag("thead", head), *bodies, class_="flagged")
    return tag("div", flagged_html, class_="wide")


def _flagged_rows(picture: FlaggedPicture, columns: int) -> Html:
    low, high = picture.llr_interval
    llr = join(
        [
            tag("span", f"{picture.llr:+.2f}", class_="llr"),
            f" ({low:+.2f} to {high:+.2f})",
            tag("span", f"{verbal_support(picture.llr)} support", class_="small"),
        ]
    )
    in_list = (
        "–" if picture.posterior_in_list is None else format_percent(picture.posterior_in_list)
    )
    numbers_row = tag(
        "tr",
        tag("td", _thumbnail_cell(picture), rowspan="2"),
        tag("th", _item_cell(picture), scope="row"),
        *(
            tag("td", cell)
            for cell in (llr, format_percent(picture.posterior_at_base_rate), in_list)
        ),
    )
    return tag(
        "tbody", numbers_row, tag("tr", tag("td", _checks_cell(picture), colspan=str(columns)))
    )


def _item_cell(flagged: FlaggedPicture) -> Html:
    parts: list[str] = [f"{flagged.seq} ", name_tag(flagged.name, MAX_SOURCE_CHARS)]
    if flagged.source and flagged.source != flagged.name:
        parts.append(tag("span", name_tag(flagged.source, MAX_SOURCE_CHARS), class_="small"))
    details = [
        join([f"{analysis_text.code_to_words(k)} ", name_tag(value)])
        for k, value in flagged.account.items()
    ]
    if details:
        parts.append(tag("span", *_interleave(details, " · "), class_="small"))
    return join(parts)


def _interleave(parts: Sequence[str], separator: str) -> Iterator[str]:
    for index, part in enumerate(parts):
        yield separator if index else ""
        yield part


def _thumbnail_cell(flagged: FlaggedPicture) -> Html:
    if not flagged.thumbnail:
        return tag("span", "no thumbnail was kept", class_="small")
    return image_tag(flagged.thumbnail, "jpeg", f"Avatar of item {flagged.seq}", class_="thumb")


def _checks_cell(flagged: FlaggedPicture) -> Html:
    sentences = []
    for check, llr, sentence in flagged.checks:
        weight = "" if llr is None else f" ({analysis_text.format_llr(llr)})"
        sentences.append(
            f"{analysis_text.code_to_words(check).capitalize()}{weight}: "
            f"{analysis_text.to_sentence(sentence)}"
        )
    return tag("div", bullet_list([*sentences, *flagged.notes]), class_="why")


def duplicate_thumbnail_seqs(groups: Any) -> list[int]:
    """Items of ``groups`` (of the cohort) whose thumbnails the table shows, as far as there are."""
    return [
        seq for group in _valid_groups(groups) for seq in _group_seqs(group)[:MAX_SHOWN_THUMBNAILS]
    ]


def _valid_groups(groups: Any) -> list[Mapping[str, Any]]:
    candidates = groups if isinstance(groups, list | tuple) else ()
    return [group for group in candidates if isinstance(group, Mapping)][:MAX_SHOWN_GROUPS]


def duplicates_table(
    groups: Sequence[Any], names: Mapping[int, str], thumbnails: Mapping[int, bytes]
) -> Html:
    """Groups of items whose pictures look alike, in the order given."""
    rows: list[tuple[str, ...]] = [
        (
            tag("code", str(group.get("perceptual_hash", ""))),
            _thumbnails_cell(group, thumbnails),
            format_value(_group_size(group)),
            format_value(group.get("likely")),
            join(_group_members(group, names)),
        )
        for group in _valid_groups(groups)
    ]
    columns = ("hash", "pictures", "items", "likely generated", "which")
    return tag("div", table("Groups of pictures that look alike", columns, rows), class_="wide")


def _thumbnails_cell(group: Mapping[str, Any], thumbnails: Mapping[int, bytes]) -> Html:
    images = [
        image_tag(thumbnails[seq], "jpeg", f"Avatar of item {seq}")
        for seq in _group_seqs(group)[:MAX_SHOWN_THUMBNAILS]
        if thumbnails.get(seq)
    ]
    return tag("div", *images, class_="alike") if images else Html("–")


def _group_size(group: Mapping[str, Any]) -> int:
    count = group.get("count")
    return count if isinstance(count, int) else len(_group_seqs(group))


def _group_seqs(group: Mapping[str, Any]) -> Sequence[int]:
    seqs = group.get("seqs")
    return [n for n in seqs if isinstance(n, int)] if isinstance(seqs, list | tuple) else []


def _group_members(group: Mapping[str, Any], names: Mapping[int, str]) -> Iterator[str]:
    seqs = _group_seqs(group)[:MAX_SHOWN_MEMBERS]
    labels = [join([f"{seq} ", name_tag(names.get(seq, ""), MAX_SOURCE_CHARS)]) for seq in seqs]
    yield from _interleave(labels, ", ")
    if _group_size(group) > len(seqs):
        yield f" and {_group_size(group) - len(seqs):,} more"


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
        (
            name_tag(analysis_text.code_to_words(str(f))),
            _format_account_value(f, flagged.get(f)),
            _format_account_value(f, rest.get(f)),
        )
        for f in figures
    ]
    accounts_html = table(
        "Accounts of the flagged and of the rest", ("figure", "flagged", "rest"), rows
    )
    return tag("div", accounts_html, class_="wide")


def _format_account_value(figure: Any, value: Any) -> str:
    """Names are told as shares of all names; everything else as it is."""
    share = str(figure).startswith("names_") and isinstance(value, float)
    return format_percent(value) if share else format_value(value)


def failures_table(failures: Sequence[FailureGroup]) -> Html:
    """What went wrong, by kind."""
    rows = [
        (one.title, one.code, f"{one.count:,}", name_tag(one.example, MAX_SOURCE_CHARS))
        for one in failures
    ]
    failures_html = table(
        "Items that failed", ("what happened", "code", "items", "for example"), rows
    )
    return tag("div", failures_html, class_="wide")


def thresholds_table(thresholds: Sequence[Mapping[str, Any]]) -> Html:
    """The verdicts' thresholds and how often each was wrong on validation pictures."""
    rows = [
        (
            analysis_text.code_to_words(str(one.get("verdict", ""))),
            format_value(one.get("llr")),
            _format_rate(one.get("false_positive_rate")),
            _format_rate(one.get("upper_95")),
            _format_rate(one.get("true_positive_rate")),
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


def _format_rate(value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return format_percent(float(value)) if is_number else "–"
