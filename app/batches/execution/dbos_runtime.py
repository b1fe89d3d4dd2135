"""DBOS in this process: two workflows that may be run again, and a runtime that takes them up.

A workflow's body keeps everything it did in our own tables, so nothing of it is recorded as a step
of DBOS: DBOS keeps which chunk is waiting, which process has it, and that it is done.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from dbos import DBOS, DBOSConfig

from app.batches.execution.chunks import ChunkKey
from app.batches.execution.queue import (
    APPLICATION,
    CHUNK_QUEUE,
    CHUNK_WORKFLOW,
    FINAL_QUEUE,
    FINAL_WORKFLOW,
    SERIALIZER,
    WORKFLOW_VERSION,
    WorkflowQueue,
)
from app.batches.store.database import POOL_SIZE, Database

T = TypeVar("T")

MAX_CONCURRENT_CHUNKS: Final = 3
"""Chunks that a process works on: while two end together, there is another one."""
QUEUE_POLL_S: Final = 0.15

log = logging.getLogger("eyeline.jobs")


class WorkflowInterrupted(BaseException):
    """The workflow stops here, neither done nor failed, and is to be run again by any process.

    DBOS records no outcome of a ``BaseException``.
    """


@dataclass(frozen=True)
class WorkflowHandlers:
    """What workflows do. Both may be called again with the same arguments, at any time."""

    run_chunk: Callable[[ChunkKey], None]
    run_final: Callable[[str, int], None]


class _CurrentRuntime:
    """The runtime of this process; workflows are functions of a module, and find it here."""

    def __init__(self) -> None:
        self.queue: WorkflowQueue | None = None
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


_current = _CurrentRuntime()


@DBOS.workflow(name=CHUNK_WORKFLOW, max_recovery_attempts=None)
def _chunk_workflow(batch: str, generation: int, chunk: int, part: int) -> None:
    with _current as handlers, _interrupted_if_reassigned():
        handlers.run_chunk(ChunkKey(batch, generation, chunk, part))


@DBOS.workflow(name=FINAL_WORKFLOW, max_recovery_attempts=None)
def _final_workflow(batch: str, generation: int) -> None:
    with _current as handlers, _interrupted_if_reassigned():
        handlers.run_final(batch, generation)


@contextmanager
def _interrupted_if_reassigned() -> Iterator[None]:
    """Leave at the end if another run has this workflow by now, or it is gone with its batch.

    DBOS would keep the thread, and with it the end of the process, until the other run is done.
    """
    queue, workflow_id = _current.queue, DBOS.workflow_id
    assert queue is not None
    assert workflow_id is not None
    claim = queue.read_claim(workflow_id)
    yield
    if claim is None or queue.read_claim(workflow_id) != claim:
        raise WorkflowInterrupted


class WorkflowRuntime:
    """Runs DBOS in this process, which holds one at a time; close it."""

    def __init__(
        self,
        database: Database,
        queue: WorkflowQueue,
        handlers: WorkflowHandlers,
        *,
        runs_workflows: bool,
    ) -> None:
        """Create DBOS' tables; take work up if ``runs_workflows``."""
        self._database = database
        self._queue = queue
        _current.handlers, _current.queue = handlers, queue
        try:
            _run_on_thread(lambda: self._launch(runs_workflows))
        except BaseException:
            _current.handlers = None
            raise

    def close(self, timeout_s: float) -> None:
        """Take nothing up any more, wait for running workflows, requeue what is left of them."""
        _run_on_thread(lambda: self._destroy(timeout_s))

    def _launch(self, runs_workflows: bool) -> None:
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_url": self._database.dbos_url,
            "system_database_engine": self._database.dbos_engine,
            "application_version": WORKFLOW_VERSION,
            "executor_id": self._queue.executor_id,
            "serializer": SERIALIZER,
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
            self._queue.delete_other_versions()
            for name, concurrency in ((CHUNK_QUEUE, MAX_CONCURRENT_CHUNKS), (FINAL_QUEUE, 1)):
                DBOS.register_queue(
                    name,
                    worker_concurrency=concurrency,
                    polling_interval_sec=QUEUE_POLL_S,
                    on_conflict="always_update",
                )
        except BaseException:
            DBOS.destroy()
            raise

    def _destroy(self, timeout_s: float) -> None:
        try:
            # DBOS looks once a second whether all is done; with nothing claimed it need not.
            wait_s = int(timeout_s) if self._queue.holds_claims() else 0
            DBOS.destroy(workflow_completion_timeout_sec=wait_s)
        finally:
            with _current.changed:
                _current.handlers = None
                still_running = _current.running
            if still_running:
                log.warning("%d workflows did not stop in time", still_running)
        self._queue.recover([self._queue.executor_id])


def _run_on_thread(function: Callable[[], T]) -> T:
    """``function`` on a thread without an event loop: DBOS refuses others for some calls."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(function).result()
