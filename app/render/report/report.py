"""A whole list in one page that can be handed to whoever decides appeals.

One file: no request to anywhere, no script, pictures inside; readable on paper, in the dark, and
by a screen reader. Every text in it is escaped (``page``).
"""

from __future__ import annotations

from app.evidence import SCOPE
from app.render import analysis_text, cohort_text
from app.render.report import sections as report_sections
from app.render.report import text
from app.render.report.html import (
    Html,
    Section,
    document,
    facts_table,
    join,
    name_tag,
    shorten_middle,
    table_of_contents,
    tag,
)
from app.render.report.record import MAX_FLAGGED, FailureGroup, FlaggedPicture, Report
from app.render.report.style import STYLESHEET

__all__ = ["MAX_FLAGGED", "FailureGroup", "FlaggedPicture", "Report", "render_report"]


def render_report(report: Report) -> bytes:
    """The page, UTF-8. The same report gives the same bytes."""
    sections = _build_sections(report)
    main = tag("main", *(one.html for one in sections))
    body = join(
        [_header(report), table_of_contents(sections), main, tag("footer", tag("p", SCOPE))]
    )
    display_name = (
        shorten_middle(report.list_name) if report.list_name else f"list {report.batch_id}"
    )
    page = document(f"Eyeline report on {display_name}", STYLESHEET, body)
    return page.encode("utf-8")


def _build_sections(report: Report) -> list[Section]:
    sections = (
        report_sections.summary_section(report),
        report_sections.counts_section(report),
        report_sections.cohort_section(report),
        report_sections.pictures_section(report),
        report_sections.flagged_section(report),
        report_sections.duplicates_section(report),
        report_sections.accounts_section(report),
        report_sections.unscored_section(report),
        report_sections.method_section(report),
        report_sections.reproduction_section(report),
    )
    return [one for one in sections if one is not None]


def _header(report: Report) -> Html:
    # Pairs, not a mapping: a list's own facts may bear any name, and must not stand in for ours.
    fact_pairs = (
        ("Batch", report.batch_id),
        ("Status", analysis_text.code_to_words(report.status)),
        *((moment.capitalize(), when) for moment, when in report.times.items()),
        ("Items", f"{report.total:,}: {report.completed:,} looked at, {report.failed:,} failed"),
        ("Prior asked for", cohort_text.format_percent(report.prior)),
        ("Base rate", cohort_text.format_percent(report.base_rate)),
        ("Eyeline", report.version),
        ("Calibration", report.calibration_id),
        *((name_tag(label), name_tag(value)) for label, value in report.facts.items()),
    )
    return tag(
        "header",
        tag("h1", *_title_parts(report.list_name)),
        tag("p", text.LEAD, class_="lead"),
        facts_table("What was asked", fact_pairs),
    )


def _title_parts(list_name: str) -> tuple[str, ...]:
    if not list_name:
        return ("A follower list's avatars: what the pictures say",)
    return (name_tag(list_name), ": what the list's avatars say")
