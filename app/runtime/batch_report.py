"""A batch's report: one pass over its results, and the plain record that the page is made of."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from app import __version__
from app.batches.store.models import Batch, Status
from app.cohort.prevalence import posterior
from app.records import ItemResult
from app.render import analysis_text
from app.render.report.record import MAX_FLAGGED, FailureGroup, FlaggedPicture, Report

_TIME_LABELS: Final = {
    Status.VALIDATING: "asked",
    Status.COMPLETED: "finished",
    Status.FAILED: "failed",
    Status.CANCELLED: "cancelled",
}


def build_report(
    batch: Batch,
    results: Iterable[ItemResult],
    flagged: Iterator[ItemResult],
    model: Mapping[str, Any],
    base_rate: float,
    list_name: str = "",
) -> Report:
    """Everything but the pictures. ``results``: in the list's order, thumbnails not needed.

    ``flagged``: the strongest first; no more are taken than are shown. ``model``: as served.
    ``list_name``: what people call the list, if that is known.
    """
    cohort = dict(batch.cohort or {})
    duplicate_seqs = {
        seq for group in cohort.get("duplicates", ()) for seq in group.get("seqs", ())
    }
    names: dict[int, str] = {}
    failures: dict[str, FailureGroup] = {}
    for result in results:
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
        facts={"List format": batch.request.list_format, **_metadata(batch)},
        outcomes=batch.outcomes,
        verdicts=batch.verdicts,
        cohort=cohort,
        thresholds=tuple(model.get("thresholds", ())),
        flagged=tuple(_build_flagged(r, share) for r in itertools.islice(flagged, MAX_FLAGGED)),
        names=names,
        failures=tuple(sorted(failures.values(), key=lambda f: (-f.count, f.code))),
        list_name=list_name,
        status=batch.status,
    )


def display_name(result: ItemResult) -> str:
    """As people know it."""
    return result.custom_id or result.source


def list_display_name(batch: Batch, default: str = "") -> str:
    """What people call the list: as its metadata say, or ``default``; empty if nobody said."""
    candidates = (str(batch.request.metadata.get(key) or "").strip() for key in ("name", "list"))
    return next((name for name in candidates if name), default)


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
        # A share that was found to be none or all is no prior: it would decide alone.
        posterior_in_list=posterior(analysis["llr"], share) if 0.0 < share < 1.0 else None,
        thumbnail=result.record.thumbnail,
        checks=tuple(_check_summary(check) for check in analysis["checks"]),
        notes=tuple(map(analysis_text.warning_text, analysis["warnings"])),
        account=dict(result.account),
    )


def _check_summary(check: Mapping[str, Any]) -> tuple[str, float | None, str]:
    """Name, llr and sentence of a check; what was not measured weighs nothing, and says why."""
    if check["status"] == "unmeasurable":
        return check["name"], None, analysis_text.code_to_words(check["summary"])
    return check["name"], check["llr"], check["summary"]


def _metadata(batch: Batch) -> dict[str, str]:
    return {str(name): str(value) for name, value in batch.request.metadata.items()}


def _format_time(batch: Batch, status: Status) -> str:
    return batch.reached[status].strftime("%Y-%m-%d %H:%M:%S UTC")
