"""The finding of a list in one sentence that can be quoted with its caveat."""

from __future__ import annotations

from app.cohort.number_text import pluralize
from app.cohort.text import false_flags_text, prevalence_text
from app.render.report.record import Report

CAVEAT = (
    "This speaks of the pictures, not of the accounts or the people behind them, and of no other "
    "kind of generator."
)


def finding_sentences(report: Report) -> str:
    """What was found, and what that does not mean; no number that the list's facts do not have."""
    scored = pluralize(report.outcomes.get("scored", 0), "profile picture")
    if not report.outcomes.get("scored"):
        return f"No face could be measured in this list's pictures, so nothing was found. {CAVEAT}"
    if not report.flagged_count:
        return (
            f"No picture was flagged: of {scored} with a measurable face, none looks made by a "
            f"StyleGAN-family face generator strongly enough to say so{_share(report)}. {CAVEAT}"
        )
    verb = "looks" if report.flagged_count == 1 else "look"
    return (
        f"Of {scored} with a measurable face, {report.flagged_count:,} {verb} made by a "
        f"StyleGAN-family face generator{_share(report)}{_false_flags(report)}. {CAVEAT}"
    )


def _share(report: Report) -> str:
    share = prevalence_text(report.cohort)
    return "" if share is None else f"; the estimated share in the list is {share}"


def _false_flags(report: Report) -> str:
    false_flags = false_flags_text(report.cohort)
    return "" if false_flags is None else f"; expected false flags: {false_flags}"
