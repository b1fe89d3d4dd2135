"""The report's parts, each under a heading of its own; a part with nothing to tell is ``None``."""

from __future__ import annotations

import json

from app.render import analysis_text, cohort_text
from app.render.cohort_text import pluralize
from app.render.report import text as report_words
from app.render.report.html import Html, Section, bullet_list, facts_table, figure, join, tag
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

_FURTHER_FIGURES = {"templates": "templates found", "transforms": "transforms found"}


def summary_section(report: Report) -> Section:
    """What a reader must know who reads no further."""
    weighed = report.outcomes.get("scored", 0)
    sentences = [
        f"Of {pluralize(report.total, 'item')} {pluralize(report.completed, 'picture')} could be "
        f"looked at; {pluralize(weighed, 'picture')} held a face that could be weighed.",
        *_pending_sentences(report),
        *(cohort_text.read_sentences(report.cohort, "summary") or [_flagged_sentence(report)]),
    ]
    rate = cohort_text.format_percent(report.base_rate)
    warning = tag(
        "div",
        tag("p", report_words.FLAG_WARNING.format(rate=rate)),
        tag("p", cohort_text.NOT_THE_ACCOUNT),
        class_="warning",
    )
    return Section(
        "In short", "short", (tag("div", bullet_list(sentences), class_="short"), warning)
    )


def counts_section(report: Report) -> Section:
    """How many got which verdict and which outcome."""
    return Section("Counts", "counts", (counts_tables(report.outcomes, report.verdicts),))


def cohort_section(report: Report) -> Section | None:
    """What only a list can say: the cohort in sentences, in a table, and as data."""
    if not report.cohort:
        return None
    further = [
        (label, cohort_text.format_value(report.cohort[key]))
        for key, label in _FURTHER_FIGURES.items()
        if report.cohort.get(key)
    ]
    # Groups have a section of their own, and there may be many.
    cohort_data = {key: value for key, value in report.cohort.items() if key != "duplicates"}
    data = json.dumps(cohort_data, indent=1, ensure_ascii=False, default=str)
    caveats = cohort_text.read_sentences(report.cohort, "caveats")
    children = (
        _lead_paragraph(report_words.COHORT_LEAD),
        cohort_table(report.cohort),
        facts_table("Further figures", further) if further else Html(""),
        join([tag("h3", "To be kept in mind"), bullet_list(caveats)]) if caveats else Html(""),
        tag("details", tag("summary", "All figures as data"), tag("pre", data)),
    )
    return Section("What the list says as a whole", "whole", children)


def pictures_section(report: Report) -> Section | None:
    """Composite, scatter and montage, as far as they were drawn."""
    candidates = (
        (report.composite, report_words.COMPOSITE_ALT, report_words.COMPOSITE_CAPTION),
        (report.scatter, report_words.SCATTER_ALT, report_words.SCATTER_CAPTION),
        (report.montage, report_words.MONTAGE_ALT, report_words.MONTAGE_CAPTION),
    )
    figures = tuple(figure(data, alt, caption) for data, alt, caption in candidates if data)
    return Section("The list in pictures", "pictures", figures) if figures else None


def flagged_section(report: Report) -> Section:
    """The flagged one by one, with everything that was said of each."""
    heading, anchor = "The flagged pictures", "flagged"
    if not report.flagged:
        return Section(heading, anchor, (tag("p", "No picture was flagged."),))
    shown = report.flagged[:MAX_FLAGGED]
    count = f"{pluralize(report.flagged_count, 'picture')} flagged, strongest first."
    if report.flagged_count > len(shown):
        count += f" The first {len(shown):,} are shown; the results file holds them all."
    children = (
        _lead_paragraph(count),
        _lead_paragraph(analysis_text.NOT_A_PROBABILITY),
        flagged_table(shown, report.base_rate, report.prevalence),
    )
    return Section(heading, anchor, children)


def duplicates_section(report: Report) -> Section | None:
    """Groups of pictures that look alike."""
    groups = report.cohort.get("duplicates")
    if not isinstance(groups, list | tuple) or not groups:
        return None
    children = (
        _lead_paragraph(report_words.DUPLICATES_LEAD),
        _lead_paragraph(f"{cohort_text.duplicate_groups_text(report.cohort)} in all."),
        duplicates_table(groups, report.names, report.alike),
    )
    return Section("The same picture on several accounts", "duplicates", children)


def accounts_section(report: Report) -> Section | None:
    """Context that the list brought with it."""
    accounts_html = accounts_table(report.cohort.get("accounts"))
    if accounts_html is None:
        return None
    return Section(
        "The accounts, for context",
        "accounts",
        (_lead_paragraph(report_words.ACCOUNTS_LEAD), accounts_html),
    )


def unscored_section(report: Report) -> Section:
    """Pictures without a measurable face, and items without a picture."""
    reasons = [
        f"{pluralize(report.outcomes[code], 'picture')}: {reason}."
        for code, reason in cohort_text.UNSCORED_REASON.items()
        if report.outcomes.get(code)
    ]
    failed = failures_table(report.failures) if report.failures else tag("p", "No item failed.")
    children = (
        _lead_paragraph(report_words.UNSCORED_LEAD),
        bullet_list(reasons)
        if reasons
        else tag("p", "Every picture that could be read was weighed."),
        failed,
    )
    return Section("What could not be weighed, and why", "unweighed", children)


def method_section(report: Report) -> Section:
    """How it was done, and what it cannot do."""
    thresholds = thresholds_table(report.thresholds) if report.thresholds else Html("")
    return Section("Method and limits", "method", (bullet_list(report_words.METHOD), thresholds))


def reproduction_section(report: Report) -> Section:
    """How somebody else gets the same answers."""
    text = report_words.REPRODUCTION.format(
        version=report.version, calibration=report.calibration_id or "unknown"
    )
    children = (
        tag("p", text),
        tag("pre", report_words.REPRODUCTION_COMMAND),
        tag("p", report_words.APPEAL_NOTE),
    )
    return Section("How to reproduce this", "again", children)


def _pending_sentences(report: Report) -> list[str]:
    """That the figures are of a part of the list, where they are."""
    if not report.pending:
        return []
    more = pluralize(report.pending, "item has", "items have")
    return [
        f"{more} not been looked at: the list was {analysis_text.code_to_words(report.status)} "
        f"when this "
        "was written, and all figures are of the part before."
    ]


def _flagged_sentence(report: Report) -> str:
    return (
        f"{pluralize(report.flagged_count, 'picture is', 'pictures are')} called likely generated."
    )


def _lead_paragraph(text: str) -> Html:
    return tag("p", text, class_="lead")
