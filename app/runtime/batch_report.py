"""Builds the record behind a batch's report in one pass over its results."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from app import __version__
from app.batches.store.models import Batch, Status
from app.cohort.prevalence import posterior
from app.evidence import Outcome, Verdict
from app.records import ItemResult, PictureRecord
from app.render import analysis_text
from app.render.html import shorten_middle
from app.render.report.record import (
    MAX_FLAGGED,
    MAX_NAMED,
    FailureGroup,
    FlaggedPicture,
    NamedItems,
    Report,
)
from app.render.text_layout import is_legible

_TITLE_CHARS: Final = 60
_TIME_LABELS: Final = {
    Status.VALIDATING: "asked",
    Status.COMPLETED: "finished",
    Status.FAILED: "failed",
    Status.CANCELLED: "cancelled",
}

CASE_NUMBER_KEYS: Final = ("case_number", "case")
"""Members of a list's metadata that name the case it belongs to."""
_NAMED_HEADINGS: Final = ("Flagged", "Inconclusive", "Not scored", "Failed")


def build_report(
    batch: Batch,
    results: Iterable[ItemResult],
    flagged: Iterator[ItemResult],
    model: Mapping[str, Any],
    base_rate: float,
    list_name: str = "",
    contact: str = "",
    case_number: str = "",
) -> Report:
    """The report's data, without the rendered pictures.

    ``results``: in the list's order, thumbnails not needed, nor those that speak against StyleGAN,
    except where duplicates are to be named. ``flagged``: strongest first, limited
    to those shown. ``model``: as served. ``list_name``: display name of the list, if known.
    ``contact``: of the operator. ``case_number``: given, or else of the list's metadata.
    """
    cohort = dict(batch.cohort or {})
    duplicate_seqs = {
        seq for group in cohort.get("duplicates", ()) for seq in group.get("seqs", ())
    }
    names: dict[int, str] = {}
    failures: dict[str, FailureGroup] = {}
    named = {heading: NamedItems(heading) for heading in _NAMED_HEADINGS}
    listed: dict[str, list[tuple[int, str, str]]] = {heading: [] for heading in named}
    for result in results:
        entry = _named_entry(result)
        if entry is not None:
            heading, detail = entry
            named[heading] = replace(named[heading], count=named[heading].count + 1)
            if len(listed[heading]) < MAX_NAMED:
                listed[heading].append((result.seq, display_name(result), detail))
        if result.seq in duplicate_seqs:
            names[result.seq] = display_name(result)
        if result.failure is not None:
            code = result.failure.code
            failure_count = failures.get(
                code, FailureGroup(code, result.failure.title, 0, display_name(result))
            )
            failures[code] = replace(failure_count, count=failure_count.count + 1)
    share = float(cohort.get("prevalence", {}).get("estimate") or 0.0)
    return Report(
        batch_id=batch.id,
        version=__version__,
        calibration_id=str(model.get("id", "")),
        prior=batch.request.prior,
        base_rate=base_rate,
        total=batch.total,
        completed=batch.completed,
        failed=batch.failed,
        times={
            label: _format_time(batch, at)
            for at, label in _TIME_LABELS.items()
            if at in batch.reached
        },
        facts={
            "List format": batch.request.list_format,
            **{k: v for k, v in _metadata(batch).items() if k not in CASE_NUMBER_KEYS},
        },
        outcomes=batch.outcomes,
        verdicts=batch.verdicts,
        cohort=cohort,
        thresholds=tuple(model.get("thresholds", ())),
        flagged=tuple(_build_flagged(r, share) for r in itertools.islice(flagged, MAX_FLAGGED)),
        names=names,
        named=tuple(
            replace(group, items=tuple(listed[heading])) for heading, group in named.items()
        ),
        figures=dict(model.get("figures", {})),
        contact=contact,
        case_number=case_number or _first_metadata(batch, CASE_NUMBER_KEYS),
        failures=tuple(sorted(failures.values(), key=lambda f: (-f.count, f.code))),
        list_name=list_name,
        status=batch.status,
        notes=tuple(batch.request.notes),
    )


