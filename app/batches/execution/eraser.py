"""Erases the rows of batches that were marked as deleted, behind those who asked for it."""

from __future__ import annotations

import logging
import threading
from typing import Final

from app.batches.disk import Disk
from app.batches.execution.heartbeat import JOIN_TIMEOUT_S
from app.batches.execution.queue import WorkflowQueue
from app.batches.store import deletion
from app.batches.store.database import Database
from app.errors import RetryLater, StorageFull

ERASE_S: Final = 60.0
"""Pause between two looks for what others marked and did not live to erase."""

log = logging.getLogger("eyeline.jobs")


class Eraser:
    """A thread of its own: a large list takes minutes. Two that erase the same do no harm."""

    def __init__(self, database: Database, queue: WorkflowQueue, disk: Disk) -> None:
        self._database = database
        self._disk = disk
        self._queue = queue
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="eyeline-eraser", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Begin at once: something was marked."""
        self._wake.set()

    def close(self) -> None:
        """What is not erased by then is left to the next process."""
        self._stop.set()
        self._wake.set()
        self._thread.join(JOIN_TIMEOUT_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(ERASE_S)
            self._wake.clear()
            try:
                self._erase_marked()
                self._disk.keep_reserve()
            except StorageFull:  # erasing needs room, too
                if self._disk.give_up_reserve():
                    self._wake.set()
            except RetryLater:  # which the log knows
                pass
            except Exception:
                log.exception("erasing failed, will retry")

    def _erase_marked(self) -> None:
        if self._stop.is_set():
            return
        for batch_no, batch_id in deletion.marked_batches(self._database):
            if batch_id is not None:
                self._queue.delete_batch(batch_id)
            if not deletion.delete_rows(self._database, batch_no, self._stop.is_set):
                return
