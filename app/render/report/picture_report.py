"""One picture in one page that can be handed on: the sheet, and the same in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.evidence import SCOPE, Outcome, Verdict
from app.render import analysis_text
from app.render.html import CONTENT_SECURITY_POLICY, render_template

SHEET: Final = "overlay"


@dataclass(frozen=True)
class PictureReport:
    """Everything that the page states, as plain values.

    ``llr``: ``None`` where nothing was scored. ``llr_framed``: ``None`` where no pixel check
    measured. ``checks``: each check's name, llr (``None``: not measured) and sentence.
    ``drawings``: JPEG by name, ``overlay`` and those of checks. ``size``: of the picture, px.
    """

    name: str
    source: str
    analyzed_at: str
    verdict: Verdict
    outcome: Outcome
    llr: float | None
    llr_ordinary: float | None
    llr_framed: float | None
    base_rate: float
    posterior_at_base_rate: float | None
    checks: tuple[tuple[str, float | None, str], ...]
    notes: tuple[str, ...]
    drawings: Mapping[str, bytes]
    sha256: str
    size: tuple[int, int]
    model: str
    contact: str = ""


def render_picture_report(report: PictureReport) -> bytes:
    """The page, UTF-8. The same report gives the same bytes."""
    page = render_template(
        "app.render.report",
        "picture.html.j2",
        report=report,
        security_policy=CONTENT_SECURITY_POLICY,
        scope=SCOPE,
        not_the_account=analysis_text.NOT_THE_ACCOUNT,
        not_a_probability=analysis_text.NOT_A_PROBABILITY,
        finding=_finding(report),
        sheet=report.drawings.get(SHEET, b""),
        words=analysis_text.code_to_words,
        sentence_case=analysis_text.to_sentence,
        format_llr=analysis_text.format_llr,
    )
    return page.encode("utf-8")


def _finding(report: PictureReport) -> list[str]:
    """What was found, in sentences that may be quoted."""
    if report.llr is None or report.posterior_at_base_rate is None:
        return [analysis_text.OUTCOME_TEXT[report.outcome]]
    return [
        f"{analysis_text.VERDICT_TEXT[report.verdict]}.",
        analysis_text.llr_sentence(report.llr),
        analysis_text.base_rate_sentence(report.base_rate, report.posterior_at_base_rate),
    ]
