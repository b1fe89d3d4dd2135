"""A list through the desk, on both databases: everything once, counted, told, found again."""

import itertools
import logging
from pathlib import Path

import numpy as np
import pytest

from app.batches.store import tables
from app.batches.store.database import DatabaseTaken, open_database
from app.batches.store.models import Batch, NewBatch, Status
from app.errors import InvalidRequest, NotFound
from app.records import Item, Result
from tests.batches.conftest import Opened, ended
from tests.batches.stand_in import (
    BROKEN,
    NO_PICTURE,
    THUMBNAIL,
    StandIn,
    addresses,
    bytes_of,
    finding_of,
    pictures,
    tile_of,
    wrong,
)

COUNT = 300


def said(result: Result) -> dict[str, object]:
    """A result as far as it can be compared; the tile is not kept."""
    kept = {**vars(result)}
    if result.finding is not None:
        kept["finding"] = {**vars(result.finding), "tile": None}
    return kept


def expected(seq: int) -> dict[str, object]:
    finding = {**vars(finding_of(bytes_of(seq))), "tile": None}
    row = Result(seq, f"{seq}.jpg", f"@{seq}", seq + 1)
    return {**vars(row), "finding": finding}


def test_every_item_has_its_result_and_is_counted(opened: Opened, stand_in: StandIn):
    desk = opened()
    began, replayed = desk.submit(
        NewBatch(prior=0.25, metadata={"ticket": "\x00é"}), pictures(COUNT)
    )
    batch = ended(desk, began)
    found = list(desk.every(batch.id, ""))
    assert not replayed
    assert [said(result) for result in found] == [expected(seq) for seq in range(COUNT)]
    assert (batch.status, batch.total, batch.completed, batch.failed) == (
        "completed",
        COUNT,
        COUNT,
        0,
    )
    verdicts = [finding_of(bytes_of(seq)).verdict for seq in range(COUNT)]
    assert batch.verdicts == {name: verdicts.count(name) for name in set(verdicts)}
    assert sum(batch.outcomes.values()) == COUNT
    assert batch.cohort == {"items": COUNT, "prior": 0.25, **batch.verdicts}
    assert batch.new.metadata == {"ticket": "\x00é"}
    assert batch.revision > began.revision
    assert list(batch.reached) == ["validating", "in_progress", "finalizing", "completed"]
    assert batch.eta_s is None
    assert batch.expires_at is not None
    assert set(stand_in.looks().values()) == {1}


def test_pictures_are_not_kept_after_they_were_looked_at(opened: Opened):
    desk = opened()
    ended(desk, desk.submit(NewBatch(prior=0.5), pictures(40))[0])
    with desk.engine.connect() as c:
        assert c.execute(tables.payloads.select()).all() == []


def test_averages_are_those_of_the_pictures(opened: Opened):
    desk = opened()
    batch = ended(desk, desk.submit(NewBatch(prior=0.5), pictures(COUNT))[0])
    of: dict[str, list[np.ndarray]] = {"likely_generated": [], "rest": []}
    for seq in range(COUNT):
        finding = finding_of(bytes_of(seq))
        if finding.outcome == "scored":
            of["likely_generated" if finding.verdict == "likely_generated" else "rest"].append(
                tile_of(bytes_of(seq))
            )
    averages = desk.averages(batch.id, "")
    assert averages.keys() == of.keys()
    for name, tiles in of.items():
        count, sums = averages[name]
        assert count == len(tiles)
        assert np.array_equal(sums, np.sum(np.array(tiles, np.uint64), axis=0))


