"""What an owner can do with a batch: hand it in twice, stop it, try it again, erase it."""

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.batches import lifecycle, submission
from app.batches.kept_bytes import read_kept_bytes
from app.batches.service import BatchService
from app.batches.store import deletion, queries, tables
from app.batches.store.database import Database
from app.batches.store.models import BatchRequest, Status
from app.errors import (
    Busy,
    IdempotencyKeyReused,
    ListUnreadable,
    NotFound,
    NotYet,
    QuotaExceeded,
)
from app.records import Item
from tests.batches.conftest import (
    OpenService,
    open_service_at,
    wait_until_ended,
    wait_until_erased,
)
from tests.batches.fake_tools import (
    BROKEN,
    FakeTools,
    bytes_of,
    failed_item,
    picture_items,
    url_items,
)


def assert_no_rows_left(service: BatchService) -> None:
    wait_until_erased(service)
    with service.engine.connect() as c:
        for table in (tables.batches, tables.deleted_batches, *tables.BATCH_TABLES):
            assert c.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0, (
                table.name
            )


def expire(service: BatchService, batch_id: str) -> None:
    with service.engine.begin() as c:
        statement = sa.update(tables.batches).where(tables.batches.c.id == batch_id)
        c.execute(statement.values(expires_at=1.0))


def insert_unread_batch(service: BatchService, request: BatchRequest, submitter: str) -> str:
    """A list that somebody began to read."""
    context = replace(service._submission_context(), submitter=submitter)
    service._database.write(lambda c: submission._insert_batch(c, context, "batch_half", request))
    return "batch_half"


def test_the_same_key_and_list_is_the_same_batch(open_service: OpenService):
    service = open_service(workers=0)
    request = BatchRequest(prior=0.5, owner="anna", idempotency_key="k", body_sha256="aa")
    first, replayed = service.submit(request, picture_items(5))
    second, replayed_then = service.submit(request, iter(()))
    assert (replayed, replayed_then) == (False, True)
    assert second == first
    with pytest.raises(IdempotencyKeyReused):
        service.submit(
            BatchRequest(prior=0.5, owner="anna", idempotency_key="k", body_sha256="bb"), []
        )
    other, replayed = service.submit(
        BatchRequest(prior=0.5, owner="bert", idempotency_key="k", body_sha256="bb"),
        picture_items(1),
    )
    assert not replayed
    assert other.id != first.id
    service.delete(first.id, "anna")
    fresh, replayed = service.submit(request, picture_items(5))
    assert not replayed
    assert fresh.id != first.id


def test_the_same_key_at_the_same_time_is_one_batch(open_service: OpenService):
    service = open_service(workers=0)
    request = BatchRequest(prior=0.5, idempotency_key="k", body_sha256="aa")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: service.submit(request, picture_items(50)), range(8)))
    assert len({batch.id for batch, _ in answers}) == 1
    assert [replayed for _, replayed in answers].count(False) == 1


def test_a_list_whose_reader_crashed_is_accepted_anew(open_service: OpenService):
    """Answered with, it would be lost: it is swept away a moment later."""
    service = open_service(workers=0)
    request = BatchRequest(prior=0.5, idempotency_key="k", body_sha256="aa")
    lost = insert_unread_batch(service, request, "whoever died")
    batch, replayed = service.submit(request, picture_items(5))
    assert not replayed
    assert batch.total == 5
    with pytest.raises(NotFound):
        service.get(lost, "")
    service._maintenance.clean_up()
    assert service.get(batch.id, "").total == 5


