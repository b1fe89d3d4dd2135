"""DBOS in this process: two workflows that may be run again, and a runtime that takes them up.

A workflow's body keeps everything it did in our own tables, so nothing of it is recorded as a step
of DBOS: DBOS keeps which chunk is waiting, which process has it, and that it is done.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import dbos._sys_db as dbos_database
from dbos import DBOS, DBOSConfig

from app.batches.execution.chunks import ChunkKey
from app.batches.execution.queue import (
    APPLICATION,
    CHUNK_WORKFLOW,
    FINAL_WORKFLOW,
    SERIALIZER,
    WORKFLOW_VERSION,
    Claim,
    WorkflowQueue,
)
from app.batches.store.database import Database
from app.batches.store.engines import POOL_SIZE
from app.errors import RetryLater

T = TypeVar("T")

MIN_RETRY_PAUSE_S: Final = 0.5
"""The shortest pause before DBOS tries again to reach its database."""
MAX_RETRY_PAUSE_S: Final = 2.0
"""Work goes on so soon after a database's return."""

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
        self.running: Counter[str] = Counter()  # by workflow: a second run of one may have begun
        self.changed = threading.Condition()
        self.closing = threading.Event()

    def __enter__(self) -> WorkflowHandlers:
        with self.changed:
            if self.handlers is None:
                raise WorkflowInterrupted
            self.running[str(DBOS.workflow_id)] += 1
            return self.handlers

    def __exit__(self, *_: object) -> None:
        with self.changed:
            self.running -= Counter([str(DBOS.workflow_id)])
            self.changed.notify_all()


_current = _CurrentRuntime()


class _RetryClock:
    """The time, as DBOS' retries see it: a pause is short, and ends with the runtime.

    DBOS tries for ever to reach a database that is away, with pauses of up to 90 s, on threads that
    the end of a process waits for.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def sleep(self, seconds: float) -> None:
        if _current.closing.wait(min(seconds, MAX_RETRY_PAUSE_S)) and seconds >= MIN_RETRY_PAUSE_S:
            raise SystemExit  # of this thread: what it had in hand is taken up by others


dbos_database.time = _RetryClock()  # type: ignore[attr-defined,assignment]


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
    claim = _read_own_claim()
    yield
    if claim is None or _read_own_claim() != claim:
        raise WorkflowInterrupted


def _read_own_claim() -> Claim | None:
    """The claim on the workflow that runs here; asks until the database answers."""
    queue, workflow_id = _current.queue, DBOS.workflow_id
    assert queue is not None
    assert workflow_id is not None
    while True:
        try:
            return queue.read_claim(workflow_id)
        except RetryLater:
            if _current.closing.wait(MAX_RETRY_PAUSE_S):
                raise WorkflowInterrupted from None


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
        _current.closing.clear()
        try:
            _run_on_thread(lambda: self._launch(runs_workflows))
        except BaseException:
            _current.handlers = None
            raise

    def running_workflows(self) -> frozenset[str]:
        """Ids of the workflows that run in this process."""
        with _current.changed:
            return frozenset(_current.running)

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
            "run_migrations": False,  # they were run to register the queues
        }
        # What is registered after the launch is noticed a second later.
        self._queue.register_queues()
        DBOS(config=config)
        try:
            if not runs_workflows:
                DBOS.listen_queues([])
            DBOS.launch()
            self._queue.delete_other_versions()
        except BaseException:
            DBOS.destroy()
            raise

    def _destroy(self, timeout_s: float) -> None:
        try:
            # DBOS looks once a second whether all is done; with nothing claimed it need not.
            wait_s = int(timeout_s) if self._holds_work() else 0
            DBOS.destroy(workflow_completion_timeout_sec=wait_s)
        finally:
            _current.closing.set()
            with _current.changed:
                _current.handlers = None
                still_running = _current.running.total()
            if still_running:
                log.warning("%d workflows did not stop in time", still_running)
        with suppress(RetryLater):  # then others find out that this process is gone
            self._queue.recover([self._queue.executor_id])

    def _holds_work(self) -> bool:
        try:
            return self._queue.holds_claims()
        except RetryLater:
            _current.closing.set()  # there is no database to write an end to
            return bool(self.running_workflows())


def _run_on_thread(function: Callable[[], T]) -> T:
    """``function`` on a thread without an event loop: DBOS refuses others for some calls."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(function).result()
