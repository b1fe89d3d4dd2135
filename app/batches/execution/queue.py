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

from app.batches.execution.chunks import ChunkKey, FollowUp
from app.batches.store.database import POOL_SIZE, Database

T = TypeVar("T")

APPLICATION: Final = "eyeline"
WORKFLOW_VERSION: Final = "1"
"""Of the workflows' names and arguments: work of an older program is taken up by a newer one."""
CHUNK_QUEUE: Final = "eyeline-chunks"
FINAL_QUEUE: Final = "eyeline-ends"
MAX_CONCURRENT_CHUNKS: Final = 3
"""Chunks that a process works on: while two end together, there is another one."""
QUEUE_POLL_S: Final = 0.15
_LIVE_STATUSES: Final = ("ENQUEUED", "PENDING", "DELAYED")
_ENDED_STATUSES: Final = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
_CHUNK_WORKFLOW: Final = "eyeline.chunk"
_FINAL_WORKFLOW: Final = "eyeline.final"
_DELETE_LIMIT: Final = 500

log = logging.getLogger("eyeline.jobs")


class WorkflowInterrupted(BaseException):
    """The workflow stops here and is to be taken up again, by whomever."""


@dataclass(frozen=True)
class WorkflowHandlers:
    """What workflows do. Both may be called again with the same arguments, at any time."""

    run_chunk: Callable[[ChunkKey], None]
    run_final: Callable[[str, int, int], None]


class _CurrentHandlers:
    """Who works in this process; workflows are functions of a module, and ask here."""

    def __init__(self) -> None:
        self.handlers: WorkflowHandlers | None = None
        self.running = 0
        self.changed = threading.Condition()

    def __enter__(self) -> WorkflowHandlers:
        with self.changed:
            if self.handlers is None:
                raise WorkflowInterrupted
            self.running += 1
            return self.handlers

    def __exit__(self, *_: object) -> None:
        with self.changed:
            self.running -= 1
            self.changed.notify_all()


_current = _CurrentHandlers()


@DBOS.workflow(name=_CHUNK_WORKFLOW, max_recovery_attempts=None)
def _chunk_workflow(batch: str, generation: int, chunk: int, part: int) -> None:
    with _current as handlers:
        handlers.run_chunk(ChunkKey(batch, generation, chunk, part))
    _interrupt_if_reassigned()


@DBOS.workflow(name=_FINAL_WORKFLOW, max_recovery_attempts=None)
def _final_workflow(batch: str, generation: int, part: int) -> None:
    with _current as handlers:
        handlers.run_final(batch, generation, part)
    _interrupt_if_reassigned()


def _interrupt_if_reassigned() -> None:
    """Leave if somebody else was given this workflow: this process was taken for dead meanwhile.

    DBOS would keep the thread, and with it the end of the process, until the other one is done.
    """
    context = get_local_dbos_context()
    if context is None or context.owner_xid is None:
        return
    owner = _dbos_instance()._sys_db.get_workflow_owner(context.workflow_id)
    if owner != context.owner_xid:
        raise WorkflowInterrupted


