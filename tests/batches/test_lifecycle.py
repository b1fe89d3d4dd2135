"""What an owner can do with a batch: hand it in twice, stop it, try it again, erase it."""

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.batches import lifecycle, submission
from app.batches.service import Desk
from app.batches.store import deletion, queries, tables
from app.batches.store.database import Database
from app.batches.store.models import NewBatch, Status
from app.errors import Busy, KeyReused, ListUnreadable, NotFound, NotYet
from app.records import Item
from tests.batches.conftest import Opened, ended
from tests.batches.stand_in import BROKEN, StandIn, addresses, bytes_of, pictures, wrong


def assert_nothing_is_left(desk: Desk) -> None:
    with desk.engine.connect() as c:
        for table in (tables.batches, tables.graves, *tables.BELONGINGS):
            assert c.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0, (
                table.name
            )


def expire(desk: Desk, batch_id: str) -> None:
    with desk.engine.begin() as c:
        late = sa.update(tables.batches).where(tables.batches.c.id == batch_id)
        c.execute(late.values(expires_at=1.0))


def half_read(desk: Desk, new: NewBatch, submitter: str) -> str:
    """A list that somebody began to read."""
    door = submission.Door(desk._database, submitter, 1_000_000, desk.lanes)
    desk._database.write(lambda c: submission._insert(c, door, "batch_half", new))
    return "batch_half"


def test_the_same_key_and_list_is_the_same_batch(opened: Opened):
    desk = opened(workers=0)
    new = NewBatch(prior=0.5, owner="anna", idempotency_key="k", body_sha256="aa")
    first, replayed = desk.submit(new, pictures(5))
    again, replayed_then = desk.submit(new, iter(()))
    assert (replayed, replayed_then) == (False, True)
    assert again == first
    with pytest.raises(KeyReused):
        desk.submit(NewBatch(prior=0.5, owner="anna", idempotency_key="k", body_sha256="bb"), [])
    other, replayed = desk.submit(
        NewBatch(prior=0.5, owner="bert", idempotency_key="k", body_sha256="bb"), pictures(1)
    )
    assert not replayed
    assert other.id != first.id
    desk.delete(first.id, "anna")
    fresh, replayed = desk.submit(new, pictures(5))
    assert not replayed
    assert fresh.id != first.id


def test_the_same_key_at_the_same_time_is_one_batch(opened: Opened):
    desk = opened(workers=0)
    new = NewBatch(prior=0.5, idempotency_key="k", body_sha256="aa")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: desk.submit(new, pictures(50)), range(8)))
    assert len({batch.id for batch, _ in answers}) == 1
    assert [replayed for _, replayed in answers].count(False) == 1


def test_a_list_whose_reader_died_is_taken_anew(opened: Opened):
    """Answered with, it would be lost: it is swept away a moment later."""
    desk = opened(workers=0)
    new = NewBatch(prior=0.5, idempotency_key="k", body_sha256="aa")
    lost = half_read(desk, new, "whoever died")
    batch, replayed = desk.submit(new, pictures(5))
    assert not replayed
    assert batch.total == 5
    with pytest.raises(NotFound):
        desk.get(lost, "")
    desk._chores.sweep()
    assert desk.get(batch.id, "").total == 5


