"""The report's parts, each under a heading of its own; a part with nothing to tell is ``None``."""

from __future__ import annotations

import json

from app.render import analysis_text, cohort_text
from app.render.cohort_text import counted
from app.render.report import text as report_words
from app.render.report.html import Html, Section, bullets, facts, figure, joined, tag
from app.render.report.record import MAX_FLAGGED, Report
from app.render.report.tables import (
    accounts_table,
    cohort_table,
    counts_tables,
    duplicates_table,
    failures_table,
    flagged_table,
    thresholds_table,
)

_FURTHER = {"templates": "templates found", "transforms": "transforms found"}


def in_short(report: Report) -> Section:
    """What a reader must know who reads no further."""
    weighed = report.outcomes.get("scored", 0)
    said = [
        f"Of {counted(report.total, 'item')} {counted(report.completed, 'picture')} could be "
        f"looked at; {counted(weighed, 'picture')} held a face that could be weighed.",
        *_unfinished(report),
        *(cohort_text.sentences(report.cohort, "summary") or [_flags(report)]),
    ]
    rate = cohort_text.percent(report.base_rate)
    warning = tag(
        "div",
        tag("p", report_words.WARNING.format(rate=rate)),
        tag("p", cohort_text.NOT_THE_ACCOUNT),
        class_="warning",
    )
    return Section("In short", "short", (tag("div", bullets(said), class_="short"), warning))


def counts(report: Report) -> Section:
    """How many got which verdict and which outcome."""
    return Section("Counts", "counts", (counts_tables(report.outcomes, report.verdicts),))


def as_a_whole(report: Report) -> Section | None:
    """What only a list can say: the cohort in sentences, in a table, and as data."""
    if not report.cohort:
        return None
    further = [
        (label, cohort_text.plain_value(report.cohort[key]))
        for key, label in _FURTHER.items()
        if report.cohort.get(key)
    ]
    # Groups have a section of their own, and there may be many.
    told = {key: value for key, value in report.cohort.items() if key != "duplicates"}
    data = json.dumps(told, indent=1, ensure_ascii=False, default=str)
    caveats = cohort_text.sentences(report.cohort, "caveats")
    children = (
        _lead(report_words.WHOLE),
        cohort_table(report.cohort),
        facts("Further figures", further) if further else Html(""),
        joined([tag("h3", "To be kept in mind"), bullets(caveats)]) if caveats else Html(""),
        tag("details", tag("summary", "All figures as data"), tag("pre", data)),
    )
    return Section("What the list says as a whole", "whole", children)


def pictures(report: Report) -> Section | None:
    """Composite, scatter and montage, as far as they were drawn."""
    drawn = (
        (report.composite, report_words.COMPOSITE_ALT, report_words.COMPOSITE),
        (report.scatter, report_words.SCATTER_ALT, report_words.SCATTER),
        (report.montage, report_words.MONTAGE_ALT, report_words.MONTAGE),
    )
    shown = tuple(figure(data, alt, caption) for data, alt, caption in drawn if data)
    return Section("The list in pictures", "pictures", shown) if shown else None


def flagged(report: Report) -> Section:
    """The flagged one by one, with everything that was said of each."""
    heading, anchor = "The flagged pictures", "flagged"
    if not report.flagged:
        return Section(heading, anchor, (tag("p", "No picture was flagged."),))
    shown = report.flagged[:MAX_FLAGGED]
    count = f"{counted(report.flags, 'picture')} flagged, strongest first."
    if report.flags > len(shown):
        count += f" The first {len(shown):,} are shown; the results file holds them all."
    children = (
        _lead(count),
        _lead(analysis_text.NOT_A_PROBABILITY),
        flagged_table(shown, report.base_rate, report.prevalence),
    )
    return Section(heading, anchor, children)


def duplicates(report: Report) -> Section | None:
    """Groups of pictures that look alike."""
    groups = report.cohort.get("duplicates")
    if not isinstance(groups, list | tuple) or not groups:
        return None
    children = (
        _lead(report_words.DUPLICATES),
        _lead(f"{cohort_text.groups(report.cohort)} in all."),
        duplicates_table(groups, report.names, report.alike),
    )
    return Section("The same picture on several accounts", "duplicates", children)


def accounts(report: Report) -> Section | None:
    """Context that the list brought with it."""
    shown = accounts_table(report.cohort.get("accounts"))
    if shown is None:
        return None
    return Section("The accounts, for context", "accounts", (_lead(report_words.ACCOUNTS), shown))


def not_scored(report: Report) -> Section:
    """Pictures without a measurable face, and items without a picture."""
    why = [
        f"{counted(report.outcomes[code], 'picture')}: {reason}."
        for code, reason in cohort_text.WHY_NOT.items()
        if report.outcomes.get(code)
    ]
    failed = failures_table(report.failures) if report.failures else tag("p", "No item failed.")
    children = (
        _lead(report_words.UNWEIGHED),
        bullets(why) if why else tag("p", "Every picture that could be read was weighed."),
        failed,
    )
    return Section("What could not be weighed, and why", "unweighed", children)


def method(report: Report) -> Section:
    """How it was done, and what it cannot do."""
    known = thresholds_table(report.thresholds) if report.thresholds else Html("")
    return Section("Method and limits", "method", (bullets(report_words.METHOD), known))


def again(report: Report) -> Section:
    """How somebody else gets the same answers."""
    told = report_words.AGAIN.format(
        version=report.version, calibration=report.calibration_id or "unknown"
    )
    children = (
        tag("p", told),
        tag("pre", report_words.COMMAND),
        tag("p", report_words.APPEAL),
    )
    return Section("How to reproduce this", "again", children)


def _unfinished(report: Report) -> list[str]:
    """That the figures are of a part of the list, where they are."""
    if not report.waiting:
        return []
    more = counted(report.waiting, "item has", "items have")
    return [
        f"{more} not been looked at: the list was {analysis_text.plain(report.status)} when this "
        "was written, and all figures are of the part before."
    ]


def _flags(report: Report) -> str:
    return f"{counted(report.flags, 'picture is', 'pictures are')} called likely generated."


def _lead(text: str) -> Html:
    return tag("p", text, class_="lead")
