"""What the two workflows do, and what becomes of their faults."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.batches import lifecycle
from app.batches.execution import chunks
from app.batches.execution.chunk_run import Ending, Run
from app.batches.execution.chunks import Begun, Key, Next
from app.batches.execution.picture_pool import Bench
from app.batches.execution.queue import Engine, Leave
from app.batches.store import queries, result_queries
from app.batches.store.database import Database
from app.batches.store.models import Batch, Tools
from app.batches.store.result_queries import Wanted
from app.errors import NotFound

T = TypeVar("T")

Hook = Callable[[Batch, sa.Engine], None]
"""Called with a batch that has ended, and the engine of the database it lies in."""

TRIES: Final = 3
"""A fault of ours that comes back so often ends the batch, which says so."""
PAUSE_S: Final = 1.0
PAUSE_MAX_S: Final = 30.0

log = logging.getLogger("eyeline.jobs")


class House(Protocol):
    """What a worker asks of the desk it works behind."""

    @property
    def lanes(self) -> int: ...

    def stopping(self) -> bool: ...


class Worker:
    """Works on chunks with ``bench`` and ends batches; both may be called again at any time."""

    def __init__(
        self, database: Database, tools: Tools, bench: Bench | None, retention_s: int,
        on_ended: Hook | None, house: House,
    ) -> None:  # fmt: skip
        self._database = database
        self._tools = tools
        self._bench = bench
        self._retention_s = retention_s
        self._on_ended = on_ended
        self._house = house
        self._engine: Engine | None = None

    def started(self, engine: Engine) -> None:
        """Workflows may have been given to this process before it was told of the engine."""
        self._engine = engine

    def chunk(self, key: Key) -> None:
        """Work on a chunk, then ask for what follows."""
        following = self._persistent(key.batch, lambda: self._worked(key))
        if following is not None:
            self._enqueue(following)

    def final(self, batch: str, generation: int, part: int) -> None:
        """Look at the list as a whole, and end the batch."""
        self._persistent(batch, lambda: self._ended(batch, generation))

    def _worked(self, key: Key) -> Next:
        begun = chunks.begin(self._database, key)
        if begun is None:
            return Next()
        if isinstance(begun, Key):
            return Next((begun,))
        if not begun.over:
            ending = self._run(begun)
            if ending is Ending.STOPPED:
                self._database.write(lambda c: chunks.leave(c, begun))
                raise Leave
            if ending is Ending.TURN:
                moved = self._database.write(lambda c: chunks.turn(c, begun))
                return Next() if moved is None else Next((moved,))
        return self._database.write(lambda c: chunks.finish(c, begun, self._house.lanes))

    def _run(self, begun: Begun) -> Ending:
        if self._bench is None:
            raise Leave
        run = Run(self._bench, self._database, begun, self._house.stopping)
        try:
            return self._bench.run(run())
        except Exception:
            # This process lives: what failed is no picture's doing, and counts as no death.
            self._database.write(lambda c: chunks.leave(c, begun))
            raise

    def _ended(self, batch: str, generation: int) -> None:
        row = lifecycle.finalize(self._database, batch, generation)
        if row is None:
            return
        if not queries.told(row).ended:
            cohort = self._summarised(row)
            lifecycle.end(self._database, row, self._retention_s, cohort)
        self._tell(batch)

    def _summarised(self, row: queries.Row) -> dict[str, object]:
        every = result_queries.every(self._database, Wanted(row.no, thumbnails=False))
        return self._tools.summarise(every, queries.new_of(row))

    def _persistent(self, batch: str, work: Callable[[], T]) -> T | None:
        """``work``, again after a fault; as long as it takes if the database is away.

        ``None``: it was given up, and the batch has failed, or is gone.
        """
        faults, pause = 0, PAUSE_S
        while True:
            try:
                return work()
            except NotFound:
                return None  # the batch was erased meanwhile
            except Exception as error:
                if self._house.stopping():
                    raise Leave from error
                faults += not _away(error)
                log.exception("work on a batch failed: %s", batch)
                if faults >= TRIES:
                    self._fail(batch, error)
                    return None
            self._rest(pause)
            pause = min(2 * pause, PAUSE_MAX_S)

    def _fail(self, batch: str, error: Exception) -> None:
        said = f"something went wrong here ({type(error).__name__}); the service's log says more"
        row = queries.find(self._database, batch, None)
        lifecycle.end(self._database, row, self._retention_s, error=said)
        try:
            self._tell(batch)
        except Exception:
            log.exception("nobody could be told that a batch has failed: %s", batch)

    def _tell(self, batch: str) -> None:
        if self._on_ended is not None:
            self._on_ended(queries.read(self._database, batch, None), self._database.engine)

    def _rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._house.stopping():
            time.sleep(0.1)

    def _enqueue(self, following: Next) -> None:
        while self._engine is None:
            time.sleep(0.01)
        self._engine.enqueue(following)


def _away(error: Exception) -> bool:
    """Whether the database could not be reached, rather than did not like what it was told."""
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated
