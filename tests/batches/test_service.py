"""A list through the service, on both databases: everything once, counted and found again."""

import itertools
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.batches.execution import chunk_processor
from app.batches.store import result_queries, tables
from app.batches.store.database import open_database
from app.batches.store.engines import DatabaseUnusable
from app.batches.store.models import Batch, BatchRequest, Status
from app.errors import InvalidRequest, NotFound
from app.records import Item, ItemResult
from tests.batches.conftest import OpenService, wait_until_ended
from tests.batches.fake_tools import (
    BROKEN,
    NOT_AN_IMAGE,
    THUMBNAIL,
    FakeTools,
    bytes_of,
    failed_item,
    picture_items,
    record_of,
    tile_of,
    url_items,
)

COUNT = 300


def comparable_fields(result: ItemResult) -> dict[str, object]:
    """A result as far as it can be compared; the tile is not kept."""
    fields = {**vars(result)}
    if result.record is not None:
        fields["record"] = {**vars(result.record), "tile": None}
    return fields


def expected_fields(seq: int) -> dict[str, object]:
    record = {**vars(record_of(bytes_of(seq))), "tile": None}
    row = ItemResult(seq, f"{seq}.jpg", f"@{seq}", seq + 1)
    return {**vars(row), "record": record}


def test_every_item_has_its_result_and_is_counted(open_service: OpenService, fake_tools: FakeTools):
    service = open_service()
    submitted, replayed = service.submit(
        BatchRequest(prior=0.25, metadata={"ticket": "\x00é"}), picture_items(COUNT)
    )
    batch = wait_until_ended(service, submitted)
    results = list(service.iter_results(batch.id, ""))
    assert not replayed
    assert [comparable_fields(result) for result in results] == [
        expected_fields(seq) for seq in range(COUNT)
    ]
    assert (batch.status, batch.total, batch.completed, batch.failed) == (
        "completed",
        COUNT,
        COUNT,
        0,
    )
    verdicts = [record_of(bytes_of(seq)).verdict for seq in range(COUNT)]
    assert batch.verdicts == {name: verdicts.count(name) for name in set(verdicts)}
    assert sum(batch.outcomes.values()) == COUNT
    assert batch.cohort == {"items": COUNT, "prior": 0.25, **batch.verdicts}
    assert batch.request.metadata == {"ticket": "\x00é"}
    assert batch.revision > submitted.revision
    assert list(batch.reached) == ["validating", "in_progress", "finalizing", "completed"]
    assert batch.eta_s is None
    assert batch.expires_at is not None
    assert set(fake_tools.analysis_counts().values()) == {1}


def test_pictures_are_not_kept_after_they_were_looked_at(open_service: OpenService):
    service = open_service()
    wait_until_ended(service, service.submit(BatchRequest(prior=0.5), picture_items(40))[0])
    with service.engine.connect() as c:
        assert c.execute(tables.payloads.select()).all() == []


def test_averages_are_those_of_the_pictures(open_service: OpenService):
    service = open_service()
    batch = wait_until_ended(
        service, service.submit(BatchRequest(prior=0.5), picture_items(COUNT))[0]
    )
    tiles_by_group: dict[str, list[np.ndarray]] = {"likely_stylegan": [], "rest": []}
    for seq in range(COUNT):
        record = record_of(bytes_of(seq))
        if record.outcome == "scored":
            tiles_by_group[
                "likely_stylegan" if record.verdict == "likely_stylegan" else "rest"
            ].append(tile_of(bytes_of(seq)))
    tile_sums = service.read_tile_sums(batch.id, "")
    assert tile_sums.keys() == tiles_by_group.keys()
    for name, tiles in tiles_by_group.items():
        count, sums = tile_sums[name]
        assert count == len(tiles)
        assert np.array_equal(sums, np.sum(np.array(tiles, np.uint64), axis=0))


def rows_of(count: int) -> list[Item]:
    """A tenth of them, the last, failed when they were read."""
    pictures = count * 9 // 10
    return [*picture_items(pictures), *(failed_item(seq) for seq in range(pictures, count))]


