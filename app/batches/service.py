"""The desk: where lists are handed in, asked after and taken back, and behind it the workers.

Every method may be called from any thread, and none belongs on an event loop. There is one desk in
a process at a time.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.exc import SQLAlchemyError

from app.batches import lifecycle, submission
from app.batches.execution import chunks
from app.batches.execution.heartbeat import Chores, Heart, living
from app.batches.execution.picture_pool import Bench
from app.batches.execution.queue import Engine, Handlers
from app.batches.execution.workflows import Hook, Worker
from app.batches.store import deletion, queries, result_queries, tile_sums
from app.batches.store.database import Database, open_database
from app.batches.store.models import ENDED, Batch, NewBatch, Tools
from app.batches.store.queries import Listing
from app.batches.store.result_queries import Order, Page, Wanted
from app.records import Item, Result

LANES_MIN: Final = 4
POLL_S: Final = 0.25
PATIENCE_S: Final = 20.0
"""How long the end of a process waits for pictures that are being looked at."""

log = logging.getLogger("eyeline.jobs")


class Desk:
    """Open it with ``Desk.open``; a context manager, or close it."""

    def __init__(
        self, database: Database, executor: str, tools: Tools, workers: int, retention_s: int,
        max_waiting: int, on_ended: Hook | None, on_launched: Callable[[sa.Engine], None] | None,
    ) -> None:  # fmt: skip
        self._database = database
        self._max_waiting = max_waiting
        self._executor = executor
        self._stopping = threading.Event()
        self._closed = False
        self._heart = Heart(database, self._executor, workers)
        self._bench = Bench(database, tools, workers) if workers else None
        worker = Worker(database, tools, self._bench, retention_s, on_ended, self)
        self._engine = Engine(
            database, self._executor, Handlers(worker.chunk, worker.final), works=workers > 0
        )
        worker.started(self._engine)
        if on_launched is not None:
            on_launched(database.engine)
        self._chores = Chores(database, self._engine)

    @classmethod
    def open(
        cls,
        *,
        database_url: str | None,
        data_dir: Path,
        tools: Tools,
        workers: int,
        retention_s: int,
        max_waiting_items: int,
        on_ended: Hook | None = None,
        on_launched: Callable[[sa.Engine], None] | None = None,
    ) -> Self:
        """Open the database, take up what the dead left, and work with ``workers`` threads.

        ``on_ended`` is called with each batch that ended, and the database's engine: at least once,
        whatever dies, and never at the same time as the batch's work. ``on_launched``: once, when
        DBOS runs. Raises ``DatabaseTaken``, ``TablesTooNew``, ``OSError``, and what the database's
        driver raises.
        """
        executor = uuid.uuid4().hex
        database = open_database(database_url, data_dir, executor)
        try:
            return cls(
                database,
                executor,
                tools,
                workers,
                retention_s,
                max_waiting_items,
                on_ended,
                on_launched,
            )
        except BaseException:
            database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def engine(self) -> sa.Engine:
        """Of the database, for those who keep tables beside these."""
        return self._database.engine

    @property
    def lanes(self) -> int:
        """Chunks of a batch that may be asked for at once: enough for everybody who works."""
        return max(LANES_MIN, 2 + 2 * self._chores.living.working)

    def stopping(self) -> bool:
        return self._stopping.is_set()

    def submit(self, new: NewBatch, items: Iterable[Item]) -> tuple[Batch, bool]:
        """Take a list in; ``True`` if the batch was there already, by its idempotency key.

        Once this returns the batch outlives everybody. Raises ``KeyReused``, ``Busy``, and whatever
        reading ``items`` raises; then nothing is kept.
        """
        door = submission.Door(self._database, self._executor, self._max_waiting, self.lanes)
        batch_id, replayed = submission.admit(door, new, items)
        if not replayed:
            self._ask(batch_id)
        return self.get(batch_id, new.owner), replayed

    def get(self, batch_id: str, owner: str) -> Batch:
        """Raises ``NotFound``; another one's batch is not there either."""
        return queries.read(self._database, batch_id, owner)

    def listing(self, owner: str, cursor: str | None = None, limit: int = 20) -> Listing:
        """The batches of ``owner``, the newest first."""
        return queries.listing(self._database, owner, cursor, limit)

    def results(
        self,
        batch_id: str,
        owner: str,
        *,
        order: Order = "input",
        min_llr: float | None = None,
        verdict: str | None = None,
        after: str | None = None,
        limit: int = 100,
        thumbnails: bool = True,
    ) -> Page:
        """A page of what is there by now. Raises ``NotFound`` and ``InvalidRequest``.

        In the list's order a page ends where an item has no result yet, and ``next_cursor`` leads
        on from there; of a batch that has ended it is ``None`` at the end.
        """
        row = queries.find(self._database, batch_id, owner)
        wanted = Wanted(row.no, order, min_llr, verdict, thumbnails)
        at_work = row.status not in ENDED
        return result_queries.page(self._database, wanted, after, limit, at_work=at_work)

    def picked(self, batch_id: str, owner: str, seqs: Iterable[int]) -> Iterator[Result]:
        """The results of these items with their thumbnails, in order. Raises ``NotFound``."""
        number = queries.find(self._database, batch_id, owner).no
        return result_queries.picked(self._database, number, seqs)

    def every(
        self,
        batch_id: str,
        owner: str,
        *,
        order: Order = "input",
        min_llr: float | None = None,
        verdict: str | None = None,
        thumbnails: bool = True,
        skip: int = 0,
    ) -> Iterator[Result]:
        """All of what is there by now, a few hundred at a time. Raises ``NotFound``, at once.

        ``skip``: so many of them are left out before the first.
        """
        number = queries.find(self._database, batch_id, owner).no
        wanted = Wanted(number, order, min_llr, verdict, thumbnails, skip)
        return result_queries.every(self._database, wanted)

    def averages(self, batch_id: str, owner: str) -> dict[str, tuple[int, NDArray[np.uint64]]]:
        """``likely_generated`` and ``rest`` → pictures, and the sum of their tiles (192, 192, 3).

        Each picture counts once, however often the list names it.
        """
        number = queries.find(self._database, batch_id, owner).no
        with self._database.reading() as c:
            return tile_sums.read(c, number)

    def cancel(self, batch_id: str, owner: str) -> Batch:
        """Skip what is not begun; what is done stays. A batch that has ended stays as it is."""
        self._engine.enqueue(lifecycle.cancel(self._database, batch_id, owner))
        return self.get(batch_id, owner)

    def retry_failed(self, batch_id: str, owner: str) -> Batch:
        """Try again what failed and may succeed. Raises ``NotYet`` unless the batch has ended."""
        self._engine.enqueue(lifecycle.retry(self._database, batch_id, owner, self.lanes))
        return self.get(batch_id, owner)

    def delete(self, batch_id: str, owner: str) -> None:
        """Erase all that is kept of a batch, which is stopped if it is at work."""
        row = queries.find(self._database, batch_id, owner)
        deletion.bury(self._database, row.no)
        deletion.erase(self._database, row.no)

    def wait_for_change(self, batch_id: str, owner: str, revision: int, timeout_s: float) -> Batch:
        """The batch, once it is beyond ``revision`` or has ended, or after ``timeout_s``."""
        until = time.monotonic() + timeout_s
        while True:
            batch = self.get(batch_id, owner)
            left = until - time.monotonic()
            if batch.revision > revision or batch.ended or left <= 0 or self._closed:
                return batch
            self._stopping.wait(min(POLL_S, left)) if not self.stopping() else time.sleep(0.05)

    def alive(self) -> str | None:
        """Why batches do not go forward; ``None`` if they do."""
        complaint = self._heart.complaint()
        if complaint is not None:
            return complaint
        try:
            working = living(self._database).working
        except SQLAlchemyError as error:
            return f"the database of the batches cannot be read: {type(error).__name__}"
        return None if working else "no process works on batches: start `eyeline worker`"

    def close(self) -> None:
        """Commit what was looked at, leave the rest to the others, or to the next start."""
        if self._closed:
            return
        self._closed = True
        self._stopping.set()
        self._chores.close()
        try:
            self._engine.close(PATIENCE_S)
            if self._bench is not None:
                self._bench.close()
            self._heart.close()
        finally:
            self._database.close()

    def _ask(self, batch_id: str) -> None:
        """If this dies before it is through, the batch is found standing still, and goes on."""
        number = queries.find(self._database, batch_id, None).no
        with self._database.reading() as c:
            following = chunks.asked(c, number, chunks.SUBMISSION)
        self._engine.enqueue(following)
