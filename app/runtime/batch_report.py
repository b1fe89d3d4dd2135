"""A batch's report: one pass over its results, and the plain record that the page is made of."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from app import __version__
from app.batches.store.models import Batch, Status
from app.cohort import posterior
from app.records import Result
from app.render import analysis_text
from app.render.report.record import MAX_FLAGGED, Failed, Flagged, Report

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
    list_name: str = "",
) -> Report:
    """Everything but the pictures. ``every``: in the list's order, thumbnails not needed.

    ``flagged``: the strongest first; no more are taken than are shown. ``model``: as served.
    ``list_name``: what people call the list, if that is known.
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
    share = float(cohort.get("prevalence", {}).get("estimate") or 0.0)
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
        facts={"List format": batch.new.list_format, **_metadata(batch)},
        outcomes=batch.outcomes,
        verdicts=batch.verdicts,
        cohort=cohort,
        thresholds=tuple(model.get("thresholds", ())),
        flagged=tuple(_flagged(r, share) for r in itertools.islice(flagged, MAX_FLAGGED)),
        names=names,
        failures=tuple(sorted(failures.values(), key=lambda f: (-f.count, f.code))),
        list_name=list_name,
        status=batch.status,
    )


def name_of(result: Result) -> str:
    """As people know it."""
    return result.custom_id or result.source


def name_of_list(batch: Batch, otherwise: str = "") -> str:
    """What people call the list: as its metadata say, or ``otherwise``; empty if nobody said."""
    said = (str(batch.new.metadata.get(key) or "").strip() for key in ("name", "list"))
    return next((name for name in said if name), otherwise)


def _flagged(result: Result, share: float) -> Flagged:
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
        # A share that was found to be none or all is no prior: it would decide alone.
        posterior_in_list=posterior(said["llr"], share) if 0.0 < share < 1.0 else None,
        thumbnail=result.finding.thumbnail,
        checks=tuple(_check(check) for check in said["checks"]),
        notes=tuple(map(analysis_text.warning, said["warnings"])),
        account=dict(result.account),
    )


def _check(said: Mapping[str, Any]) -> tuple[str, float | None, str]:
    """Name, llr and sentence of a check; what was not measured weighs nothing, and says why."""
    if said["status"] == "unmeasurable":
        return said["name"], None, analysis_text.plain(said["summary"])
    return said["name"], said["llr"], said["summary"]


def _metadata(batch: Batch) -> dict[str, str]:
    return {str(name): str(value) for name, value in batch.new.metadata.items()}


def _moment(batch: Batch, status: Status) -> str:
    return batch.reached[status].strftime("%Y-%m-%d %H:%M:%S UTC")
