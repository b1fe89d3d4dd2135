"""Who is alive, and what is done for those who are not.

Every process says every two seconds that it lives. Whatever a process had taken up that is not
among the living goes back to its queue: DBOS knows whose each workflow is, so nobody has to have
noticed the dead while they lived.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from app.batches.execution.chunks import Key, Next, complete
from app.batches.execution.queue import Engine, final_name
from app.batches.store import deletion
from app.batches.store.database import Database
from app.batches.store.models import ENDED, Status
from app.batches.store.tables import batches, chunks, workers

DEAD_S: Final = 10.0
"""Silence after which a process is taken for dead. Being wrong costs work, never results."""


@dataclass(frozen=True)
class Living:
    """Processes that said so lately. ``working``: those with threads for batches."""

    executors: frozenset[str]
    working: int

    def among(self, database: Database, executor: str) -> frozenset[str]:
        """Those that may have work in hand, ``executor`` (this process) always.

        With SQLite there is this process and no other, however lately another one beat.
        """
        here = frozenset({executor})
        return self.executors | here if database.shared else here


def living(database: Database) -> Living:
    """By the database's clock."""
    since = database.now - DEAD_S
    of = sa.select(workers.c.executor, workers.c.threads).where(workers.c.seen_at > since)
    with database.reading() as c:
        rows = c.execute(of).all()
    return Living(frozenset(row.executor for row in rows), sum(row.threads > 0 for row in rows))


def silent(database: Database) -> list[str]:
    """Processes that have said nothing for too long, and never that they would leave."""
    of = sa.select(workers.c.executor).where(workers.c.seen_at <= database.now - DEAD_S)
    with database.reading() as c:
        return list(c.scalars(of))


BEAT_S: Final = 2.0
ROUND_S: Final = 2.5
STILL_S: Final = 10.0
"""A batch that did not move for so long is looked after."""
SWEEP_S: Final = 60.0
FORGET_S: Final = 3600.0

log = logging.getLogger("eyeline.jobs")


class Heart:
    """Beats for one process; ``threads``: how many of it work on batches."""

    def __init__(self, database: Database, executor: str, threads: int) -> None:
        self._database = database
        self._executor = executor
        self._threads = threads
        self._beaten = 0.0
        self._error = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="eyeline-heart", daemon=True)
        self.beat()
        self._thread.start()

    def beat(self) -> None:
        database = self._database

        def said(c: sa.Connection) -> None:
            row = {"threads": self._threads, "seen_at": database.now}
            new = database.insert(workers).values(executor=self._executor, **row)
            c.execute(new.on_conflict_do_update(index_elements=["executor"], set_=row))

        database.write(said)
        self._beaten = time.monotonic()

    def complaint(self) -> str | None:
        """Why this process cannot be said to live."""
        if time.monotonic() - self._beaten <= DEAD_S:
            return None
        return (
            f"the database of the batches cannot be written: {self._error or 'it does not answer'}"
        )

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        gone = sa.delete(workers).where(workers.c.executor == self._executor)
        self._database.write(lambda c: c.execute(gone))

    def _go_on(self) -> None:
        while not self._stop.wait(BEAT_S):
            try:
                self.beat()
            except Exception as error:
                self._error = type(error).__name__
                log.exception("the heartbeat could not be written")


