"""A batch's report: one pass over its results, and the plain record that the page is made of."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from app import __version__
from app.drawing.report_record import MAX_FLAGGED, Failed, Flagged, Report
from app.jobs.records import Batch, Status
from app.lists.results import Result

_MOMENTS: Final = {
    Status.VALIDATING: "asked",
    Status.COMPLETED: "finished",
    Status.FAILED: "failed",
    Status.CANCELLED: "cancelled",
}


def report_of(
    batch: Batch,
    every: Iterable[Result],
    flagged: Iterator[Result],
    model: Mapping[str, Any],
    base_rate: float,
) -> Report:
    """Everything but the pictures. ``every``: in the list's order, thumbnails not needed.

    ``flagged``: the strongest first; no more are taken than are shown. ``model``: as served.
    """
    cohort = dict(batch.cohort or {})
    wanted = {seq for group in cohort.get("duplicates", ()) for seq in group.get("seqs", ())}
    names: dict[int, str] = {}
    failures: dict[str, Failed] = {}
    for result in every:
        if result.seq in wanted:
            names[result.seq] = name_of(result)
        if result.failure is not None:
            code = result.failure.code
            known = failures.get(code, Failed(code, result.failure.title, 0, name_of(result)))
            failures[code] = replace(known, count=known.count + 1)
    prevalence = cohort.get("prevalence", {}).get("estimate")
    return Report(
        batch_id=batch.id,
        version=__version__,
        calibration_id=str(model.get("id", "")),
        prior=batch.new.prior,
        base_rate=base_rate,
        total=batch.total,
        completed=batch.completed,
        failed=batch.failed,
        times={said: _moment(batch, at) for at, said in _MOMENTS.items() if at in batch.reached},
        facts={"List": batch.new.list_format, **_metadata(batch)},
        outcomes=batch.outcomes,
        verdicts=batch.verdicts,
        cohort=cohort,
        thresholds=tuple(model.get("thresholds", ())),
        flagged=tuple(_flagged(r, prevalence) for r in itertools.islice(flagged, MAX_FLAGGED)),
        names=names,
        failures=tuple(sorted(failures.values(), key=lambda f: (-f.count, f.code))),
    )


def name_of(result: Result) -> str:
    """As people know it."""
    return result.custom_id or result.source


def _flagged(result: Result, prevalence: float | None) -> Flagged:
    assert result.finding is not None
    said = json.loads(result.finding.analysis)
    low, high = said["llr_interval"]
    return Flagged(
        seq=result.seq,
        name=name_of(result),
        source=result.source,
        llr=said["llr"],
        llr_interval=(low, high),
        posterior_at_base_rate=said["posterior_at_base_rate"],
        posterior_in_list=_posterior(said["llr"], prevalence),
        thumbnail=result.finding.thumbnail,
        checks=tuple((c["name"], c["llr"], c["summary"]) for c in said["checks"]),
        notes=tuple(warning.replace("_", " ") for warning in said["warnings"]),
        account=dict(result.account),
    )


def _posterior(llr: float, share: float | None) -> float | None:
    if share is None or not 0.0 < share < 1.0:
        return None
    odds: float = share / (1.0 - share) * 10.0**llr
    return odds / (1.0 + odds)


def _metadata(batch: Batch) -> dict[str, str]:
    return {str(name): str(value) for name, value in batch.new.metadata.items()}


def _moment(batch: Batch, status: Status) -> str:
    return batch.reached[status].strftime("%Y-%m-%d %H:%M:%S UTC")