_FLAGGED, _INCONCLUSIVE, _NOT_SCORED, _FAILED = _NAMED_HEADINGS


def _named_entry(result: ItemResult) -> tuple[str, str] | None:
    """The heading and note under which an item is listed by name; ``None`` if it is not listed."""
    if result.failure is not None:
        return _FAILED, result.failure.title
    record = result.record
    assert record is not None
    if record.outcome != Outcome.SCORED:
        return _NOT_SCORED, analysis_text.UNSCORED_REASON.get(record.outcome, record.outcome)
    if record.verdict == Verdict.LIKELY_STYLEGAN:
        return _FLAGGED, f"llr {analysis_text.format_llr(record.llr)}"
    if record.verdict == Verdict.INCONCLUSIVE:
        return _INCONCLUSIVE, f"llr {analysis_text.format_llr(record.llr)}"
    return None


def display_name(result: ItemResult) -> str:
    """The name of an item: its ``custom_id``, or else its source."""
    return result.custom_id or result.source


def list_display_name(batch: Batch, default: str = "") -> str:
    """The name of the list: of its metadata, its title, or ``default``; empty if it has none."""
    return _first_metadata(batch, ("name", "list")) or batch.request.title or default


def _first_metadata(batch: Batch, keys: Sequence[str]) -> str:
    """The first of these members of the metadata that is not empty, as text."""
    candidates = (str(batch.request.metadata.get(key) or "").strip() for key in keys)
    return next((text for text in candidates if text), "")


def batch_title(batch: Batch, default: str = "") -> str:
    """The list's name on one line, in characters of the drawing font; or else the batch's id."""
    name = shorten_middle(list_display_name(batch, default), _TITLE_CHARS)
    return name if name and is_legible(name) else batch.id


def _build_flagged(result: ItemResult, share: float) -> FlaggedPicture:
    assert result.record is not None
    analysis = json.loads(result.record.analysis)
    low, high = analysis["llr_interval"]
    return FlaggedPicture(
        seq=result.seq,
        name=display_name(result),
        source=result.source,
        llr=analysis["llr"],
        llr_interval=(low, high),
        posterior_at_base_rate=analysis["posterior_at_base_rate"],
        # An estimated share of 0 or 1 is no usable prior: it would decide alone.
        posterior_in_list=posterior(analysis["llr"], share) if 0.0 < share < 1.0 else None,
        thumbnail=result.record.thumbnail,
        checks=check_summaries(analysis),
        notes=tuple(map(analysis_text.warning_text, analysis["warnings"])),
        account=dict(result.account),
        sha256=result.record.sha256,
        llr_ordinary=result.record.llr_ordinary,
        llr_framed=framed_llr(result.record, analysis),
        model=model_text(analysis.get("model")),
    )


def framed_llr(record: PictureRecord, answer: Mapping[str, Any]) -> float | None:
    """The llr against framed photographs; ``None`` where no pixel check measured."""
    framed = (answer.get("against") or {}).get("framed") or {}
    return record.llr_framed if framed.get("measured", True) else None


def model_text(model: Any) -> str:
    """Version and calibration that an answer names; empty for answers that name none."""
    if not isinstance(model, Mapping):
        return ""
    return f"Eyeline {model.get('version')}, calibration {model.get('calibration')}"


def check_summaries(answer: Mapping[str, Any]) -> tuple[tuple[str, float | None, str], ...]:
    """Each check of an answer: name, llr (``None``: not measured) and sentence."""
    return tuple(_check_summary(check) for check in answer["checks"])


def _check_summary(check: Mapping[str, Any]) -> tuple[str, float | None, str]:
    """Name, llr and sentence of a check; an unmeasurable check has llr 0 and its reason."""
    if check["status"] == "unmeasurable":
        return check["name"], None, analysis_text.code_to_words(check["summary"])
    return check["name"], check["llr"], check["summary"]


def _metadata(batch: Batch) -> dict[str, str]:
    return {str(name): str(value) for name, value in batch.request.metadata.items()}


def _format_time(batch: Batch, status: Status) -> str:
    return batch.reached[status].strftime("%Y-%m-%d %H:%M:%S UTC")
