"""What people say of items: kept with who and when, erased with the batch, moving nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.batches.service import BatchService
from app.batches.store.models import BatchRequest
from app.errors import NotFound
from app.records import ItemResult
from tests.batches.conftest import OpenService, wait_until_ended
from tests.batches.fake_tools import failed_item, picture_items
from tests.batches.test_lifecycle import assert_no_rows_left, expire

NOTE = 'met him\n=1+1 "quoted" \x00 ☃'


def read_all(service: BatchService, batch_id: str) -> list[ItemResult]:
    return list(service.iter_results(batch_id, "anna"))


def test_a_decision_is_kept_replaced_undone_and_erased(open_service: OpenService) -> None:
    service = open_service()
    rows = [*picture_items(30), failed_item(30)]
    batch, _ = service.submit(BatchRequest(prior=0.5, owner="anna"), rows)
    batch = wait_until_ended(service, batch)
    before = read_all(service, batch.id)
    flagged = [r.seq for r in before if r.record and r.record.verdict == "likely_stylegan"]
    assert len(flagged) >= 3

    first = service.set_decision(batch.id, "anna", flagged[0], "unsure")
    kept = service.set_decision(batch.id, "anna", flagged[0], "real", NOTE)
    assert (kept.choice, kept.by, kept.note) == ("real", "anna", NOTE)
    assert kept.at >= first.at
    service.set_decision(batch.id, "anna", flagged[1], "generated")
    service.set_decision(batch.id, "anna", 30, "unsure", "no picture")
    service.set_decision(batch.id, "anna", flagged[2], "real")
    service.clear_decision(batch.id, "anna", flagged[2])
    service.clear_decision(batch.id, "anna", flagged[2])

    counts = service.count_decisions(batch.id, "anna")
    assert counts.items == {"generated": 1, "real": 1, "unsure": 1}
    assert counts.flagged == {"generated": 1, "real": 1, "unsure": 0}
    after = read_all(service, batch.id)
    decided = {r.seq: r.decision for r in after if r.decision}
    assert decided.keys() == {flagged[0], flagged[1], 30}
    assert decided[flagged[0]] == kept
    ranked = service.iter_results(batch.id, "anna", order="-llr")
    assert {r.seq for r in ranked if r.decision} == decided.keys()
    # It moves nothing: every result, count and statement is the same but for the decisions.
    for old, new in zip(before, after, strict=True):
        assert vars(replace(new, decision=None, record=None)) == vars(replace(old, record=None))
        assert (new.record is None) == (old.record is None)
        assert new.record is None or vars(new.record) == vars(old.record)
    assert service.get(batch.id, "anna") == batch

    service.delete(batch.id, "anna")
    assert_no_rows_left(service)


def test_nobody_decides_what_is_not_theirs_or_not_there(open_service: OpenService) -> None:
    service = open_service(workers=0)
    batch, _ = service.submit(BatchRequest(prior=0.5, owner="anna"), picture_items(2))
    for owner, batch_id, seq in (
        ("bert", batch.id, 0), ("anna", "batch_none", 0), ("anna", batch.id, 2),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            service.set_decision(batch_id, owner, seq, "real")
        with pytest.raises(NotFound):
            service.clear_decision(batch_id, owner, seq)
    service.set_decision(batch.id, "anna", 1, "real")  # before it has a result
    expire(service, batch.id)
    with pytest.raises(NotFound):
        service.set_decision(batch.id, "anna", 1, "real")
    with pytest.raises(NotFound):
        service.count_decisions(batch.id, "anna")
