"""A whole list in one page that can be handed to whoever decides appeals.

One file: no request to anywhere, no script, pictures inside; readable on paper, in the dark, and
by a screen reader. Every text in it is escaped (``page``).
"""

from __future__ import annotations

from app.evidence import SCOPE
from app.render import analysis_text, cohort_text
from app.render.report import sections as report_sections
from app.render.report import text
from app.render.report.html import Html, Section, contents, cut, document, facts, joined, name, tag
from app.render.report.record import MAX_FLAGGED, Failed, Flagged, Report
from app.render.report.style import STYLE

__all__ = ["MAX_FLAGGED", "Failed", "Flagged", "Report", "write_report"]


def write_report(report: Report) -> bytes:
    """The page, UTF-8. The same report gives the same bytes."""
    sections = _sections(report)
    main = tag("main", *(one.html for one in sections))
    body = joined([_head(report), contents(sections), main, tag("footer", tag("p", SCOPE))])
    called = cut(report.list_name) if report.list_name else f"list {report.batch_id}"
    page = document(f"Eyeline report on {called}", STYLE, body)
    return page.encode("utf-8")


def _sections(report: Report) -> list[Section]:
    made = (
        report_sections.in_short(report),
        report_sections.counts(report),
        report_sections.as_a_whole(report),
        report_sections.pictures(report),
        report_sections.flagged(report),
        report_sections.duplicates(report),
        report_sections.accounts(report),
        report_sections.not_scored(report),
        report_sections.method(report),
        report_sections.again(report),
    )
    return [one for one in made if one is not None]


def _head(report: Report) -> Html:
    # Pairs, not a mapping: a list's own facts may bear any name, and must not stand in for ours.
    asked = (
        ("Batch", report.batch_id),
        ("Status", analysis_text.plain(report.status)),
        *((moment.capitalize(), when) for moment, when in report.times.items()),
        ("Items", f"{report.total:,}: {report.completed:,} looked at, {report.failed:,} failed"),
        ("Prior asked for", cohort_text.percent(report.prior)),
        ("Base rate", cohort_text.percent(report.base_rate)),
        ("Eyeline", report.version),
        ("Calibration", report.calibration_id),
        *((name(label), name(value)) for label, value in report.facts.items()),
    )
    return tag(
        "header",
        tag("h1", *_title(report.list_name)),
        tag("p", text.LEAD, class_="lead"),
        facts("What was asked", asked),
    )


def _title(list_name: str) -> tuple[str, ...]:
    if not list_name:
        return ("A follower list's avatars: what the pictures say",)
    return (name(list_name), ": what the list's avatars say")
