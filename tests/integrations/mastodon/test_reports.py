from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from app.errors import FetchFailed
from app.integrations.mastodon.reports import (
    COMMENT_MAX_CHARS,
    build_comment,
    file_reports,
    open_client,
)
from app.records import ItemResult
from tests.integrations.make_results import make_record
from tests.integrations.mastodon.fake_mastodon import TOKEN, FakeMastodon, run_fake_mastodon


@pytest.fixture
def mastodon() -> Iterator[FakeMastodon]:
    with run_fake_mastodon() as fake:
        yield fake


def file_all(mastodon: FakeMastodon, *results: ItemResult, timeout_s: float = 10.0) -> None:
    client = open_client(mastodon.url, TOKEN)
    file_reports(client, results, action="report", evidence_url=None, timeout_s=timeout_s)


def test_a_report_is_filed_once_even_when_it_was_resolved(mastodon: FakeMastodon) -> None:
    flagged = ItemResult(0, "", "7", record=make_record(3.0))
    for _ in range(2):
        file_all(mastodon, flagged)
    mastodon.reports[0]["action_taken"] = True
    file_all(mastodon, flagged)
    assert len(mastodon.reports) == 1
    file_all(mastodon, ItemResult(0, "", "7", record=make_record(3.0, sha256="b" * 64)))
    assert len(mastodon.reports) == 2  # another picture


def test_a_note_is_written_on_the_account(mastodon: FakeMastodon) -> None:
    results = [ItemResult(0, "", "7", record=make_record(3.0)), ItemResult(1, "", "8")]
    client = open_client(mastodon.url, TOKEN)
    file_reports(client, results, action="note", evidence_url="https://e/1", timeout_s=10.0)
    assert mastodon.notes == {"7": build_comment(make_record(3.0), "https://e/1")}
    assert mastodon.reports == []


@pytest.mark.parametrize(("status", "said"), [(403, "scopes"), (404, "404"), (500, "500")])
def test_what_mastodon_refuses_is_tried_again(
    mastodon: FakeMastodon, status: int, said: str
) -> None:
    mastodon.status = status
    with pytest.raises(FetchFailed, match=said) as failure:
        file_all(mastodon, ItemResult(0, "", "7", record=make_record(3.0)))
    assert failure.value.retryable
    assert TOKEN not in failure.value.detail


def test_a_rate_limit_is_respected(mastodon: FakeMastodon) -> None:
    mastodon.status = 429
    with pytest.raises(FetchFailed) as failure:
        file_all(mastodon, ItemResult(0, "", "7", record=make_record(3.0)))
    assert failure.value.retry_after_s == 300.0


def test_what_there_is_no_time_for_is_left_to_the_next_try(mastodon: FakeMastodon) -> None:
    with pytest.raises(FetchFailed) as failure:
        file_all(mastodon, ItemResult(0, "", "7", record=make_record(3.0)), timeout_s=-1.0)
    assert failure.value.retry_after_s == 1.0
    assert mastodon.requests == []


def test_the_comment_gives_both_ratios_and_fits() -> None:
    record = make_record(3.0, analysis=json.dumps({"llr_interval": [2.5, 3.25]}).encode())
    comment = build_comment(record, "https://eyeline.example/" + "a" * 1000)
    assert len(comment) == COMMENT_MAX_CHARS
    for part in (
        "ratio 3.0 (95 %: 2.5 to 3.2)",
        "3.5 against ordinary",
        "1.5 against",
        "sha256 aa",
    ):
        assert part in comment
