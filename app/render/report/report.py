"""A whole list in one page that can be handed to those who decide appeals.

One file: no request to anywhere, no script, pictures inside; readable on paper, in the dark, and
by a screen reader. The text stands in the templates; here is what they are filled with.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from app.cohort import text as cohort_text
from app.cohort.facts import read_sentences
from app.cohort.number_text import format_percent, pluralize
from app.evidence import SCOPE, verbal_support
from app.render import analysis_text
from app.render.html import CONTENT_SECURITY_POLICY, render_template
from app.render.report import tables
from app.render.report.finding import finding_sentences
from app.render.report.record import MAX_FLAGGED, FailureGroup, FlaggedPicture, Report

__all__ = ["MAX_FLAGGED", "FailureGroup", "FlaggedPicture", "Report", "render_report"]


@dataclass(frozen=True)
class Section:
    """A part of the page; ``applies``: whether a report has anything to say under it."""

    anchor: str
    heading: str
    applies: Callable[[Report], bool] = lambda _: True

    @property
    def template(self) -> str:
        return f"{self.anchor}.html.j2"


SECTIONS: Final = (
    Section("summary", "Summary"),
    Section("counts", "Counts"),
    Section("notes", "How the list was read", lambda r: bool(r.notes)),
    Section("cohort", "What the list says as a whole", lambda r: bool(r.cohort)),
    Section(
        "pictures", "The list in pictures", lambda r: bool(r.montage or r.composite or r.scatter)
    ),
    Section("flagged", "The flagged pictures"),
    Section("names", "Results by name", lambda r: any(group.items for group in r.named)),
    Section(
        "duplicates", "The same picture on several accounts", lambda r: bool(_listed_groups(r))
    ),
    Section("network", "Accounts that belong together", lambda r: bool(r.network)),
    Section(
        "accounts",
        "The accounts, for context",
        lambda r: bool(tables.account_figures(r.cohort.get("accounts"))),
    ),
    Section("unscored", "Not scored, and why"),
    Section(
        "error_rates",
        "Error rates that matter to those who were flagged",
        lambda r: bool(tables.error_rate_groups(r.figures)),
    ),
    Section("method", "Method and limits"),
    Section("reproduction", "How to reproduce this"),
)


def render_report(report: Report) -> bytes:
    """The page, UTF-8. The same report gives the same bytes."""
    page = render_template(
        "app.render.report",
        "report.html.j2",
        report=report,
        sections=[section for section in SECTIONS if section.applies(report)],
        security_policy=CONTENT_SECURITY_POLICY,
        scope=SCOPE,
        not_the_account=analysis_text.NOT_THE_ACCOUNT,
        not_a_probability=analysis_text.NOT_A_PROBABILITY,
        finding=finding_sentences(report),
        summary=_summary_sentences(report),
        caveats=read_sentences(report.cohort, "caveats"),
        verdict_counts=tables.verdict_counts(report),
        outcome_counts=tables.outcome_counts(report),
        unscored=tables.unscored_sentences(report),
        figures=_cohort_figures(report),
        further_figures=tables.further_figures(report.cohort),
        cohort_json=_cohort_json(report),
        shown=report.flagged[:MAX_FLAGGED],
        with_cut_outs=sum(bool(flagged.cut_outs) for flagged in report.flagged[:MAX_FLAGGED]),
        duplicate_groups=tables.duplicate_groups(report),
        account_figures=tables.account_figures(report.cohort.get("accounts")),
        error_rates=tables.error_rate_groups(report.figures),
        missing_rates=tables.missing_rates(report.figures),
        thresholds=tables.threshold_rows(report.thresholds),
        percent=format_percent,
        plural=pluralize,
        words=analysis_text.code_to_words,
        sentence_case=analysis_text.to_sentence,
        format_llr=analysis_text.format_llr,
        interval=tables.interval_text,
        support=verbal_support,
    )
    return page.encode("utf-8")


def _listed_groups(report: Report) -> list[object]:
    groups = report.cohort.get("duplicates")
    return list(groups) if isinstance(groups, list | tuple) else []


def _cohort_figures(report: Report) -> dict[str, str | None]:
    cohort = report.cohort
    return {
        "prevalence": cohort_text.prevalence_text(cohort),
        "false_flags": cohort_text.false_flags_text(cohort),
        "concentration": cohort_text.concentration_text(cohort),
        "even_odds": cohort_text.even_odds_text(cohort),
        "duplicates": cohort_text.duplicate_groups_text(cohort),
    }


def _cohort_json(report: Report) -> str:
    # Groups have a section of their own, and there may be many.
    data = {key: value for key, value in report.cohort.items() if key != "duplicates"}
    return json.dumps(data, indent=1, ensure_ascii=False, default=str)


def _summary_sentences(report: Report) -> list[str]:
    """What a reader must know who reads no further."""
    scored = report.outcomes.get("scored", 0)
    flagged = pluralize(report.flagged_count, "picture is", "pictures are")
    return [
        f"Of {pluralize(report.total, 'item')} {pluralize(report.completed, 'picture')} could be "
        f"analyzed; {pluralize(scored, 'picture')} had a face that could be scored.",
        *_pending_sentences(report),
        *(read_sentences(report.cohort, "summary") or [f"{flagged} called likely StyleGAN."]),
    ]


def _pending_sentences(report: Report) -> list[str]:
    """That the figures are of a part of the list, where they are."""
    if not report.pending:
        return []
    more = pluralize(report.pending, "item has", "items have")
    return [
        f"{more} not been analyzed: the list was {analysis_text.code_to_words(report.status)} when "
        "this was written, and all figures are of the part before."
    ]