class Chores:
    """What every process does for all, now and then; two that do the same do no harm."""

    def __init__(self, database: Database, engine: Engine) -> None:
        self._database = database
        self._engine = engine
        self._stop = threading.Event()
        self._swept = 0.0
        self.living = living(database)
        self._recover()
        self._thread = threading.Thread(target=self._go_on, name="eyeline-chores", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def round(self) -> None:
        """Once around: the dead, what stands still, what is over."""
        self._recover()
        for batch in still(self._database):
            self._mend(batch)
        if time.monotonic() - self._swept > SWEEP_S:
            self._swept = time.monotonic()
            self.sweep()

    def sweep(self) -> None:
        """Erase what expired, what is half erased, what never arrived, and what is long over."""
        for batch_no in [*deletion.expired(self._database), *self._abandoned()]:
            deletion.erase(self._database, batch_no)
        self._engine.tidy(FORGET_S)
        old = sa.delete(workers).where(workers.c.seen_at < self._database.now - FORGET_S)
        self._database.write(lambda c: c.execute(old))

    def _go_on(self) -> None:
        while not self._stop.wait(ROUND_S):
            try:
                self.round()
            except Exception:
                log.exception("looking after the batches failed; it is tried again")

    def _recover(self) -> None:
        # In this order: a process says that it lives before it takes anything up.
        at_work = self._engine.executors_at_work()
        self.living = living(self._database)
        self._database.cut_off(silent(self._database))
        dead = at_work - self._alive()
        if dead:
            taken = self._engine.recover(dead)
            log.warning("%d processes died; %d workflows of theirs are taken up", len(dead), taken)

    def _alive(self) -> frozenset[str]:
        return self.living.among(self._database, self._engine.executor)

    def _abandoned(self) -> list[int]:
        """Lists whose process died while they came in."""
        of = sa.select(batches.c.no).where(
            batches.c.status == Status.VALIDATING, batches.c.submitter.not_in(self._alive())
        )
        with self._database.reading() as c:
            found = list(c.scalars(of))
        # One that was merely slow may have gone on meanwhile: then it stays.
        reading = batches.c.status == Status.VALIDATING
        return [number for number in found if deletion.bury(self._database, number, reading)]

    def _mend(self, batch_no: int) -> None:
        """Enqueue again what should be on a queue and is not, whatever took it from there.

        A process can die between our transaction and DBOS's; a power cut can take the last of
        either.
        """
        wanted, final = unfinished(self._database, batch_no)
        names = {key.workflow: key for key in wanted}
        last = final_name(*final) if final is not None else None
        states = self._engine.states([*names, *([last] if last else [])])
        lost = [key for name, key in names.items() if name not in states]
        ended = [key for name, key in names.items() if states.get(name) is False]
        moved = [key for key in (self._moved(batch_no, each) for each in ended) if key is not None]
        again = None
        if final is not None and last is not None:
            again = final if last not in states else None
            if states.get(last) is False:
                again = self._final_moved(batch_no, final)
        if lost or moved or again:
            log.warning("a batch stood still: %d of its workflows go on", len(lost) + len(moved))
            self._engine.enqueue(Next((*lost, *moved), again))

    def _moved(self, batch_no: int, key: Key) -> Key | None:
        """The chunk's workflow ended without the chunk being done: another name, another run."""
        mine = (
            chunks.c.batch_no == batch_no,
            chunks.c.generation == key.generation,
            chunks.c.chunk == key.chunk,
            chunks.c.part == key.part,
            ~chunks.c.done,
        )
        further = sa.update(chunks).where(*mine).values(part=key.part + 1)
        moved = self._database.write(lambda c: c.execute(further).rowcount)
        return Key(key.batch, key.generation, key.chunk, key.part + 1) if moved else None

    def _final_moved(
        self, batch_no: int, final: tuple[str, int, int]
    ) -> tuple[str, int, int] | None:
        batch, generation, part = final
        further = (
            sa.update(batches)
            .where(
                batches.c.no == batch_no,
                batches.c.generation == generation,
                batches.c.final_part == part,
                batches.c.status.not_in(ENDED),
            )
            .values(final_part=part + 1)
        )
        moved = self._database.write(lambda c: c.execute(further).rowcount)
        return (batch, generation, part + 1) if moved else None


def still(database: Database) -> list[int]:
    """Batches that are at work and did not move lately."""
    at_work = (Status.IN_PROGRESS, Status.FINALIZING, Status.CANCELLING)
    of = sa.select(batches.c.no).where(
        batches.c.status.in_(at_work), batches.c.changed_at < database.now - STILL_S
    )
    with database.reading() as c:
        return list(c.scalars(of))


def unfinished(database: Database, batch_no: int) -> tuple[list[Key], tuple[str, int, int] | None]:
    """What of a batch should be waiting or running: chunks, or its last workflow."""
    open_ones = (
        sa.select(batches.c.id, chunks.c.generation, chunks.c.chunk, chunks.c.part)
        .join(
            chunks,
            sa.and_(chunks.c.batch_no == batches.c.no, chunks.c.generation == batches.c.generation),
        )
        .where(batches.c.no == batch_no, chunks.c.asked_by.is_not(None), ~chunks.c.done)
    )
    with database.reading() as c:
        row = c.execute(sa.select(batches).where(batches.c.no == batch_no)).one_or_none()
        if row is None:
            return [], None
        if complete(row):
            return [], (row.id, row.generation, row.final_part)
        return [Key(*each) for each in c.execute(open_ones)], None
