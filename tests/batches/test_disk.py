"""Room on the disk: the marks, the reserve, and what becomes of lists where there is none."""

import errno
from pathlib import Path

import pytest

from app.batches import disk
from app.batches.disk import Disk, is_full
from app.batches.store.models import BatchRequest
from app.errors import StorageFull
from tests.batches.conftest import open_service_at, wait_until_ended
from tests.batches.fake_tools import FakeTools, picture_items

MB = 1_000_000


class FakeUsage:
    """A file system with as much room as a test says."""

    def __init__(self, total: int, free: int) -> None:
        self.total, self.free = total, free

    def __call__(self, _: Path) -> tuple[int, int, int]:
        return self.total, self.total - self.free, self.free


@pytest.mark.parametrize(
    ("total_mb", "set_mb", "mark_mb"),
    [(1_000_000, None, 512), (1_000, None, 20), (1_000_000, 3_000, 3_000), (1_000, 0, 0)],
)
def test_the_mark(tmp_path: Path, total_mb: int, set_mb: int | None, mark_mb: int) -> None:
    usage = FakeUsage(total_mb * MB, mark_mb * MB)
    folder = Disk(tmp_path, None if set_mb is None else set_mb * MB, usage=usage)
    assert folder.problem() is None
    folder.check_intake()
    usage.free -= 1
    if mark_mb:
        assert f"below {mark_mb} MB" in str(folder.problem())
        with pytest.raises(StorageFull):
            folder.check_intake()


def test_work_pauses_at_half_of_the_mark_where_the_batches_lie(tmp_path: Path) -> None:
    usage = FakeUsage(1_000_000 * MB, 256 * MB)
    folder, spool = Disk(tmp_path, usage=usage), Disk(tmp_path, has_batches=False, usage=usage)
    folder.check_work()
    usage.free -= 1
    with pytest.raises(StorageFull):
        folder.check_work()
    spool.check_work()
    with pytest.raises(StorageFull):
        spool.check_intake()


def test_a_reserve_is_kept_while_there_is_room(tmp_path: Path) -> None:
    usage = FakeUsage(1_000_000 * MB, 520 * MB)
    folder = Disk(tmp_path, usage=usage)
    folder.keep_reserve()
    assert not folder.give_up_reserve()
    usage.free = 600 * MB
    folder.keep_reserve()
    assert (tmp_path / disk.RESERVE_FILE).stat().st_size == disk.RESERVE_BYTES
    assert folder.give_up_reserve()
    assert list(tmp_path.iterdir()) == []


def test_only_a_full_disk_is_full() -> None:
    assert is_full(OSError(errno.ENOSPC, "no space left"))
    assert not is_full(OSError(errno.EIO, "bad sector"))


def test_lists_pause_and_go_on_and_can_be_erased(
    tmp_path: Path, fake_tools: FakeTools, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_service_at(None, tmp_path, fake_tools, workers=0) as service:
        erased, _ = service.submit(BatchRequest(prior=0.5), picture_items(40))
        batch, _ = service.submit(BatchRequest(prior=0.5), picture_items(40))
    with monkeypatch.context() as shortage:
        shortage.setattr(Disk, "_measure", lambda _: (1 * MB, 512 * MB))
        service = open_service_at(None, tmp_path, fake_tools)
        with pytest.raises(StorageFull):
            service.submit(BatchRequest(prior=0.5), picture_items(10))
        with pytest.raises(StorageFull):
            service.check_intake("")
        assert "below 512 MB no list is taken in" in str(service.health_problem())
        service.delete(erased.id, "")
        assert [each.id for each in service.list_batches("").batches] == [batch.id]
        assert not fake_tools.analysis_counts()
    assert wait_until_ended(service, batch).completed == 40
    service.close()
