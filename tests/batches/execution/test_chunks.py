"""Who is to blame for a death: what a chunk remembers from one run to the next."""

import pytest

from app.batches.execution import chunks
from app.batches.execution.chunks import MAX_CRASH_SUSPICIONS, MAX_CRASHES, ChunkKey, ChunkRun
from app.batches.service import BatchService
from app.batches.store.models import BatchRequest
from tests.batches.conftest import OpenService
from tests.batches.fake_tools import picture_items

SUSPECT, NEIGHBOUR = 3, 4


@pytest.mark.parametrize(
    ("chunks_in_all", "owners", "lists", "share"),
    [(4, 1, 1, 4), (4, 2, 1, 2), (4, 2, 6, 1), (4, 9, 1, 1), (10, 2, 2, 2), (10, 1, 3, 3)],
)
def test_owners_have_equal_parts_and_so_have_the_lists_of_one(
    chunks_in_all: int, owners: int, lists: int, share: int
) -> None:
    assert chunks.share_of_list(chunks_in_all, owners, lists) == share


class Chunk:
    """The first chunk of a list that nobody works on."""

    def __init__(self, service: BatchService) -> None:
        batch, _ = service.submit(BatchRequest(prior=0.5), picture_items(40))
        self._database = service._database
        self._key = ChunkKey(batch.id, 0, 0, 0)
        self.run = self.crash()

    def crash(self) -> ChunkRun:
        """The process ends; the next one begins the chunk."""
        run = chunks.begin_run(self._database, self._key)
        assert isinstance(run, ChunkRun)
        self.run = run
        return run

    def mark_analyzing(self, seq: int = SUSPECT) -> bool:
        return self._database.write(lambda c: chunks.mark_analyzing(c, self.run, seq))

    def record_progress(self) -> None:
        self._database.write(lambda c: chunks.record_progress(c, self.run))

    def release(self) -> None:
        self._database.write(lambda c: chunks.release_run(c, self.run))


@pytest.fixture
def chunk(open_service: OpenService) -> Chunk:
    return Chunk(open_service(workers=0))


def test_only_the_first_run_is_concurrent(chunk: Chunk):
    assert not chunk.run.isolate
    assert chunk.crash().isolate
    chunk.release()
    assert not chunk.crash().isolate


def test_a_picture_under_analysis_in_two_crashes_is_blamed(chunk: Chunk):
    for _ in range(MAX_CRASH_SUSPICIONS):
        chunk.crash()
        assert chunk.mark_analyzing()
    chunk.crash()
    assert not chunk.mark_analyzing()


def test_a_crash_outside_its_analysis_is_no_suspicion(chunk: Chunk):
    """Somebody else's picture ended the process, again and again, before its turn came."""
    chunk.crash()
    assert chunk.mark_analyzing()
    for _ in range(5):
        chunk.crash()
    assert chunk.mark_analyzing()


def test_the_next_picture_starts_without_suspicions(chunk: Chunk):
    chunk.crash()
    assert chunk.mark_analyzing()
    chunk.crash()
    assert chunk.mark_analyzing()
    chunk.record_progress()
    for _ in range(MAX_CRASH_SUSPICIONS):
        assert chunk.mark_analyzing(NEIGHBOUR)
        chunk.crash()
    assert not chunk.mark_analyzing(NEIGHBOUR)


@pytest.mark.parametrize(
    "end_run", [Chunk.record_progress, Chunk.release], ids=["done", "left in order"]
)
def test_an_analysis_that_ended_is_no_suspicion(chunk: Chunk, end_run):
    for _ in range(MAX_CRASH_SUSPICIONS + 1):
        assert chunk.mark_analyzing()
        end_run(chunk)


def test_crashes_without_progress_exhaust_a_chunk(chunk: Chunk):
    for _ in range(MAX_CRASHES - 1):
        assert not chunk.crash().exhausted
    assert chunk.crash().exhausted
    chunk.record_progress()
    assert not chunk.crash().exhausted
