from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from app.batches.service import BatchService
from app.errors import NotFound
from app.integrations.mastodon.delivery import ModeratorReports
from app.records import ItemResult
from app.settings import Settings
from tests.integrations.make_results import make_record
from tests.integrations.mastodon.fake_mastodon import (
    TOKEN,
    FakeMastodon,
    run_fake_mastodon,
)

MESSAGE = json.dumps({"type": "batch.completed", "data": {"id": "batch_1"}}).encode()


@dataclass
class Results:
    """Of one batch, as the service gives them."""

    asked: list[dict[str, Any]] = field(default_factory=list)

    def iter_results(self, batch_id: str, owner: str, **arguments: Any) -> Iterator[ItemResult]:
        if batch_id != "batch_1":
            raise NotFound("no such batch")
        self.asked.append({"owner": owner, **arguments})
        return iter([ItemResult(0, "", "7", record=make_record(3.0))])


@pytest.fixture
def mastodon() -> Iterator[FakeMastodon]:
    with run_fake_mastodon() as fake:
        yield fake


def reports_for(mastodon: FakeMastodon, **changes: Any) -> ModeratorReports:
    values = {"mastodon_url": mastodon.url, "mastodon_token": TOKEN, **changes}
    reports = ModeratorReports.from_settings(Settings.model_validate(values))
    assert reports is not None
    return reports


def test_the_verdict_decides_what_is_told_unless_an_llr_is_set(mastodon: FakeMastodon) -> None:
    results = Results()
    service = cast(BatchService, results)
    assert reports_for(mastodon).deliver(service, MESSAGE, 10.0) == 200
    public = reports_for(mastodon, mastodon_min_llr=2.5, public_url="https://eyeline.example/")
    assert public.deliver(service, MESSAGE, 10.0) == 200
    assert [(each["verdict"], each["min_llr"]) for each in results.asked] == [
        ("likely_stylegan", None),
        (None, 2.5),
    ]
    (report,) = mastodon.reports
    assert "Evidence" not in report["comment"]
    noted = reports_for(mastodon, mastodon_action="note", public_url="https://eyeline.example/")
    noted.deliver(service, MESSAGE, 10.0)
    assert "https://eyeline.example/v1/batches/batch_1/report.html" in mastodon.notes["7"]


def test_of_a_batch_that_was_erased_nothing_is_told(mastodon: FakeMastodon) -> None:
    gone = MESSAGE.replace(b"batch_1", b"batch_2")
    assert reports_for(mastodon).deliver(cast(BatchService, Results()), gone, 10.0) == 200
    assert mastodon.requests == []


def test_without_a_server_and_a_token_nothing_is_told() -> None:
    assert ModeratorReports.from_settings(Settings()) is None
    alone = Settings.model_validate({"mastodon_url": "https://social.example"})
    assert ModeratorReports.from_settings(alone) is None