def test_pages_hold_each_result_once_in_either_order(opened: Opened):
    desk = opened()
    rows = [*pictures(90), *(wrong(seq) for seq in range(90, 100))]
    batch = ended(desk, desk.submit(NewBatch(prior=0.5), rows)[0])
    every = list(desk.every(batch.id, "", order="-llr"))
    llrs = [r.finding.llr for r in every if r.finding is not None]
    assert llrs == sorted(llrs, reverse=True)
    assert [r.seq for r in every[90:]] == list(range(90, 100))
    for order in ("input", "-llr"):
        seqs: list[int] = []
        cursor = None
        while True:
            page = desk.results(batch.id, "", order=order, after=cursor, limit=7)
            seqs += [r.seq for r in page.results]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert seqs == [r.seq for r in desk.every(batch.id, "", order=order)]
        assert len(set(seqs)) == 100


def test_pages_of_a_batch_at_work_pass_nothing_over(opened: Opened):
    """What has a result already stands behind what has none yet: wrong rows, other chunks."""
    rows = [wrong(0), wrong(1), *itertools.islice(pictures(6), 2, 4), wrong(4), wrong(5)]
    desk = opened(workers=0)
    batch, _ = desk.submit(NewBatch(prior=0.5), rows)
    assert [r.seq for r in desk.every(batch.id, "")] == [0, 1, 4, 5]
    first = desk.results(batch.id, "", limit=1)
    assert ([r.seq for r in first.results], first.more) == ([0], True)
    second = desk.results(batch.id, "", after=first.next_cursor)
    assert ([r.seq for r in second.results], second.more) == ([1], False)
    nothing = desk.results(batch.id, "", after=second.next_cursor)
    assert (nothing.results, nothing.more) == ((), False)
    assert nothing.next_cursor == second.next_cursor
    strongest = desk.results(batch.id, "", order="-llr", limit=4)
    assert ([r.seq for r in strongest.results], strongest.next_cursor) == ([0, 1, 4, 5], None)
    desk = opened()
    ended(desk, batch)
    rest = desk.results(batch.id, "", after=nothing.next_cursor)
    assert ([r.seq for r in rest.results], rest.more) == ([2, 3, 4, 5], False)
    assert rest.next_cursor is None


def test_single_results_are_picked_with_their_thumbnails(opened: Opened):
    desk = opened()
    batch = ended(desk, desk.submit(NewBatch(prior=0.5), [*pictures(1200), wrong(1200)])[0])
    wanted = [1200, 7, 3, 7, 5000, *range(600, 1199)]
    found = list(desk.picked(batch.id, "", wanted))
    assert [r.seq for r in found] == [3, 7, *range(600, 1199), 1200]
    assert {r.finding.thumbnail for r in found if r.finding} == {THUMBNAIL}
    with pytest.raises(NotFound):
        desk.picked(batch.id, "bert", [1])


@pytest.mark.parametrize("odd", ["batch\x00", "", "é\U0001f600"])
def test_an_id_that_is_none_is_not_found(opened: Opened, odd: str):
    with pytest.raises(NotFound):
        opened(workers=0).get(odd, "")


def test_results_are_chosen_by_llr_and_verdict(opened: Opened):
    desk = opened()
    batch = ended(desk, desk.submit(NewBatch(prior=0.5), [*pictures(99), wrong(99)])[0])
    strong = list(desk.every(batch.id, "", min_llr=1.0))
    likely = desk.results(batch.id, "", verdict="likely_generated", limit=1000).results
    assert {r.seq for r in strong} == {s for s in range(99) if finding_of(bytes_of(s)).llr >= 1.0}
    assert len(likely) == batch.verdicts["likely_generated"]
    assert len(list(desk.every(batch.id, "", min_llr=-1e308))) == 99
    slim = next(desk.every(batch.id, "", thumbnails=False)).finding
    full = next(desk.every(batch.id, "")).finding
    assert slim is not None
    assert full is not None
    assert (slim.thumbnail, full.thumbnail) == (b"", THUMBNAIL)


