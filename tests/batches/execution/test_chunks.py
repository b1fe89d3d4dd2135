"""Who is to blame for a death: what a chunk remembers from one run to the next."""

import pytest

from app.batches.execution import chunks
from app.batches.execution.chunks import STRIKES, WEARS_OUT, Begun, Key
from app.batches.service import Desk
from app.batches.store.models import NewBatch
from tests.batches.conftest import Opened
from tests.batches.stand_in import pictures

SUSPECT, NEIGHBOUR = 3, 4


class Chunk:
    """The first chunk of a list that nobody works on."""

    def __init__(self, desk: Desk) -> None:
        batch, _ = desk.submit(NewBatch(prior=0.5), pictures(40))
        self._database = desk._database
        self._key = Key(batch.id, 0, 0, 0)
        self.begun = self.die()

    def die(self) -> Begun:
        """The process ends; the next one begins the chunk."""
        begun = chunks.begin(self._database, self._key)
        assert isinstance(begun, Begun)
        self.begun = begun
        return begun

    def look(self, seq: int = SUSPECT) -> bool:
        return self._database.write(lambda c: chunks.look(c, self.begun, seq))

    def forward(self) -> None:
        self._database.write(lambda c: chunks.forward(c, self.begun))

    def leave(self) -> None:
        self._database.write(lambda c: chunks.leave(c, self.begun))


@pytest.fixture
def chunk(opened: Opened) -> Chunk:
    return Chunk(opened(workers=0))


def test_only_the_first_run_looks_at_many_at_once(chunk: Chunk):
    assert not chunk.begun.careful
    assert chunk.die().careful
    chunk.leave()
    assert not chunk.die().careful


def test_a_picture_that_was_being_looked_at_in_two_deaths_is_to_blame(chunk: Chunk):
    for _ in range(STRIKES):
        chunk.die()
        assert chunk.look()
    chunk.die()
    assert not chunk.look()


def test_a_death_in_which_it_was_not_looked_at_is_no_strike(chunk: Chunk):
    """Somebody else's picture ended the process, again and again, before its turn came."""
    chunk.die()
    assert chunk.look()
    for _ in range(5):
        chunk.die()
    assert chunk.look()


def test_whoever_is_looked_at_next_starts_anew(chunk: Chunk):
    chunk.die()
    assert chunk.look()
    chunk.die()
    assert chunk.look()
    chunk.forward()
    for _ in range(STRIKES):
        assert chunk.look(NEIGHBOUR)
        chunk.die()
    assert not chunk.look(NEIGHBOUR)


@pytest.mark.parametrize("ended", [Chunk.forward, Chunk.leave], ids=["done", "left in order"])
def test_a_look_that_ended_is_no_strike(chunk: Chunk, ended):
    for _ in range(STRIKES + 1):
        assert chunk.look()
        ended(chunk)


def test_deaths_with_nothing_done_between_them_wear_a_chunk_out(chunk: Chunk):
    for _ in range(WEARS_OUT - 1):
        assert not chunk.die().worn_out
    assert chunk.die().worn_out
    chunk.forward()
    assert not chunk.die().worn_out
