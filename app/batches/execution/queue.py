"""The queue of chunks and batch ends, in DBOS' tables beside ours in the same database.

Work is enqueued in the transaction that makes it due: neither is ever there without the other.
Each owner has a partition of each queue: what one has enqueued is in nobody else's way. Arguments
are JSON; pickle is refused.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer, EnqueueOptions
from dbos._serialization import DBOSDefaultSerializer

from app.batches.execution.chunks import HEAD_START_ITEMS, ChunkKey
from app.batches.store.database import Database
from app.batches.store.outage import OutageFilter, translate_outage

APPLICATION: Final = "eyeline"
WORKFLOW_VERSION: Final = "3"
"""Of the workflows' names, arguments and partitions: a newer program takes an older one's work up.
"""
CHUNK_QUEUE: Final = "eyeline-chunks"
FINAL_QUEUE: Final = "eyeline-ends"
CHUNK_WORKFLOW: Final = "eyeline.chunk"
FINAL_WORKFLOW: Final = "eyeline.final"
SERIALIZER: Final = DBOSPortableJSONSerializer()
MAX_CONCURRENT_CHUNKS: Final = 3
"""Chunks of one owner that a process works on: while two end together, there is another one."""
MAX_CHUNKS: Final = 12
"""Chunks of all owners that a process works on; beyond four, who is next is drawn by chance."""
MAX_CONCURRENT_ENDS: Final = 2
"""Lists, each of another owner, whose end a process works out."""
QUEUE_POLL_S: Final = 0.15
PRIORITY_S_PER_ITEM: Final = 5
"""Seconds on the queue that each item less waiting is worth, up to ``HEAD_START_ITEMS``."""
_LIVE_STATUSES: Final = ("ENQUEUED", "PENDING", "DELAYED")
_ENDED_STATUSES: Final = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
_PAGE: Final = 500
_PRIORITY_EPOCH_S: Final = 1_750_000_000  # DBOS wants priorities below 2**31
_RECOVERY_LOCK_ID: Final = 0x65796C6A  # an advisory lock: one process at a time recovers

Claim = tuple[str | None, int | None]
"""Which process took a workflow up last, and when."""


@dataclass(frozen=True)
class Claimed:
    """A workflow that a process has in hand, and since when."""

    workflow_id: str
    since: int | None


def _refuse_pickle(_: str) -> Any:
    raise ValueError("pickle is not read here")


# DBOS unpickles any row that says it is pickled, whatever serializer is set: without this, whoever
# can write to its tables could run code in every worker.
DBOSDefaultSerializer.deserialize = _refuse_pickle  # type: ignore[method-assign,assignment]


class WorkflowQueue:
    """Writes to the queue and reads it; the runtime takes work from it.

    ``executor_id``: of this process.
    """

    def __init__(self, database: Database, executor_id: str) -> None:
        self.executor_id = executor_id
        self._database = database
        # DBOS would otherwise put a handler of its own on this logger, and write past ours.
        dbos_logger = logging.getLogger("dbos")
        dbos_logger.addHandler(logging.NullHandler())
        for logger in (dbos_logger, logging.getLogger("sqlalchemy.pool.impl.QueuePool")):
            logger.filters = [OutageFilter()]
        self._client = DBOSClient(
            system_database_url=database.dbos_url,
            system_database_engine=database.engine if database.shared else database.dbos_engine,
            serializer=SERIALIZER,
            application_name=APPLICATION,
            lazy=True,
            retry_connection_errors=False,
        )

    def register_queues(self) -> None:
        """Write down what the queues allow, in tables that this makes if they are not there."""
        DBOS.migrate(self._database.dbos_url)
        for name, of_owner, of_all in (
            (CHUNK_QUEUE, MAX_CONCURRENT_CHUNKS, MAX_CHUNKS),
            (FINAL_QUEUE, 1, MAX_CONCURRENT_ENDS),
        ):
            self._client.register_queue(
                name,
                worker_concurrency=of_all,
                partition_worker_concurrency=of_owner,
                polling_interval_sec=QUEUE_POLL_S,
            )

    def enqueue_chunk(
        self, c: sa.Connection, key: ChunkKey, owner: str, waiting_items: int
    ) -> None:
        """In the caller's transaction; once, however often it is called with this key.

        Among the owner's: first come, first served, with a head start for lists with few items
        waiting.
        """
        now = c.scalar(sa.select(self._database.now)) or 0.0
        handicap_s = PRIORITY_S_PER_ITEM * min(waiting_items, HEAD_START_ITEMS)
        options: EnqueueOptions = {
            "workflow_name": CHUNK_WORKFLOW,
            "queue_name": CHUNK_QUEUE,
            "workflow_id": key.workflow_id,
            "app_version": WORKFLOW_VERSION,
            "priority": int(now - _PRIORITY_EPOCH_S) + handicap_s,
            "queue_partition_key": partition_key(owner),
        }
        self._client.enqueue_in_transaction(
            c, options, key.batch_id, key.generation, key.chunk, key.part
        )

    def enqueue_final(
        self, c: sa.Connection, batch_id: str, generation: int, part: int, owner: str
    ) -> None:
        """In the caller's transaction: the workflow that ends a batch."""
        options: EnqueueOptions = {
            "workflow_name": FINAL_WORKFLOW,
            "queue_name": FINAL_QUEUE,
            "workflow_id": final_workflow_id(batch_id, generation, part),
            "app_version": WORKFLOW_VERSION,
            "queue_partition_key": partition_key(owner),
        }
        self._client.enqueue_in_transaction(c, options, batch_id, generation)

    def read_claim(self, workflow_id: str) -> Claim | None:
        """``None`` if nobody works on it."""
        statuses = self._list(workflow_ids=[workflow_id], status="PENDING")
        return (statuses[0].executor_id, statuses[0].dequeued_at) if statuses else None

    def holds_claims(self) -> bool:
        """Whether this process has workflows in hand."""
        return bool(self._list(status="PENDING", executor_id=self.executor_id, limit=1))

    def own_claims(self) -> frozenset[Claimed]:
        """What this process has in hand."""
        claims = self._list(status="PENDING", executor_id=self.executor_id)
        return frozenset(Claimed(each.workflow_id, each.dequeued_at) for each in claims)

    def active_executors(self) -> set[str]:
        """Processes with workflows in hand, living or dead."""
        return {each.executor_id for each in self._list(status="PENDING") if each.executor_id}

    def recover(self, executor_ids: Iterable[str]) -> int:
        """Requeue the workflows that these processes have in hand; how many there were."""
        ids = sorted(executor_ids)
        with self._recovering():
            return sum(self._recover_from(queue, ids) for queue in (CHUNK_QUEUE, FINAL_QUEUE))

    def requeue(self, workflow_ids: Collection[str]) -> None:
        """Requeue these workflows, which this process has in hand."""
        with self._recovering():
            for queue in (CHUNK_QUEUE, FINAL_QUEUE):
                self._recover_from(queue, [self.executor_id], workflow_ids)

    @contextmanager
    def _recovering(self) -> Iterator[None]:
        """What another process takes up meanwhile must not be taken from it."""
        with translate_outage(), self._database.engine.connect() as c:
            if self._database.shared:
                c.execute(sa.select(sa.func.pg_advisory_xact_lock(_RECOVERY_LOCK_ID)))
            yield

    def _recover_from(
        self, queue_name: str, executor_ids: list[str], only: Collection[str] | None = None
    ) -> int:
        claimed = self._list(status="PENDING", executor_id=executor_ids, queue_name=queue_name)
        ids = [e.workflow_id for e in claimed if only is None or e.workflow_id in only]
        if ids:
            self._client.resume_workflows(ids, queue_name=queue_name)
        return len(ids)

    def workflow_states(self, workflow_ids: Iterable[str]) -> dict[str, bool]:
        """Those of ``workflow_ids`` that exist, and whether they are still to end.

        Those of another version do not count as such: nobody of this one takes them up.
        """
        ids = list(workflow_ids)
        statuses = self._list(workflow_ids=ids) if ids else []
        return {
            each.workflow_id: each.status in _LIVE_STATUSES and each.app_version == WORKFLOW_VERSION
            for each in statuses
        }

    def delete_workflows(self, workflow_ids: list[str]) -> None:
        """Delete what DBOS keeps of these workflows."""
        if workflow_ids:
            with translate_outage():
                self._client.delete_workflows(workflow_ids)

    def delete_batch(self, batch_id: str) -> None:
        """Delete what DBOS keeps of a batch; a workflow of it that runs ends without a trace."""
        self._delete_all(workflow_id_prefix=f"{batch_id}:")

    def delete_ended(self, older_than_s: float) -> None:
        """Delete what DBOS keeps of workflows that ended so long ago."""
        cutoff = (datetime.now(UTC) - timedelta(seconds=older_than_s)).isoformat()
        self._delete_all(status=list(_ENDED_STATUSES), completed_before=cutoff)

    def delete_other_versions(self) -> None:
        """Delete what programs of other versions enqueued: maintenance restores what is due."""
        with translate_outage():
            known = self._client.list_application_versions()
        versions = [each["version_name"] for each in known]
        others = [name for name in versions if name != WORKFLOW_VERSION]
        if others:
            self._delete_all(app_version=others)

    def close(self) -> None:
        self._client.destroy()

    def _delete_all(self, **which: Any) -> None:
        while found := self._list(limit=_PAGE, **which):
            self.delete_workflows([each.workflow_id for each in found])

    def _list(self, **which: Any) -> list[Any]:
        with translate_outage():
            return self._client.list_workflows(load_input=False, load_output=False, **which)


def partition_key(owner: str) -> str:
    """The partition of an owner, whose name may be of any length."""
    return sha256(owner.encode()).hexdigest()[:32]


def final_workflow_id(batch_id: str, generation: int, part: int) -> str:
    """Of the workflow that ends a batch."""
    return f"{batch_id}:{generation}:final:{part}"