@pytest.mark.parametrize("cursor", ["", "x", "bm9uZQ", "WyItbGxyIiwiMHgxcCs5OTk5OTk5IiwwXQ"])
def test_a_made_up_cursor_is_the_callers_mistake(opened: Opened, cursor: str):
    desk = opened(workers=0)
    batch, _ = desk.submit(NewBatch(prior=0.5), pictures(1))
    with pytest.raises(InvalidRequest):
        desk.results(batch.id, "", order="-llr", after=cursor)
    with pytest.raises(InvalidRequest):
        desk.listing("", "-1")


def test_a_batch_is_its_owners_alone(opened: Opened):
    desk = opened(workers=0)
    batch, _ = desk.submit(NewBatch(prior=0.5, owner="anna"), pictures(1))
    assert desk.get(batch.id, "anna") == batch
    for ask in (desk.get, desk.results, desk.every, desk.averages, desk.cancel, desk.delete):
        with pytest.raises(NotFound):
            ask(batch.id, "bert")
    with pytest.raises(NotFound):
        desk.retry_failed("batch_unknown", "anna")
    assert desk.listing("bert").batches == ()


def test_batches_are_listed_newest_first(opened: Opened):
    desk = opened(workers=0)
    sent = [desk.submit(NewBatch(prior=0.5, owner="anna"), pictures(1))[0].id for _ in range(5)]
    first = desk.listing("anna", None, 3)
    second = desk.listing("anna", first.next_cursor, 3)
    assert [b.id for b in (*first.batches, *second.batches)] == sent[::-1]
    assert second.next_cursor is None


def test_wrong_rows_are_results_at_once_and_alone_make_a_batch(opened: Opened):
    desk = opened()
    batch = ended(desk, desk.submit(NewBatch(prior=0.5), [wrong(seq) for seq in range(20)])[0])
    assert (batch.status, batch.total, batch.failed, batch.completed) == ("completed", 20, 20, 0)
    assert {r.failure.code for r in desk.every(batch.id, "") if r.failure} == {"row_unreadable"}


def test_what_cannot_be_looked_at_fails_alone(opened: Opened, caplog: pytest.LogCaptureFixture):
    rows = [Item(s, str(s), payload=p) for s, p in enumerate([BROKEN, NO_PICTURE, bytes_of(2)])]
    urls = ["http://blocked.example/a", "https://x.example/missing", "https://x.example/tired"]
    rows += [Item(3 + n, url, url=url) for n, url in enumerate(urls)]
    desk = opened()
    with caplog.at_level(logging.ERROR, "eyeline.jobs"):
        batch = ended(desk, desk.submit(NewBatch(prior=0.5), rows)[0])
    failures = {r.seq: r.failure for r in desk.every(batch.id, "") if r.failure is not None}
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
    opened: Opened, stand_in: StandIn
):
    good = "https://x.example/good"
    rows = [
        Item(0, "a", url="https://x.example/missing", fallback_url=good),
        Item(1, "b", url="http://blocked.example/b", fallback_url="https://x.example/other"),
        # A host that asks for rest is not asked for a second picture at once.
        Item(2, "c", url="https://x.example/tired", fallback_url="https://x.example/third"),
    ]
    desk = opened()
    batch = ended(desk, desk.submit(NewBatch(prior=0.5), rows)[0])
    found = list(desk.every(batch.id, ""))
    assert found[0].finding is not None
    assert found[0].finding.sha256 == finding_of(b"good").sha256
    assert found[1].failure is not None
    assert found[2].failure is not None
    assert found[2].failure.retryable
    assert sorted(stand_in.fetched) == [
        "http://blocked.example/b",
        good,
        "https://x.example/missing",
        "https://x.example/tired",
    ]


