"""The rows of the report's tables, as text: tolerant of what a cohort's JSON lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.cohort.number_text import format_percent, format_value, pluralize
from app.evidence import Verdict
from app.render import analysis_text
from app.render.report.record import Report

MAX_SHOWN_GROUPS: Final = 100
MAX_SHOWN_MEMBERS: Final = 50
MAX_SHOWN_THUMBNAILS: Final = 4
"""Pictures of a group that are shown: they look alike."""

_FURTHER_FIGURES: Final = {"templates": "templates found", "transforms": "transforms found"}

Row = tuple[str, ...]


@dataclass(frozen=True)
class DuplicateGroup:
    """Items whose pictures look alike. ``members``: seq and name, at most 50 of them.

    ``thumbnails``: seq and JPEG of at most four. ``not_listed``: how many members are left out.
    """

    hash: str
    size: str
    likely: str
    members: tuple[tuple[int, str], ...]
    not_listed: int
    thumbnails: tuple[tuple[int, bytes], ...]


def verdict_counts(report: Report) -> list[Row]:
    """How many pictures got each verdict; verdicts that none got are listed with 0."""
    return [(analysis_text.VERDICT_TEXT[v], f"{report.verdicts.get(v, 0):,}") for v in Verdict]


def outcome_counts(report: Report) -> list[Row]:
    """How many pictures had each outcome; outcomes that none had are listed with 0."""
    labels = {"scored": "a face was scored", **analysis_text.UNSCORED_REASON}
    return [(label, f"{report.outcomes.get(code, 0):,}") for code, label in labels.items()]


def unscored_sentences(report: Report) -> list[str]:
    """How many pictures got no score, for each reason."""
    return [
        f"{pluralize(report.outcomes[code], 'picture')}: {reason}."
        for code, reason in analysis_text.UNSCORED_REASON.items()
        if report.outcomes.get(code)
    ]


def further_figures(cohort: Mapping[str, Any]) -> list[Row]:
    """Label and value of the counts that have no row of their own."""
    return [
        (label, format_value(cohort[key]))
        for key, label in _FURTHER_FIGURES.items()
        if cohort.get(key)
    ]


def duplicate_groups(report: Report) -> list[DuplicateGroup]:
    """Groups of items whose pictures look alike, in the cohort's order."""
    groups = report.cohort.get("duplicates")
    return [_duplicate_group(group, report) for group in _valid_groups(groups)]


def duplicate_seqs(groups: Any) -> list[int]:
    """Every item of ``groups`` (of the cohort)."""
    return [seq for group in _valid_groups(groups) for seq in _group_seqs(group)]


def duplicate_thumbnail_seqs(groups: Any) -> list[int]:
    """Items of ``groups`` (of the cohort) whose thumbnails the report shows."""
    return [
        seq for group in _valid_groups(groups) for seq in _group_seqs(group)[:MAX_SHOWN_THUMBNAILS]
    ]


def account_figures(accounts: Any) -> list[Row]:
    """Name and value of each account figure: of the flagged, of the rest.

    ``accounts``: ``{"flagged": {figure: value}, "rest": {figure: value}}``, or anything.
    """
    flagged, rest = (_submapping(accounts, side) for side in ("flagged", "rest"))
    figures = dict.fromkeys([*flagged, *rest])
    return [
        (
            analysis_text.code_to_words(str(figure)),
            _format_account_value(figure, flagged.get(figure)),
            _format_account_value(figure, rest.get(figure)),
        )
        for figure in figures
        if flagged.get(figure) is not None or rest.get(figure) is not None
    ]


