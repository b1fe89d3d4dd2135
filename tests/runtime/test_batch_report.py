"""What a report is made of: the batch, one pass over its results, and what its sender called it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.batches.store.models import Batch, BatchRequest, Status
from app.records import ItemResult
from app.runtime.batch_report import build_report, list_display_name
from tests.batches.fake_tools import bytes_of, failed_item, record_of

BATCH = Batch(
    id="batch_1",
    status=Status.COMPLETED,
    request=BatchRequest(prior=0.5, list_format="csv", metadata={"case": "7"}),
    total=3,
    completed=1,
    failed=1,
    outcomes={"scored": 1},
    verdicts={"likely_stylegan": 1},
    reached={Status.VALIDATING: datetime(2026, 1, 9, 12, 0, tzinfo=UTC)},
    expires_at=None,
    eta_s=None,
    cohort={"prevalence": {"estimate": 0.5, "interval": [0.1, 0.9]}},
    revision=1,
)
ANALYSIS: dict[str, Any] = {
    "llr": 2.0,
    "llr_interval": [1.5, 2.5],
    "posterior_at_base_rate": 0.05,
    "checks": [
        {"name": "eye_alignment", "status": "measured", "llr": 2.0, "summary": "both lie there"},
        {"name": "teeth", "status": "unmeasurable", "llr": 0.0,
         "summary": "not measured: mouth_closed"},
    ],
    "warnings": ["several_faces"],
    "model": {"name": "eyeline", "version": "1.2", "calibration": "0123"},
}  # fmt: skip


def make_flagged(**changes: Any) -> ItemResult:
    finding = replace(record_of(bytes_of(0)), analysis=json.dumps(ANALYSIS | changes).encode())
    return ItemResult(0, "a.jpg", record=finding)


def make_report(batch: Batch = BATCH, **changes: Any) -> Any:
    item = failed_item(1)
    results = [make_flagged(**changes), ItemResult(item.seq, item.source, failure=item.failure)]
    return build_report(batch, results, iter(results[:1]), {"id": "cal"}, 0.0005, "followers.csv")


def test_what_was_not_measured_has_no_weight_and_no_code() -> None:
    (one,) = make_report().flagged
    assert one.checks == (
        ("eye_alignment", 2.0, "both lie there"),
        ("teeth", None, "not measured: mouth closed"),
    )
    assert len(one.notes) == 1
    assert "_" not in one.notes[0]
    assert one.notes[0].endswith(".")


def test_a_posterior_at_the_lists_own_share_unless_that_decides_alone() -> None:
    assert make_report().flagged[0].posterior_in_list == pytest.approx(100 / 101)
    for share in (0.0, 1.0, None):
        cohort = {"prevalence": {"estimate": share}}
        assert make_report(replace(BATCH, cohort=cohort)).flagged[0].posterior_in_list is None


def test_the_report_knows_what_it_is_of() -> None:
    report = make_report()
    assert (report.batch_id, report.list_name, report.status) == (
        "batch_1", "followers.csv", "completed",
    )  # fmt: skip
    assert report.pending == 1
    assert report.facts == {"List format": "csv"}
    assert report.case_number == "7"
    assert report.times == {"asked": "2026-01-09 12:00:00 UTC"}
    assert [(f.code, f.count) for f in report.failures] == [("row_unreadable", 1)]


@pytest.mark.parametrize(
    ("metadata", "name"),
    [
        ({}, "file.csv"),
        ({"name": "Acme"}, "Acme"),
        ({"list": "Acme"}, "Acme"),
        ({"name": " ", "list": "Acme"}, "Acme"),
        ({"name": None}, "file.csv"),
        ({"name": 7}, "7"),
        ({"title": "Followers of Acme"}, "Followers of Acme"),
    ],
)
def test_a_list_is_called_what_its_sender_calls_it(metadata: dict[str, Any], name: str) -> None:
    others = {key: value for key, value in metadata.items() if key != "title"}
    request = BatchRequest(prior=0.5, metadata=others, title=metadata.get("title"))
    batch = replace(BATCH, request=request)
    assert list_display_name(batch, "file.csv") == name


def test_items_are_listed_by_name_and_result() -> None:
    report = make_report()
    groups = {group.heading: group for group in report.named}
    assert list(groups) == ["Flagged", "Inconclusive", "Not scored", "Failed"]
    failed = failed_item(1)
    assert failed.failure is not None
    assert groups["Failed"].items == ((1, failed.source, failed.failure.title),)
    assert sum(group.count for group in groups.values()) == 2
    assert report.flagged[0].model == "Eyeline 1.2, calibration 0123"
    assert report.flagged[0].sha256 == record_of(bytes_of(0)).sha256


def test_the_notes_of_the_list_are_in_its_report() -> None:
    notes = ("1 row repeats another.", "Dropped: `email`.")
    assert make_report(BATCH).notes == ()
    assert make_report(replace(BATCH, request=replace(BATCH.request, notes=notes))).notes == notes


def test_the_contact_is_the_operators() -> None:
    report = build_report(BATCH, [], iter([]), {"id": "cal"}, 0.0005, contact="abuse@example.org")
    assert report.contact == "abuse@example.org"
    given = build_report(BATCH, [], iter([]), {"id": "cal"}, 0.0005, case_number="2026-8")
    assert given.case_number == "2026-8"


def test_a_ratio_that_no_pixel_check_measured_is_none() -> None:
    assert make_report().flagged[0].llr_framed == make_flagged().record.llr_framed  # type: ignore[union-attr]
    against = {"framed": {"llr": 0.0, "measured": False}}
    assert make_report(against=against).flagged[0].llr_framed is None