def test_pages_hold_each_result_once_in_either_order(
    open_service: OpenService, monkeypatch: pytest.MonkeyPatch
):
    # A few rows at a time, and of the wide ones each alone.
    monkeypatch.setattr(result_queries, "PAGE_BYTES", 400)
    monkeypatch.setattr(result_queries, "FIRST_PAGE_ROWS", 3)
    monkeypatch.setattr(chunk_processor, "PAGE_BYTES", 400)
    service = open_service()
    batch = wait_until_ended(service, service.submit(BatchRequest(prior=0.5), rows_of(100))[0])
    results = list(service.iter_results(batch.id, "", order="-llr"))
    is_scored = [r.record is not None and r.record.outcome == "scored" for r in results]
    assert is_scored == sorted(is_scored, reverse=True)
    assert any(is_scored)
    assert not all(is_scored[:90])
    llrs = [r.record.llr for r in results if r.record and r.record.outcome == "scored"]
    assert llrs == sorted(llrs, reverse=True)
    assert [r.seq for r in results[90:]] == list(range(90, 100))
    for order in ("input", "-llr"):
        seqs: list[int] = []
        cursor = None
        while True:
            page = service.read_result_page(batch.id, "", order=order, after=cursor, limit=7)
            seqs += [r.seq for r in page.results]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert seqs == [r.seq for r in service.iter_results(batch.id, "", order=order)]
        assert len(set(seqs)) == 100
    wide = [replace(r, cells=("x" * 1_000,)) if r.seq % 9 == 0 else r for r in rows_of(100)]
    other, _ = service.submit(BatchRequest(prior=0.5), wide)
    wait_until_ended(service, other)
    kept = list(service.iter_results(other.id, ""))
    assert [(r.seq, sum(map(len, r.cells))) for r in kept] == [
        (n, 1_000 if n % 9 == 0 else 0) for n in range(100)
    ]
    assert all(r.cells == () for r in service.read_result_page(other.id, "").results)
    assert [r.seq for r in service.iter_selected(other.id, "", (0, 5, 9, 99))] == [0, 5, 9, 99]


def test_what_drawings_need_is_read_without_the_rest(open_service: OpenService):
    service = open_service()
    batch = wait_until_ended(service, service.submit(BatchRequest(prior=0.5), rows_of(100))[0])
    results = list(service.iter_results(batch.id, ""))
    eyes = [(r.record.eyes, r.record.verdict) for r in results if r.record and r.record.eyes]
    assert list(service.iter_eyes(batch.id, "")) == eyes
    assert len(eyes) > 10
    others = service.iter_results(batch.id, "", excluded_verdict="likely_stylegan", analyses=False)
    expected = [r for r in results if not r.record or r.record.verdict != "likely_stylegan"]
    assert [r.seq for r in others] == [r.seq for r in expected]
    slim = next(service.iter_results(batch.id, "", analyses=False))
    assert slim.record is not None
    assert slim.record.analysis == b""
    assert service.count_retryable(batch.id, "") == sum(
        r.failure is not None and r.failure.retryable for r in results
    )
    assert service.read_an_analysis(batch.id, "") in {
        r.record.analysis for r in results if r.record
    }