def test_the_same_picture_is_analysed_once(opened: Opened, stand_in: StandIn):
    """By its bytes, by its address and by the name that its platform derives from its bytes."""
    same, seqs = "https://x.example/same", range(200)
    rows = [Item(s, f"{s}.jpg", payload=b"default") for s in seqs]
    rows += [Item(200 + s, same, url=same) for s in seqs]
    rows += [
        Item(400 + s, f"{s}", url=f"https://x.example/{s}/cid", content_id="cid") for s in seqs
    ]
    desk = opened()
    batch = ended(desk, desk.submit(NewBatch(prior=0.5), rows)[0])
    assert stand_in.looks() == {b"default": 1, b"same": 1, b"cid": 1}
    assert batch.completed == 600
    assert sum(batch.verdicts.values()) == 600
    assert len(stand_in.fetched) <= 2 * 4  # two chunks at a time may both set out for either
    assert sum(count for count, _ in desk.averages(batch.id, "").values()) <= 3


def test_no_more_pictures_are_in_memory_than_places(opened: Opened, tmp_path: Path):
    slow = StandIn(tmp_path / "slow.log", fetch_s=0.02)
    desk = opened(stand_in=slow)
    batch = ended(desk, desk.submit(NewBatch(prior=0.5), addresses(200))[0])
    assert batch.completed == 200
    assert set(slow.looks().values()) == {1}


def test_a_fault_in_the_cohort_fails_the_batch_and_keeps_its_results(
    opened: Opened, stand_in: StandIn, caplog: pytest.LogCaptureFixture
):
    def broken(*_: object) -> dict[str, object]:
        raise ZeroDivisionError("no cohort")

    told: list[Batch] = []
    tools = type(stand_in.tools())(stand_in.examine, stand_in.open_fetch, broken)
    desk = opened(tools=tools, on_ended=lambda batch, _: told.append(batch))
    batch = ended(desk, desk.submit(NewBatch(prior=0.5), pictures(20))[0])
    assert batch.status == Status.FAILED
    assert batch.error is not None
    assert "ZeroDivisionError" in batch.error
    assert len(list(desk.every(batch.id, ""))) == 20
    assert "no cohort" in caplog.text
    desk = opened()
    assert ended(desk, desk.retry_failed(batch.id, "")).status == Status.COMPLETED
    assert [each.status for each in told] == [Status.FAILED]


def test_whoever_waits_for_the_end_is_told_when_the_batch_is_whole(opened: Opened):
    told: list[tuple[Batch, int]] = []

    def hook(batch: Batch, engine: object) -> None:
        assert engine is desk.engine
        told.append((batch, len(list(desk.every(batch.id, "")))))

    desk = opened(on_ended=hook)
    batch = ended(desk, desk.submit(NewBatch(prior=0.5), pictures(50))[0])
    desk.close()  # which lets the last workflow end
    assert told == [(batch, 50)]


def test_without_workers_a_desk_says_so(opened: Opened):
    assert opened(workers=2).alive() is None
    assert "eyeline worker" in str(opened(workers=0).alive())


def test_a_database_that_cannot_be_read_is_told(opened: Opened):
    desk = opened(workers=1)
    with desk.engine.begin() as c:
        c.exec_driver_sql("ALTER TABLE workers RENAME TO hidden")
    said = desk.alive()
    with desk.engine.begin() as c:
        c.exec_driver_sql("ALTER TABLE hidden RENAME TO workers")
    assert said is not None
    assert "cannot be read" in said


def test_sqlite_serves_one_process(tmp_path: Path):
    first = open_database(None, tmp_path)
    with pytest.raises(DatabaseTaken, match="another process works in"):
        open_database(None, tmp_path)
    first.close()
    open_database(None, tmp_path).close()


def test_tables_of_a_later_program_are_left_alone(tmp_path: Path):
    first = open_database(None, tmp_path)
    first.write(lambda c: c.execute(tables.schema.update().values(version=tables.VERSION + 1)))
    first.close()
    with pytest.raises(tables.TablesTooNew, match="run the program that wrote them"):
        open_database(None, tmp_path)


@pytest.mark.parametrize("url", ["mysql://localhost/x", "not a url"])
def test_other_databases_are_refused(tmp_path: Path, url: str):
    with pytest.raises(DatabaseTaken, match="EYELINE_DATABASE_URL"):
        open_database(url, tmp_path)
