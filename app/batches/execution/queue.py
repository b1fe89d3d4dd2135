"""DBOS, as it is used here: two queues, two workflows that may be run again, and recovery.

A workflow's body keeps everything it did in our own tables, each step of it once, so nothing of it
is recorded as a step of DBOS: what DBOS keeps is which chunk is waiting, whose it is, and that it
is done. A workflow that has to stop raises `Leave`, which is no `Exception`: DBOS then writes down
neither success nor failure, and the workflow is taken up again like that of a process that died.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from dbos import DBOS, DBOSConfig, SetWorkflowID
from dbos._context import get_local_dbos_context
from dbos._dbos import _get_dbos_instance

from app.batches.execution.chunks import Key, Next
from app.batches.store.database import POOL, Database

T = TypeVar("T")

APPLICATION: Final = "eyeline"
VERSION: Final = "1"
"""Of the workflows' names and arguments: work of an older program is taken up by a newer one."""
CHUNKS: Final = "eyeline-chunks"
ENDS: Final = "eyeline-ends"
AT_ONCE: Final = 3
"""Chunks that a process works on: while two end together, there is another one."""
POLL_S: Final = 0.15
_ALIVE: Final = ("ENQUEUED", "PENDING", "DELAYED")
_ENDED: Final = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
_CHUNK: Final = "eyeline.chunk"
_FINAL: Final = "eyeline.final"
_TIDY: Final = 500

log = logging.getLogger("eyeline.jobs")


class Leave(BaseException):
    """The workflow stops here and is to be taken up again, by whomever."""


@dataclass(frozen=True)
class Handlers:
    """What workflows do. Both may be called again with the same arguments, at any time."""

    chunk: Callable[[Key], None]
    final: Callable[[str, int, int], None]


class _Here:
    """Who works in this process; workflows are functions of a module, and ask here."""

    def __init__(self) -> None:
        self.handlers: Handlers | None = None
        self.busy = 0
        self.changed = threading.Condition()

    def __enter__(self) -> Handlers:
        with self.changed:
            if self.handlers is None:
                raise Leave
            self.busy += 1
            return self.handlers

    def __exit__(self, *_: object) -> None:
        with self.changed:
            self.busy -= 1
            self.changed.notify_all()


_here = _Here()


@DBOS.workflow(name=_CHUNK, max_recovery_attempts=None)
def _chunk(batch: str, generation: int, chunk: int, part: int) -> None:
    with _here as handlers:
        handlers.chunk(Key(batch, generation, chunk, part))
    _leave_if_taken_over()


@DBOS.workflow(name=_FINAL, max_recovery_attempts=None)
def _final(batch: str, generation: int, part: int) -> None:
    with _here as handlers:
        handlers.final(batch, generation, part)
    _leave_if_taken_over()


def _leave_if_taken_over() -> None:
    """Leave if somebody else was given this workflow: this process was taken for dead meanwhile.

    DBOS would keep the thread, and with it the end of the process, until the other one is done.
    """
    context = get_local_dbos_context()
    if context is None or context.owner_xid is None:
        return
    owner = _dbos()._sys_db.get_workflow_owner(context.workflow_id)
    if owner != context.owner_xid:
        raise Leave