def test_pages_of_a_batch_at_work_pass_nothing_over(open_service: OpenService):
    """What has a result already stands behind what has none yet: wrong rows, other chunks."""
    rows = [
        failed_item(0),
        failed_item(1),
        *itertools.islice(picture_items(6), 2, 4),
        failed_item(4),
        failed_item(5),
    ]
    service = open_service(workers=0)
    batch, _ = service.submit(BatchRequest(prior=0.5), rows)
    assert [r.seq for r in service.iter_results(batch.id, "")] == [0, 1, 4, 5]
    first = service.read_result_page(batch.id, "", limit=1)
    assert ([r.seq for r in first.results], first.more) == ([0], True)
    second = service.read_result_page(batch.id, "", after=first.next_cursor)
    assert ([r.seq for r in second.results], second.more) == ([1], False)
    nothing = service.read_result_page(batch.id, "", after=second.next_cursor)
    assert (nothing.results, nothing.more) == ((), False)
    assert nothing.next_cursor == second.next_cursor
    strongest = service.read_result_page(batch.id, "", order="-llr", limit=4)
    assert ([r.seq for r in strongest.results], strongest.next_cursor) == ([0, 1, 4, 5], None)
    service = open_service()
    wait_until_ended(service, batch)
    rest = service.read_result_page(batch.id, "", after=nothing.next_cursor)
    assert ([r.seq for r in rest.results], rest.more) == ([2, 3, 4, 5], False)
    assert rest.next_cursor is None


def test_single_results_are_picked_with_their_thumbnails(open_service: OpenService):
    service = open_service()
    batch = wait_until_ended(
        service,
        service.submit(BatchRequest(prior=0.5), [*picture_items(1200), failed_item(1200)])[0],
    )
    seqs = [1200, 7, 3, 7, 5000, *range(600, 1199)]
    results = list(service.iter_selected(batch.id, "", seqs))
    assert [r.seq for r in results] == [3, 7, *range(600, 1199), 1200]
    assert {r.record.thumbnail for r in results if r.record} == {THUMBNAIL}
    with pytest.raises(NotFound):
        service.iter_selected(batch.id, "bert", [1])


@pytest.mark.parametrize("odd", ["batch\x00", "", "é\U0001f600"])
def test_an_id_that_is_none_is_not_found(open_service: OpenService, odd: str):
    with pytest.raises(NotFound):
        open_service(workers=0).get(odd, "")


def test_results_are_chosen_by_llr_and_verdict(open_service: OpenService):
    service = open_service()
    batch = wait_until_ended(
        service, service.submit(BatchRequest(prior=0.5), [*picture_items(99), failed_item(99)])[0]
    )
    strong = list(service.iter_results(batch.id, "", min_llr=1.0))
    likely = service.read_result_page(batch.id, "", verdict="likely_stylegan", limit=1000).results
    assert {r.seq for r in strong} == {s for s in range(99) if record_of(bytes_of(s)).llr >= 1.0}
    assert len(likely) == batch.verdicts["likely_stylegan"]
    assert len(list(service.iter_results(batch.id, "", min_llr=-1e308))) == 99
    slim = next(service.iter_results(batch.id, "", thumbnails=False)).record
    full = next(service.iter_results(batch.id, "")).record
    assert slim is not None
    assert full is not None
    assert (slim.thumbnail, full.thumbnail) == (b"", THUMBNAIL)


@pytest.mark.parametrize("cursor", ["", "x", "bm9uZQ", "WyItbGxyIiwiMHgxcCs5OTk5OTk5IiwwXQ"])
def test_a_made_up_cursor_is_the_callers_mistake(open_service: OpenService, cursor: str):
    service = open_service(workers=0)
    batch, _ = service.submit(BatchRequest(prior=0.5), picture_items(1))
    with pytest.raises(InvalidRequest):
        service.read_result_page(batch.id, "", order="-llr", after=cursor)
    with pytest.raises(InvalidRequest):
        service.list_batches("", "-1")


def test_a_batch_is_its_owners_alone(open_service: OpenService):
    service = open_service(workers=0)
    batch, _ = service.submit(BatchRequest(prior=0.5, owner="anna"), picture_items(1))
    assert service.get(batch.id, "anna") == batch
    for method in (
        service.get,
        service.read_result_page,
        service.iter_results,
        service.read_tile_sums,
        service.cancel,
        service.delete,
    ):
        with pytest.raises(NotFound):
            method(batch.id, "bert")
    with pytest.raises(NotFound):
        service.retry_failed("batch_unknown", "anna")
    assert service.list_batches("bert").batches == ()