def test_a_list_that_is_still_being_read_is_not_answered_with(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(submission, "READING_S", 0.2)
    desk = opened(workers=0)
    new = NewBatch(prior=0.5, idempotency_key="k", body_sha256="aa")
    half_read(desk, new, desk._executor)
    with pytest.raises(Busy):
        desk.submit(new, pictures(5))


def test_a_full_house_still_knows_its_batches(opened: Opened):
    desk = opened(workers=0, max_waiting_items=10)
    new = NewBatch(prior=0.5, idempotency_key="k", body_sha256="aa")
    batch, _ = desk.submit(new, pictures(10))
    assert desk.submit(new, pictures(10)) == (batch, True)


def test_only_a_list_that_is_still_given_up_is_erased(opened: Opened):
    desk = opened(workers=0)
    batch, _ = desk.submit(NewBatch(prior=0.5), pictures(3))
    reading = tables.batches.c.status == Status.VALIDATING
    assert not deletion.bury(desk._database, 1, reading)
    assert desk.get(batch.id, "") == batch


def test_a_list_that_is_erased_while_it_comes_in_is_refused(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(submission, "ROWS", 5)
    desk = opened(workers=0)

    def rows() -> Iterator[Item]:
        yield from pictures(5)
        desk.delete(desk.listing("").batches[0].id, "")

    with pytest.raises(Busy, match="given up"):
        desk.submit(NewBatch(prior=0.5), rows())
    assert_nothing_is_left(desk)


def test_a_list_that_breaks_off_leaves_nothing(opened: Opened, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(submission, "ROWS", 10)
    desk = opened(workers=0)

    def broken() -> Iterator[Item]:
        yield from pictures(25)
        raise ListUnreadable("the archive is cut off")

    new = NewBatch(prior=0.5, idempotency_key="k", body_sha256="aa")
    with pytest.raises(ListUnreadable):
        desk.submit(new, broken())
    assert_nothing_is_left(desk)
    assert desk.submit(new, pictures(25))[1] is False


def test_what_would_wait_too_long_is_told_to_come_back(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(submission, "ROWS", 10)
    desk = opened(workers=0, max_waiting_items=50)
    kept, _ = desk.submit(
        NewBatch(prior=0.5), itertools.chain(pictures(40), map(wrong, range(40, 90)))
    )
    with pytest.raises(Busy) as refused:
        desk.submit(NewBatch(prior=0.5), pictures(20))
    assert 1 <= refused.value.retry_after_s <= 600
    assert [batch.id for batch in desk.listing("").batches] == [kept.id]
    desk.submit(NewBatch(prior=0.5), pictures(10))


def test_cancelling_skips_what_is_not_begun_and_keeps_what_is_done(
    opened: Opened, stand_in: StandIn
):
    stand_in.seconds = 0.01
    desk = opened()
    batch, _ = desk.submit(NewBatch(prior=0.5), pictures(3_000))
    while desk.get(batch.id, "").completed < 50:
        time.sleep(0.02)
    assert desk.cancel(batch.id, "").status in (Status.CANCELLING, Status.CANCELLED)
    with pytest.raises(NotYet):
        desk.retry_failed(batch.id, "")
    batch = ended(desk, desk.get(batch.id, ""))
    found = list(desk.every(batch.id, ""))
    assert batch.status == Status.CANCELLED
    assert 50 <= batch.completed == len(found) < 2_000
    assert batch.cohort is not None
    assert batch.cohort["items"] == len(found)
    assert desk.cancel(batch.id, "") == desk.get(batch.id, "")
    with desk.engine.connect() as c:
        assert c.execute(sa.select(tables.payloads.c.seq)).all() == []
    looked = len(stand_in.looks())
    time.sleep(0.5)
    assert len(stand_in.looks()) == looked


def test_a_batch_does_not_end_before_its_pictures_are_dropped(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
):
    drop, faults = lifecycle._drop_payloads, iter([RuntimeError("a fault of ours")])

    def faulty(database: Database, row: queries.Row) -> None:
        for fault in faults:
            raise fault
        drop(database, row)

    monkeypatch.setattr(lifecycle, "_drop_payloads", faulty)
    desk = opened(workers=0)
    batch, _ = desk.submit(NewBatch(prior=0.5), pictures(100))
    desk.cancel(batch.id, "")
    desk = opened()
    assert ended(desk, desk.get(batch.id, "")).status == Status.CANCELLED
    with desk.engine.connect() as c:
        assert c.execute(sa.select(tables.payloads.c.seq)).all() == []


def test_a_batch_that_nobody_began_is_cancelled_once_somebody_works(opened: Opened):
    desk = opened(workers=0)
    batch, _ = desk.submit(NewBatch(prior=0.5), pictures(100))
    assert desk.cancel(batch.id, "").status == Status.CANCELLING
    desk = opened()
    assert ended(desk, desk.get(batch.id, "")).status == Status.CANCELLED


def test_only_what_may_succeed_is_tried_again(opened: Opened, stand_in: StandIn):
    urls = ["https://x.example/tired", "https://x.example/missing", "https://x.example/fine"]
    rows = [Item(s, url, url=url) for s, url in enumerate(urls)]
    rows += [Item(3, "broken", payload=BROKEN), Item(4, "fine", payload=bytes_of(4)), wrong(5)]
    desk = opened()
    batch = ended(desk, desk.submit(NewBatch(prior=0.5), rows)[0])
    assert (batch.completed, batch.failed) == (2, 4)
    before = {r.seq: r.finding and r.finding.sha256 for r in desk.every(batch.id, "")}
    stand_in.fetched.clear()
    again = desk.retry_failed(batch.id, "")
    assert again.revision > batch.revision
    assert again.expires_at is None
    assert list(again.reached) == ["validating", "in_progress"]
    with pytest.raises(NotYet):
        desk.retry_failed(batch.id, "")
    after = ended(desk, again)
    assert stand_in.fetched == [urls[0]]
    assert stand_in.looks() == {BROKEN: 2, b"fine": 1, bytes_of(4): 1}
    assert (after.completed, after.failed, after.total) == (2, 4, 6)
    assert {r.seq: r.finding and r.finding.sha256 for r in desk.every(batch.id, "")} == before
    assert after.cohort == batch.cohort


def test_trying_again_finds_what_was_away_before(opened: Opened, stand_in: StandIn):
    rows = [Item(s, f"{s}", url=f"https://x.example/{s}/tired") for s in range(40)]
    desk = opened()
    batch = ended(desk, desk.submit(NewBatch(prior=0.5), rows)[0])
    assert batch.failed == 40
    with desk.engine.begin() as c:  # the server is well again
        for row in c.execute(sa.select(tables.items)).all():
            well = row.item.replace("/tired", "/well")
            c.execute(
                sa.update(tables.items).where(tables.items.c.seq == row.seq).values(item=well)
            )
    after = ended(desk, desk.retry_failed(batch.id, ""))
    assert (after.completed, after.failed) == (40, 0)
    assert desk.retry_failed(batch.id, "") == after


def test_pictures_of_a_batch_that_failed_are_still_there_to_be_tried_again(opened: Opened):
    desk = opened(workers=0)
    batch, _ = desk.submit(NewBatch(prior=0.5), pictures(40))
    row = queries.find(desk._database, batch.id, None)
    lifecycle.end(desk._database, row, 3600, error="a fault of ours")
    assert desk.get(batch.id, "").status == Status.FAILED
    desk = opened()
    after = ended(desk, desk.retry_failed(batch.id, ""))
    assert (after.status, after.completed, after.failed) == ("completed", 40, 0)


def test_what_waits_for_a_place_when_the_process_ends_is_not_lost(opened: Opened, tmp_path: Path):
    slow = StandIn(tmp_path / "slow.log", fetch_s=0.7)
    desk = opened(stand_in=slow)
    sent = [desk.submit(NewBatch(prior=0.5), addresses(16))[0] for _ in range(2)]
    while len(slow.fetched) < 16:
        time.sleep(0.01)
    time.sleep(0.2)  # both chunks have set out for everything by now, and not all has a place
    desk = opened(stand_in=slow)
    for batch in sent:
        after = ended(desk, desk.get(batch.id, ""))
        assert (after.completed, after.failed) == (16, 0)
        assert [r.seq for r in desk.every(batch.id, "")] == list(range(16))


def test_erasing_a_batch_at_work_leaves_nothing(opened: Opened, stand_in: StandIn):
    stand_in.seconds = 0.005
    desk = opened()
    batch, _ = desk.submit(NewBatch(prior=0.5), pictures(3_000))
    while desk.get(batch.id, "").completed < 50:
        time.sleep(0.02)
    desk.delete(batch.id, "")
    with pytest.raises(NotFound):
        desk.get(batch.id, "")
    time.sleep(1.5)  # whatever was looked at meanwhile has nowhere to go
    assert_nothing_is_left(desk)
    assert ended(desk, desk.submit(NewBatch(prior=0.5), pictures(20))[0]).completed == 20


def test_a_batch_and_all_of_it_expires(opened: Opened):
    new = NewBatch(prior=0.5, idempotency_key="k")
    desk = opened()
    batch = ended(desk, desk.submit(new, pictures(50))[0])
    waiting, _ = desk.submit(NewBatch(prior=0.5), addresses(10_000))
    assert {each.id for each in desk.listing("").batches} == {batch.id, waiting.id}
    expire(desk, batch.id)
    for ask in (desk.get, desk.results, desk.every, desk.averages, desk.cancel, desk.retry_failed):
        with pytest.raises(NotFound):
            ask(batch.id, "")
    assert [each.id for each in desk.listing("").batches] == [waiting.id]
    again, replayed = desk.submit(new, pictures(1))
    assert (again.total, replayed) == (1, False)
    expire(desk, ended(desk, again).id)
    desk._chores.sweep()
    assert desk.get(waiting.id, "").id == waiting.id
    desk.delete(waiting.id, "")
    desk._chores.sweep()
    assert_nothing_is_left(desk)


def test_nothing_readable_of_an_erased_batch_is_left_in_the_files(tmp_path, stand_in: StandIn):
    from tests.batches.conftest import open_desk

    secret = b"nobody is to read this again " * 40
    with open_desk(None, tmp_path, stand_in) as desk:
        rows = [Item(s, f"secret source {s}", payload=secret + b"%d" % s) for s in range(30)]
        rows += [Item(30 + s, "secret source", payload=BROKEN + secret) for s in range(3)]
        batch = ended(desk, desk.submit(NewBatch(prior=0.5), rows)[0])
        desk.delete(batch.id, "")
    for path in tmp_path.glob("*.sqlite*"):
        data = path.read_bytes()
        assert secret not in data, path
        assert b"secret source" not in data, path


def test_a_short_list_does_not_wait_for_a_long_one(opened: Opened, stand_in: StandIn):
    stand_in.seconds = 0.002
    desk = opened()
    long, _ = desk.submit(NewBatch(prior=0.5), pictures(20_000))
    while desk.get(long.id, "").completed < 200:
        time.sleep(0.02)
    began = desk.get(long.id, "").completed
    rows = [Item(s, str(s), payload=b"short %d" % s) for s in range(50)]
    short = ended(desk, desk.submit(NewBatch(prior=0.5), rows)[0])
    meanwhile = desk.get(long.id, "").completed - began
    assert short.completed == 50
    assert meanwhile < 4_000
    desk.delete(long.id, "")


def test_waiting_ends_with_a_change_or_with_the_time(opened: Opened, stand_in: StandIn):
    desk = opened(workers=0)
    batch, _ = desk.submit(NewBatch(prior=0.5), pictures(30))
    began = time.monotonic()
    assert desk.wait_for_change(batch.id, "", batch.revision, 0.3) == batch
    assert 0.25 < time.monotonic() - began < 5
    assert desk.wait_for_change(batch.id, "", batch.revision - 1, 5) == batch
    timer = threading.Timer(0.2, lambda: desk.cancel(batch.id, ""))
    timer.start()
    assert desk.wait_for_change(batch.id, "", batch.revision, 10).status == Status.CANCELLING
    timer.join()