class Engine:
    """DBOS of this process, of which there can be one at a time."""

    def __init__(self, database: Database, executor: str, handlers: Handlers, works: bool) -> None:
        self.executor = executor
        # DBOS would otherwise put a handler of its own on this logger, and write past ours.
        logging.getLogger("dbos").addHandler(logging.NullHandler())
        _here.handlers = handlers
        _aside(lambda: self._launch(database, works))

    def _launch(self, database: Database, works: bool) -> None:
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_url": database.dbos_url,
            "system_database_engine": database.dbos_engine,
            "application_version": VERSION,
            "executor_id": self.executor,
            "log_level": "WARNING",
            "use_listen_notify": False,
            "notification_listener_polling_interval_sec": 0.2,
            "sys_db_pool_size": POOL,
        }
        DBOS(config=config)
        try:
            if not works:
                DBOS.listen_queues([])
            DBOS.launch()
            for queue, at_once in ((CHUNKS, AT_ONCE), (ENDS, 1)):
                DBOS.register_queue(
                    queue,
                    worker_concurrency=at_once,
                    polling_interval_sec=POLL_S,
                    on_conflict="always_update",
                )
        except BaseException:
            _here.handlers = None
            DBOS.destroy()
            raise

    def enqueue(self, following: Next) -> None:
        """Each of these once, however often it is asked for."""
        for key in following.chunks:
            _unnoticed(lambda key=key: _enqueue_chunk(key))  # type: ignore[misc]
        if following.final is not None:
            batch, generation, part = following.final
            _unnoticed(lambda: _enqueue_final(batch, generation, part))

    def executors_at_work(self) -> set[str]:
        """Whoever has taken up a workflow and not put it down, living or dead."""
        found = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        return {each.executor_id for each in found if each.executor_id}

    def recover(self, executors: Iterable[str]) -> int:
        """Give what these were working on back to its queue; how much that was.

        Harmless if two do it: only what still carries a dead one's name goes back.
        """
        return len(DBOS._recover_pending_workflows(sorted(executors)))

    def states(self, workflows: Iterable[str]) -> dict[str, bool]:
        """Those of ``workflows`` that exist, and whether they are still to end."""
        names = list(workflows)
        if not names:
            return {}
        found = DBOS.list_workflows(workflow_ids=names, load_input=False, load_output=False)
        return {each.workflow_id: each.status in _ALIVE for each in found}

    def forget(self, workflows: list[str]) -> None:
        """Erase what DBOS keeps of these workflows."""
        if workflows:
            DBOS.delete_workflows(workflows)

    def tidy(self, older_than_s: float) -> None:
        """Erase what DBOS keeps of workflows that ended so long ago."""
        before = datetime.now(UTC) - timedelta(seconds=older_than_s)
        while True:
            found = DBOS.list_workflows(
                status=list(_ENDED),
                name=[_CHUNK, _FINAL],
                completed_before=before.isoformat(),
                limit=_TIDY,
                load_input=False,
                load_output=False,
            )
            self.forget([each.workflow_id for each in found])
            if len(found) < _TIDY:
                return

    def close(self, patience_s: float) -> None:
        """Take nothing up any more, wait for what runs to leave, and give it back at once."""
        for event in _dbos().background_thread_stop_events:
            event.set()
        until = time.monotonic() + patience_s + 1.0
        with _here.changed:
            _here.handlers = None
            _here.changed.wait_for(lambda: not _here.busy, patience_s)
            left = _here.busy
        if left:
            log.warning("%d workflows did not leave in time", left)
        try:
            while _dbos()._active_workflows_set.activeList() and time.monotonic() < until:
                time.sleep(0.02)  # what is done is still being written down
            _aside(lambda: self.recover([self.executor]))
        finally:
            _aside(DBOS.destroy)


def final_name(batch: str, generation: int, part: int) -> str:
    """Of the workflow that ends a batch."""
    return f"{batch}:{generation}:final:{part}"


def _enqueue_chunk(key: Key) -> None:
    with SetWorkflowID(key.workflow):
        DBOS.enqueue_workflow(CHUNKS, _chunk, key.batch, key.generation, key.chunk, key.part)


def _enqueue_final(batch: str, generation: int, part: int) -> None:
    with SetWorkflowID(final_name(batch, generation, part)):
        DBOS.enqueue_workflow(ENDS, _final, batch, generation, part)


def _unnoticed(work: Callable[[], T]) -> T:
    """``work`` outside of any workflow: nothing of it is recorded as a step of one."""
    return contextvars.Context().run(work)


def _aside(work: Callable[[], T]) -> T:
    """``work`` on a thread without an event loop: DBOS refuses others for some calls."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


def _dbos() -> DBOS:
    return _get_dbos_instance()