def test_batches_are_listed_newest_first(open_service: OpenService):
    service = open_service(workers=0)
    ids = [
        service.submit(BatchRequest(prior=0.5, owner="anna"), picture_items(1))[0].id
        for _ in range(5)
    ]
    first = service.list_batches("anna", None, 3)
    second = service.list_batches("anna", first.next_cursor, 3)
    assert [b.id for b in (*first.batches, *second.batches)] == ids[::-1]
    assert second.next_cursor is None


def test_wrong_rows_are_results_at_once_and_alone_make_a_batch(open_service: OpenService):
    service = open_service()
    batch = wait_until_ended(
        service, service.submit(BatchRequest(prior=0.5), [failed_item(seq) for seq in range(20)])[0]
    )
    assert (batch.status, batch.total, batch.failed, batch.completed) == ("completed", 20, 20, 0)
    assert {r.failure.code for r in service.iter_results(batch.id, "") if r.failure} == {
        "row_unreadable"
    }


def test_what_cannot_be_looked_at_fails_alone(
    open_service: OpenService, caplog: pytest.LogCaptureFixture
):
    rows = [Item(s, str(s), payload=p) for s, p in enumerate([BROKEN, NOT_AN_IMAGE, bytes_of(2)])]
    urls = ["http://blocked.example/a", "https://x.example/missing", "https://x.example/tired"]
    rows += [Item(3 + n, url, url=url) for n, url in enumerate(urls)]
    service = open_service()
    with caplog.at_level(logging.ERROR, "eyeline.jobs"):
        batch = wait_until_ended(service, service.submit(BatchRequest(prior=0.5), rows)[0])
    failures = {
        r.seq: r.failure for r in service.iter_results(batch.id, "") if r.failure is not None
    }
    assert {seq: (f.code, f.retryable) for seq, f in failures.items()} == {
        0: ("internal", True),
        1: ("not_an_image", False),
        3: ("url_blocked", False),
        4: ("fetch_failed", False),
        5: ("fetch_failed", True),
    }
    assert (batch.completed, batch.failed, batch.status) == (1, 5, "completed")
    assert "ZeroDivisionError" in caplog.text


def test_the_other_address_is_tried_unless_the_first_is_forbidden(
    open_service: OpenService, fake_tools: FakeTools
):
    good = "https://x.example/good"
    rows = [
        Item(0, "a", url="https://x.example/missing", fallback_url=good),
        Item(1, "b", url="http://blocked.example/b", fallback_url="https://x.example/other"),
        # A host that asks for rest is not asked for a second picture at once.
        Item(2, "c", url="https://x.example/tired", fallback_url="https://x.example/third"),
    ]
    service = open_service()
    batch = wait_until_ended(service, service.submit(BatchRequest(prior=0.5), rows)[0])
    results = list(service.iter_results(batch.id, ""))
    assert results[0].record is not None
    assert results[0].record.sha256 == record_of(b"good").sha256
    assert results[1].failure is not None
    assert results[2].failure is not None
    assert results[2].failure.retryable
    assert sorted(fake_tools.fetched_urls) == [
        "http://blocked.example/b",
        good,
        "https://x.example/missing",
        "https://x.example/tired",
    ]


def test_the_same_picture_is_analysed_once(open_service: OpenService, fake_tools: FakeTools):
    """By its bytes, by its address and by the name that its platform derives from its bytes."""
    same, seqs = "https://x.example/same", range(200)
    rows = [Item(s, f"{s}.jpg", payload=b"default") for s in seqs]
    rows += [Item(200 + s, same, url=same) for s in seqs]
    rows += [
        Item(400 + s, f"{s}", url=f"https://x.example/{s}/cid", content_id="cid") for s in seqs
    ]
    service = open_service()
    batch = wait_until_ended(service, service.submit(BatchRequest(prior=0.5), rows)[0])
    assert fake_tools.analysis_counts() == {b"default": 1, b"same": 1, b"cid": 1}
    assert batch.completed == 600
    assert sum(batch.verdicts.values()) == 600
    assert len(fake_tools.fetched_urls) <= 2 * 4  # two chunks at a time may both set out for either
    assert sum(count for count, _ in service.read_tile_sums(batch.id, "").values()) <= 3