def threshold_rows(thresholds: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The verdicts' thresholds and how often each was wrong on validation pictures."""
    return [
        (
            analysis_text.in_words(str(threshold.get("verdict", ""))),
            format_value(threshold.get("llr")),
            _format_rate(threshold.get("false_positive_rate")),
            _format_rate(threshold.get("upper_95")),
            _format_rate(threshold.get("true_positive_rate")),
            str(threshold.get("meaning", "")),
        )
        for threshold in thresholds
    ]


def interval_text(low: float, high: float) -> str:
    """An interval of llr; where it has no width, the llr is as high as validation can carry."""
    if high - low < analysis_text.NO_WIDTH:
        return "at the bound of what validation can carry"
    return f"{low:+.2f} to {high:+.2f}"


RATES_OF_INTEREST: Final = (
    "framed photographs",
    "retouched photographs",
    "studio portraits",
    "size bands",
    "apparent skin tone",
)
"""Pictures of people for which a flag is most often wrong, or might be unequally often."""


def error_rate_groups(figures: Mapping[str, Any]) -> list[tuple[str, list[Row]]]:
    """False alarms from ``error_rates`` of the calibration's figures: a heading, and its rows.

    Each of them: ``app.calibration.file.ErrorRateEntry`` as a dictionary.
    """
    groups: dict[str, list[Row]] = {}
    for entry in _error_rates(figures):
        row = (
            str(entry.get("pictures", "")),
            format_value(entry.get("count")),
            format_value(entry.get("likely")),
            _format_rate(entry.get("rate")),
            _format_rate(entry.get("upper_95")),
        )
        groups.setdefault(str(entry.get("group") or "kinds of pictures"), []).append(row)
    return list(groups.items())


def missing_rates(figures: Mapping[str, Any]) -> list[str]:
    """Kinds of interest for which the calibration states no rate."""
    stated = [
        f"{entry.get('group', '')} {entry.get('pictures', '')}" for entry in _error_rates(figures)
    ]
    return [kind for kind in RATES_OF_INTEREST if not any(kind in name for name in stated)]


def _error_rates(figures: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    entries = figures.get("error_rates")
    return (
        [entry for entry in entries if isinstance(entry, Mapping)]
        if isinstance(entries, list | tuple)
        else []
    )


def _duplicate_group(group: Mapping[str, Any], report: Report) -> DuplicateGroup:
    seqs = _group_seqs(group)
    count = group.get("count")
    size = count if isinstance(count, int) else len(seqs)
    shown = seqs[:MAX_SHOWN_MEMBERS]
    return DuplicateGroup(
        hash=str(group.get("pdq", "")),
        size=format_value(size),
        likely=format_value(group.get("likely")),
        members=tuple((seq, report.names.get(seq, "")) for seq in shown),
        not_listed=max(0, size - len(shown)),
        thumbnails=tuple(_thumbnails(seqs, report.alike)),
    )


def _thumbnails(
    seqs: Sequence[int], thumbnails: Mapping[int, bytes]
) -> Iterator[tuple[int, bytes]]:
    for seq in seqs[:MAX_SHOWN_THUMBNAILS]:
        if thumbnails.get(seq):
            yield seq, thumbnails[seq]


def _valid_groups(groups: Any) -> list[Mapping[str, Any]]:
    candidates = groups if isinstance(groups, list | tuple) else ()
    return [group for group in candidates if isinstance(group, Mapping)][:MAX_SHOWN_GROUPS]


def _group_seqs(group: Mapping[str, Any]) -> Sequence[int]:
    seqs = group.get("seqs")
    return [n for n in seqs if isinstance(n, int)] if isinstance(seqs, list | tuple) else []


def _submapping(value: Any, key: str) -> Mapping[Any, Any]:
    inner = value.get(key) if isinstance(value, Mapping) else None
    return inner if isinstance(inner, Mapping) else {}


def _format_account_value(figure: Any, value: Any) -> str:
    """Figures of names are shares of all names; everything else is shown as it is."""
    is_share = str(figure).startswith("names_") and isinstance(value, float)
    return format_percent(value) if is_share else format_value(value)


def _format_rate(value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return format_percent(float(value)) if is_number else "–"