class WorkflowQueue:
    """DBOS of this process, of which there can be one at a time."""

    def __init__(
        self, database: Database, executor_id: str, handlers: WorkflowHandlers, runs_workflows: bool
    ) -> None:
        self.executor_id = executor_id
        # DBOS would otherwise put a handler of its own on this logger, and write past ours.
        logging.getLogger("dbos").addHandler(logging.NullHandler())
        _current.handlers = handlers
        _run_on_thread(lambda: self._launch(database, runs_workflows))

    def _launch(self, database: Database, runs_workflows: bool) -> None:
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_url": database.dbos_url,
            "system_database_engine": database.dbos_engine,
            "application_version": WORKFLOW_VERSION,
            "executor_id": self.executor_id,
            "log_level": "WARNING",
            "use_listen_notify": False,
            "notification_listener_polling_interval_sec": 0.2,
            "sys_db_pool_size": POOL_SIZE,
        }
        DBOS(config=config)
        try:
            if not runs_workflows:
                DBOS.listen_queues([])
            DBOS.launch()
            for queue, at_once in ((CHUNK_QUEUE, MAX_CONCURRENT_CHUNKS), (FINAL_QUEUE, 1)):
                DBOS.register_queue(
                    queue,
                    worker_concurrency=at_once,
                    polling_interval_sec=QUEUE_POLL_S,
                    on_conflict="always_update",
                )
        except BaseException:
            _current.handlers = None
            DBOS.destroy()
            raise

    def enqueue(self, follow_up: FollowUp) -> None:
        """Each of these once, however often it is asked for."""
        for key in follow_up.chunks:
            _run_unrecorded(lambda key=key: _enqueue_chunk(key))  # type: ignore[misc]
        if follow_up.final is not None:
            batch, generation, part = follow_up.final
            _run_unrecorded(lambda: _enqueue_final(batch, generation, part))

    def active_executors(self) -> set[str]:
        """Whoever has taken up a workflow and not put it down, living or dead."""
        workflows = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        return {each.executor_id for each in workflows if each.executor_id}

    def recover(self, executor_ids: Iterable[str]) -> int:
        """Give what these were working on back to its queue; how much that was.

        Harmless if two do it: only what still carries a dead one's name goes back.
        """
        return len(DBOS._recover_pending_workflows(sorted(executor_ids)))

    def workflow_states(self, workflow_ids: Iterable[str]) -> dict[str, bool]:
        """Those of ``workflow_ids`` that exist, and whether they are still to end."""
        ids = list(workflow_ids)
        if not ids:
            return {}
        statuses = DBOS.list_workflows(workflow_ids=ids, load_input=False, load_output=False)
        return {each.workflow_id: each.status in _LIVE_STATUSES for each in statuses}

    def delete_workflows(self, workflow_ids: list[str]) -> None:
        """Erase what DBOS keeps of these workflows."""
        if workflow_ids:
            DBOS.delete_workflows(workflow_ids)

    def delete_ended(self, older_than_s: float) -> None:
        """Erase what DBOS keeps of workflows that ended so long ago."""
        cutoff = datetime.now(UTC) - timedelta(seconds=older_than_s)
        while True:
            workflows = DBOS.list_workflows(
                status=list(_ENDED_STATUSES),
                name=[_CHUNK_WORKFLOW, _FINAL_WORKFLOW],
                completed_before=cutoff.isoformat(),
                limit=_DELETE_LIMIT,
                load_input=False,
                load_output=False,
            )
            self.delete_workflows([each.workflow_id for each in workflows])
            if len(workflows) < _DELETE_LIMIT:
                return

    def close(self, timeout_s: float) -> None:
        """Take nothing up any more, wait for what runs to leave, and give it back at once."""
        for event in _dbos_instance().background_thread_stop_events:
            event.set()
        deadline = time.monotonic() + timeout_s + 1.0
        with _current.changed:
            _current.handlers = None
            _current.changed.wait_for(lambda: not _current.running, timeout_s)
            still_running = _current.running
        if still_running:
            log.warning("%d workflows did not leave in time", still_running)
        try:
            while (
                _dbos_instance()._active_workflows_set.activeList() and time.monotonic() < deadline
            ):
                time.sleep(0.02)  # what is done is still being written down
            _run_on_thread(lambda: self.recover([self.executor_id]))
        finally:
            _run_on_thread(DBOS.destroy)


def final_workflow_id(batch_id: str, generation: int, part: int) -> str:
    """Of the workflow that ends a batch."""
    return f"{batch_id}:{generation}:final:{part}"


def _enqueue_chunk(key: ChunkKey) -> None:
    with SetWorkflowID(key.workflow_id):
        DBOS.enqueue_workflow(
            CHUNK_QUEUE, _chunk_workflow, key.batch_id, key.generation, key.chunk, key.part
        )


def _enqueue_final(batch_id: str, generation: int, part: int) -> None:
    with SetWorkflowID(final_workflow_id(batch_id, generation, part)):
        DBOS.enqueue_workflow(FINAL_QUEUE, _final_workflow, batch_id, generation, part)


def _run_unrecorded(function: Callable[[], T]) -> T:
    """``function`` outside of any workflow: nothing of it is recorded as a step of one."""
    return contextvars.Context().run(function)


def _run_on_thread(function: Callable[[], T]) -> T:
    """``function`` on a thread without an event loop: DBOS refuses others for some calls."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(function).result()


def _dbos_instance() -> DBOS:
    return _get_dbos_instance()