def test_pictures_in_memory_stay_within_capacity(open_service: OpenService, tmp_path: Path):
    slow_tools = FakeTools(tmp_path / "slow.log", fetch_s=0.02)
    service = open_service(stand_in=slow_tools)
    batch = wait_until_ended(service, service.submit(BatchRequest(prior=0.5), url_items(200))[0])
    assert batch.completed == 200
    assert set(slow_tools.analysis_counts().values()) == {1}


def test_a_fault_in_the_cohort_fails_the_batch_and_keeps_its_results(
    open_service: OpenService, fake_tools: FakeTools, caplog: pytest.LogCaptureFixture
):
    def broken(*_: object) -> dict[str, object]:
        raise ZeroDivisionError("no cohort")

    notified: list[Batch] = []
    tools = type(fake_tools.tools())(fake_tools.analyze, fake_tools.open_fetch, broken)
    service = open_service(tools=tools, on_ended=lambda batch, _: notified.append(batch))
    batch = wait_until_ended(service, service.submit(BatchRequest(prior=0.5), picture_items(20))[0])
    assert batch.status == Status.FAILED
    assert batch.error is not None
    assert "ZeroDivisionError" in batch.error
    assert len(list(service.iter_results(batch.id, ""))) == 20
    assert "no cohort" in caplog.text
    service = open_service()
    assert wait_until_ended(service, service.retry_failed(batch.id, "")).status == Status.COMPLETED
    assert [each.status for each in notified] == [Status.FAILED]


def test_the_ended_hook_is_called_when_the_batch_is_complete(open_service: OpenService):
    notified: list[tuple[Batch, int]] = []

    def hook(batch: Batch, engine: object) -> None:
        assert engine is service.engine
        notified.append((batch, len(list(service.iter_results(batch.id, "")))))

    service = open_service(on_ended=hook)
    batch = wait_until_ended(service, service.submit(BatchRequest(prior=0.5), picture_items(50))[0])
    service.close()  # which lets the last workflow end
    assert notified == [(batch, 50)]


def test_without_workers_health_reports_it(open_service: OpenService):
    with_workers = open_service(workers=2)
    assert with_workers.health_problem() is None
    assert with_workers.worker_problem() is None
    without_workers = open_service(workers=0)
    assert without_workers.health_problem() is None
    assert "eyeline worker" in str(without_workers.worker_problem())


def test_an_unreadable_database_is_reported(open_service: OpenService):
    service = open_service(workers=1)
    with service.engine.begin() as c:
        c.exec_driver_sql("ALTER TABLE workers RENAME TO hidden")
    problem = service.health_problem()
    with service.engine.begin() as c:
        c.exec_driver_sql("ALTER TABLE hidden RENAME TO workers")
    assert problem is not None
    assert "cannot be read" in problem


def test_sqlite_serves_one_process(tmp_path: Path):
    first = open_database(None, tmp_path)
    with pytest.raises(DatabaseUnusable, match="another process works in"):
        open_database(None, tmp_path)
    first.close()
    open_database(None, tmp_path).close()


def test_tables_of_a_later_program_are_left_alone(tmp_path: Path):
    first = open_database(None, tmp_path)
    first.write(
        lambda c: c.execute(tables.schema.update().values(version=tables.SCHEMA_VERSION + 1))
    )
    first.close()
    with pytest.raises(tables.TablesTooNew, match="run the program that wrote them"):
        open_database(None, tmp_path)


@pytest.mark.parametrize("url", ["mysql://localhost/x", "not a url"])
def test_other_databases_are_refused(tmp_path: Path, url: str):
    with pytest.raises(DatabaseUnusable, match="EYELINE_DATABASE_URL"):
        open_database(url, tmp_path)