def test_a_list_still_being_read_is_not_replayed(
    open_service: OpenService, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(submission, "VALIDATION_WAIT_S", 0.2)
    service = open_service(workers=0)
    request = BatchRequest(prior=0.5, idempotency_key="k", body_sha256="aa")
    insert_unread_batch(service, request, service._executor_id)
    with pytest.raises(Busy):
        service.submit(request, picture_items(5))


def test_a_full_service_still_replays_batches(open_service: OpenService):
    service = open_service(workers=0, max_waiting_items=10)
    request = BatchRequest(prior=0.5, idempotency_key="k", body_sha256="aa")
    batch, _ = service.submit(request, picture_items(10))
    assert service.submit(request, picture_items(10)) == (batch, True)


def test_only_an_abandoned_list_is_deleted(open_service: OpenService):
    service = open_service(workers=0)
    batch, _ = service.submit(BatchRequest(prior=0.5), picture_items(3))
    is_validating = tables.batches.c.status == Status.VALIDATING
    assert not deletion.mark_deleted(service._database, 1, is_validating)
    assert service.get(batch.id, "") == batch


def test_a_list_that_is_erased_while_it_comes_in_is_refused(
    open_service: OpenService, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(submission, "INSERT_ROWS", 5)
    service = open_service(workers=0)

    def rows() -> Iterator[Item]:
        yield from picture_items(5)
        service.delete(service.list_batches("").batches[0].id, "")

    with pytest.raises(Busy, match="given up"):
        service.submit(BatchRequest(prior=0.5), rows())
    assert_no_rows_left(service)


def test_a_list_that_breaks_off_leaves_nothing(
    open_service: OpenService, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(submission, "INSERT_ROWS", 10)
    service = open_service(workers=0)

    def broken() -> Iterator[Item]:
        yield from picture_items(25)
        raise ListUnreadable("the archive is cut off")

    request = BatchRequest(prior=0.5, idempotency_key="k", body_sha256="aa")
    with pytest.raises(ListUnreadable):
        service.submit(request, broken())
    assert_no_rows_left(service)
    assert service.submit(request, picture_items(25))[1] is False


def test_a_list_beyond_capacity_is_refused_with_retry_after(
    open_service: OpenService, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(submission, "INSERT_ROWS", 10)
    service = open_service(workers=0, max_waiting_items=50)
    accepted, _ = service.submit(
        BatchRequest(prior=0.5), itertools.chain(picture_items(40), map(failed_item, range(40, 90)))
    )
    with pytest.raises(Busy) as refused:
        service.submit(BatchRequest(prior=0.5), picture_items(20))
    assert 1 <= refused.value.retry_after_s <= 600
    assert [batch.id for batch in service.list_batches("").batches] == [accepted.id]
    service.submit(BatchRequest(prior=0.5), picture_items(10))


def test_cancelling_skips_what_is_not_begun_and_keeps_what_is_done(
    open_service: OpenService, fake_tools: FakeTools
):
    fake_tools.analyze_s = 0.01
    service = open_service()
    batch, _ = service.submit(BatchRequest(prior=0.5), picture_items(3_000))
    while service.get(batch.id, "").completed < 50:
        time.sleep(0.02)
    assert service.cancel(batch.id, "").status in (Status.CANCELLING, Status.CANCELLED)
    with pytest.raises(NotYet):
        service.retry_failed(batch.id, "")
    batch = wait_until_ended(service, service.get(batch.id, ""))
    results = list(service.iter_results(batch.id, ""))
    assert batch.status == Status.CANCELLED
    assert 50 <= batch.completed == len(results) < 2_000
    assert batch.cohort is not None
    assert batch.cohort["items"] == len(results)
    assert service.cancel(batch.id, "") == service.get(batch.id, "")
    with service.engine.connect() as c:
        assert c.execute(sa.select(tables.payloads.c.seq)).all() == []
    analyzed = len(fake_tools.analysis_counts())
    time.sleep(0.5)
    assert len(fake_tools.analysis_counts()) == analyzed


def test_a_batch_does_not_end_before_its_pictures_are_dropped(
    open_service: OpenService, monkeypatch: pytest.MonkeyPatch
):
    drop, faults = lifecycle._drop_payloads, iter([RuntimeError("a fault of ours")])

    def faulty(database: Database, row: queries.BatchRow) -> None:
        for fault in faults:
            raise fault
        drop(database, row)

    monkeypatch.setattr(lifecycle, "_drop_payloads", faulty)
    service = open_service(workers=0)
    batch, _ = service.submit(BatchRequest(prior=0.5), picture_items(100))
    service.cancel(batch.id, "")
    service = open_service()
    assert wait_until_ended(service, service.get(batch.id, "")).status == Status.CANCELLED
    with service.engine.connect() as c:
        assert c.execute(sa.select(tables.payloads.c.seq)).all() == []


def test_a_batch_that_nobody_began_is_cancelled_once_somebody_works(open_service: OpenService):
    service = open_service(workers=0)
    batch, _ = service.submit(BatchRequest(prior=0.5), picture_items(100))
    assert service.cancel(batch.id, "").status == Status.CANCELLING
    service = open_service()
    assert wait_until_ended(service, service.get(batch.id, "")).status == Status.CANCELLED


def test_only_what_may_succeed_is_tried_again(open_service: OpenService, fake_tools: FakeTools):
    urls = ["https://x.example/tired", "https://x.example/missing", "https://x.example/fine"]
    rows = [Item(s, url, url=url) for s, url in enumerate(urls)]
    rows += [
        Item(3, "broken", payload=BROKEN),
        Item(4, "fine", payload=bytes_of(4)),
        failed_item(5),
    ]
    service = open_service()
    batch = wait_until_ended(service, service.submit(BatchRequest(prior=0.5), rows)[0])
    assert (batch.completed, batch.failed) == (2, 4)
    before = {r.seq: r.record and r.record.sha256 for r in service.iter_results(batch.id, "")}
    fake_tools.fetched_urls.clear()
    retried = service.retry_failed(batch.id, "")
    assert retried.revision > batch.revision
    assert retried.expires_at is None
    assert list(retried.reached) == ["validating", "in_progress"]
    with pytest.raises(NotYet):
        service.retry_failed(batch.id, "")
    after = wait_until_ended(service, retried)
    assert fake_tools.fetched_urls == [urls[0]]
    assert fake_tools.analysis_counts() == {BROKEN: 2, b"fine": 1, bytes_of(4): 1}
    assert (after.completed, after.failed, after.total) == (2, 4, 6)
    assert {
        r.seq: r.record and r.record.sha256 for r in service.iter_results(batch.id, "")
    } == before
    assert after.cohort == batch.cohort


def test_retrying_succeeds_once_the_server_recovers(
    open_service: OpenService, fake_tools: FakeTools
):
    rows = [Item(s, f"{s}", url=f"https://x.example/{s}/tired") for s in range(40)]
    service = open_service()
    batch = wait_until_ended(service, service.submit(BatchRequest(prior=0.5), rows)[0])
    assert batch.failed == 40
    with service.engine.begin() as c:  # the server is well again
        for row in c.execute(sa.select(tables.items)).all():
            recovered = row.item.replace("/tired", "/well")
            c.execute(
                sa.update(tables.items).where(tables.items.c.seq == row.seq).values(item=recovered)
            )
    after = wait_until_ended(service, service.retry_failed(batch.id, ""))
    assert (after.completed, after.failed) == (40, 0)
    assert service.retry_failed(batch.id, "") == after


def test_pictures_of_a_batch_that_failed_are_still_there_to_be_tried_again(
    open_service: OpenService,
):
    service = open_service(workers=0)
    batch, _ = service.submit(BatchRequest(prior=0.5), picture_items(40))
    row = queries.find_batch(service._database, batch.id, None)
    lifecycle.end_batch(service._database, row, 3600, error="a fault of ours")
    assert service.get(batch.id, "").status == Status.FAILED
    service = open_service()
    after = wait_until_ended(service, service.retry_failed(batch.id, ""))
    assert (after.status, after.completed, after.failed) == ("completed", 40, 0)


def test_items_waiting_for_a_slot_at_shutdown_are_not_lost(
    open_service: OpenService, tmp_path: Path
):
    slow_tools = FakeTools(tmp_path / "slow.log", fetch_s=0.7)
    service = open_service(stand_in=slow_tools)
    submitted = [service.submit(BatchRequest(prior=0.5), url_items(16))[0] for _ in range(2)]
    while len(slow_tools.fetched_urls) < 16:
        time.sleep(0.01)
    time.sleep(0.2)  # both chunks have set out for everything by now, and not all has a place
    service = open_service(stand_in=slow_tools)
    for batch in submitted:
        after = wait_until_ended(service, service.get(batch.id, ""))
        assert (after.completed, after.failed) == (16, 0)
        assert [r.seq for r in service.iter_results(batch.id, "")] == list(range(16))


def test_erasing_a_batch_at_work_leaves_nothing(open_service: OpenService, fake_tools: FakeTools):
    fake_tools.analyze_s = 0.005
    service = open_service()
    batch, _ = service.submit(BatchRequest(prior=0.5), picture_items(3_000))
    while service.get(batch.id, "").completed < 50:
        time.sleep(0.02)
    service.delete(batch.id, "")
    with pytest.raises(NotFound):
        service.get(batch.id, "")
    time.sleep(1.5)  # whatever was looked at meanwhile has nowhere to go
    assert_no_rows_left(service)
    assert (
        wait_until_ended(
            service, service.submit(BatchRequest(prior=0.5), picture_items(20))[0]
        ).completed
        == 20
    )


def test_a_deletion_is_answered_before_anything_is_erased(
    open_service: OpenService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = open_service(workers=0)
    batch, _ = service.submit(BatchRequest(prior=0.5), picture_items(20))
    may_erase = threading.Event()
    delete_some = deletion._delete_some

    def wait_and_delete(*arguments: Any) -> int:
        may_erase.wait(10)
        return delete_some(*arguments)

    monkeypatch.setattr(deletion, "_delete_some", wait_and_delete)
    service.delete(batch.id, "")
    with pytest.raises(NotFound):
        service.get(batch.id, "")
    assert deletion.marked_batches(service._database)
    may_erase.set()
    assert_no_rows_left(service)


def test_an_owner_keeps_no_more_bytes_than_allowed(open_service: OpenService) -> None:
    """Rows that failed count as well."""
    service = open_service(workers=0, max_kept_bytes=3_000)
    rows = [replace(failed_item(n), cells=("x" * 1_000,)) for n in range(2)]
    kept, _ = service.submit(BatchRequest(prior=0.5, owner="anna"), rows)
    with pytest.raises(QuotaExceeded, match="EYELINE_MAX_KEPT_BYTES"):
        service.submit(BatchRequest(prior=0.5, owner="anna"), rows)
    service.submit(BatchRequest(prior=0.5, owner="bert"), rows)
    service.delete(kept.id, "anna")
    service.submit(BatchRequest(prior=0.5, owner="anna"), rows)


@pytest.mark.parametrize("url", [None], ids=["sqlite"])
def test_results_count_and_what_is_beyond_can_be_retried(
    url: None, open_service: OpenService
) -> None:
    service = open_service()
    request = BatchRequest(prior=0.5, owner="anna")
    wait_until_ended(service, service.submit(request, picture_items(40))[0])
    with service.engine.connect() as c:
        pictures, drawings = tables.pictures.c, tables.drawings.c
        columns = (tables.items.c.item, pictures.analysis, pictures.thumbnail, drawings.image)
        sums = [c.scalar(sa.select(sa.func.sum(sa.func.length(each)))) for each in columns]
        assert all(sums)
        assert read_kept_bytes(c, "anna") == sum(sums)
        assert read_kept_bytes(c, "bert") == 0
    service.max_kept_bytes = sum(sums)
    with pytest.raises(QuotaExceeded):
        service.submit(request, picture_items(1))
    service = open_service(workers=0)
    batch, _ = service.submit(request, picture_items(40))
    service = open_service(max_kept_bytes=1_000)
    ended = wait_until_ended(service, batch)
    assert (ended.status, ended.completed, ended.failed) == ("completed", 0, 40)
    failures = {r.failure.code for r in service.iter_results(batch.id, "anna") if r.failure}
    assert failures == {"quota_exceeded"}
    service.max_kept_bytes = 1_000_000
    after = wait_until_ended(service, service.retry_failed(batch.id, "anna"))
    assert (after.completed, after.failed) == (40, 0)


def test_a_list_keeps_the_base_rate_it_was_sent_under(
    open_service: OpenService, fake_tools: FakeTools
) -> None:
    """Its pictures are weighed by it, too, whoever analyzes them with whatever settings."""
    service = open_service(workers=0)
    batch, _ = service.submit(BatchRequest(prior=0.5, base_rate=0.01), picture_items(1))
    assert service.get(batch.id, "").request.base_rate == 0.01
    service = open_service()
    wait_until_ended(service, service.get(batch.id, ""))
    assert fake_tools.base_rates == {0.01}


def test_a_cancelled_list_never_can_be_retried(open_service: OpenService) -> None:
    service = open_service()
    batch, _ = service.submit(BatchRequest(prior=0.5), picture_items(2_000))
    with pytest.raises(NotYet) as early:
        service.retry_failed(batch.id, "")
    wait_until_ended(service, service.cancel(batch.id, ""))
    with pytest.raises(NotYet) as late:
        service.retry_failed(batch.id, "")
    assert (early.value.retryable, late.value.retryable) == (True, False)


def test_a_batch_and_all_of_it_expires(open_service: OpenService):
    request = BatchRequest(prior=0.5, idempotency_key="k")
    service = open_service()
    batch = wait_until_ended(service, service.submit(request, picture_items(50))[0])
    waiting, _ = service.submit(BatchRequest(prior=0.5), url_items(10_000))
    assert {each.id for each in service.list_batches("").batches} == {batch.id, waiting.id}
    expire(service, batch.id)
    for method in (
        service.get,
        service.read_result_page,
        service.iter_results,
        service.read_tile_sums,
        service.cancel,
        service.retry_failed,
    ):
        with pytest.raises(NotFound):
            method(batch.id, "")
    assert [each.id for each in service.list_batches("").batches] == [waiting.id]
    resubmitted, replayed = service.submit(request, picture_items(1))
    assert (resubmitted.total, replayed) == (1, False)
    expire(service, wait_until_ended(service, resubmitted).id)
    service._maintenance.clean_up()
    assert service.get(waiting.id, "").id == waiting.id
    service.delete(waiting.id, "")
    service._maintenance.clean_up()
    assert_no_rows_left(service)


def test_nothing_readable_of_an_erased_batch_is_left_in_the_files(tmp_path, fake_tools: FakeTools):
    from tests.batches.conftest import open_service_at

    secret = b"nobody is to read this again " * 40
    with open_service_at(None, tmp_path, fake_tools) as service:
        rows = [Item(s, f"secret source {s}", payload=secret + b"%d" % s) for s in range(30)]
        rows += [Item(30 + s, "secret source", payload=BROKEN + secret) for s in range(3)]
        batch = wait_until_ended(service, service.submit(BatchRequest(prior=0.5), rows)[0])
        service.delete(batch.id, "")
        wait_until_erased(service)
    for path in tmp_path.glob("*.sqlite*"):
        data = path.read_bytes()
        assert secret not in data, path
        assert b"secret source" not in data, path


def test_a_short_list_does_not_wait_for_a_long_one(
    open_service: OpenService, fake_tools: FakeTools
):
    fake_tools.analyze_s = 0.002
    service = open_service()
    long, _ = service.submit(BatchRequest(prior=0.5), picture_items(20_000))
    while service.get(long.id, "").completed < 200:
        time.sleep(0.02)
    began = service.get(long.id, "").completed
    rows = [Item(s, str(s), payload=b"short %d" % s) for s in range(50)]
    short = wait_until_ended(service, service.submit(BatchRequest(prior=0.5), rows)[0])
    completed_meanwhile = service.get(long.id, "").completed - began
    assert short.completed == 50
    assert completed_meanwhile < 4_000
    service.delete(long.id, "")


def test_waiting_ends_with_a_change_or_with_the_time(
    open_service: OpenService, fake_tools: FakeTools
):
    service = open_service(workers=0)
    batch, _ = service.submit(BatchRequest(prior=0.5), picture_items(30))
    began = time.monotonic()
    assert service.wait_for_change(batch.id, "", batch.revision, 0.3) == batch
    assert 0.25 < time.monotonic() - began < 5
    assert service.wait_for_change(batch.id, "", batch.revision - 1, 5) == batch
    timer = threading.Timer(0.2, lambda: service.cancel(batch.id, ""))
    timer.start()
    assert service.wait_for_change(batch.id, "", batch.revision, 10).status == Status.CANCELLING
    timer.join()


def test_space_is_given_back_after_a_deletion(tmp_path: Path, fake_tools: FakeTools):
    """All of it: a vacuum whose statement is not run to its end frees one page."""
    with open_service_at(None, tmp_path, fake_tools, workers=0) as service:
        rows = (Item(s, str(s), payload=bytes([s]) * 20_000) for s in range(200))
        batch, _ = service.submit(BatchRequest(prior=0.5), rows)
        assert sum(path.stat().st_size for path in tmp_path.glob("eyeline.sqlite*")) > 4_000_000
        service.delete(batch.id, "")
        wait_until_erased(service)
    assert (tmp_path / "eyeline.sqlite").stat().st_size < 600_000


def test_what_is_kept_is_for_its_user_alone(tmp_path: Path, fake_tools: FakeTools):
    folder = tmp_path / "data"
    with open_service_at(None, folder, fake_tools, workers=0):
        modes = {path.name: path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())}
    assert modes.pop("data") == 0o700
    assert len(modes) >= 3
    assert set(modes.values()) == {0o600}
