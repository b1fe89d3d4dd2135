"""Processes one chunk: fetch, analyze, commit, until it is done or its time slice is over."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from app.batches.execution import chunks
from app.batches.execution.chunks import ChunkRun
from app.batches.execution.failures import (
    crash_failure,
    exhausted_failure,
    kept_bytes_failure,
)
from app.batches.execution.picture_executor import PictureExecutor, PicturePlace
from app.batches.store import result_store
from app.batches.store.database import Database, count_fitting
from app.batches.store.models import Status
from app.batches.store.result_store import ItemOutcome
from app.batches.store.row_codec import decode_item, source_key
from app.batches.store.tables import items
from app.fetch.rate_limit import cooldown_owner_var
from app.records import Failure, Item, PictureRecord

COMMIT_ITEMS: Final = 64
COMMIT_S: Final = 2.0
"""Outcomes are committed once there are so many, or the first is so old."""
TIME_SLICE_S: Final = 5.0
"""After so long the rest of a chunk is enqueued anew: others wait, and its hosts may be slow."""
PAGE_ITEMS: Final = 256
PAGE_BYTES: Final = 4 * 2**20
FIRST_PAGE_ITEMS: Final = 64
"""Items that are read at once, and what their rows may hold together; of the first page fewer, of
others at most twice as many as the page before had."""


class RunEnding(Enum):
    """How a run of a chunk ends."""

    DONE = auto()
    """Every item has a result, or the batch is no longer in progress."""
    YIELDED = auto()
    """The time slice is over: other lists go first."""
    STOPPED = auto()
    """The process is about to end."""


class ChunkProcessor:
    """One run of a chunk, on the executor's loop. ``is_stopping``: the process is about to end."""

    def __init__(
        self,
        picture_executor: PictureExecutor,
        database: Database,
        run: ChunkRun,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._picture_executor = picture_executor
        self._database = database
        self._run = run
        self._is_stopping = is_stopping
        self._deadline = time.monotonic() + TIME_SLICE_S
        self._page: deque[Item] = deque()
        self._next_seq = run.first
        self._page_limit = FIRST_PAGE_ITEMS
        self._answers_by_source: dict[bytes, PictureRecord | Failure] = {}
        self._waiting_seqs: dict[bytes, list[int]] = {}
        self._uncommitted: list[ItemOutcome] = []
        self._last_commit = time.monotonic()
        self._loading: dict[asyncio.Task[list[ItemOutcome]], PicturePlace] = {}
        self._is_cancelled = False
        self._turns = asyncio.Semaphore(picture_executor.capacity)

    async def __call__(self) -> RunEnding:
        cooldown_owner_var.set(self._run.owner)
        if self._run.exhausted:  # with no picture to blame
            return await self._fail_remaining(exhausted_failure())
        if self._run.is_over_quota:
            return await self._fail_remaining(kept_bytes_failure())
        return await (self._run_isolated() if self._run.isolate else self._run_concurrently())

    async def _run_concurrently(self) -> RunEnding:
        """Many on their way, of which few are in memory; most may wait for their hosts."""
        tasks: set[asyncio.Task[list[ItemOutcome]]] = set()
        ending = None
        try:
            while True:
                while ending is None and len(tasks) < self._picture_executor.max_tasks:
                    ending = self._check_ending()
                    if ending is None and not await self._start_next(tasks):
                        ending = RunEnding.DONE
                if ending in (RunEnding.STOPPED, RunEnding.YIELDED):
                    self._drop_loading(only_waiting=ending is RunEnding.YIELDED)
                if not tasks:
                    break
                done, tasks = await asyncio.wait(
                    tasks, timeout=COMMIT_S / 4, return_when=asyncio.FIRST_COMPLETED
                )
                self._collect(done)
                if self._is_commit_due() and not await self._commit_pending():
                    return RunEnding.DONE
                # Whoever is told to stop may have dropped what it had set out for: then not all
                # is done, even if nothing was left to set out for.
                if self._is_stopping():
                    ending = RunEnding.STOPPED
                elif time.monotonic() > self._deadline and self._is_any_waiting():
                    ending = RunEnding.YIELDED  # also where nothing was left to set out for
                else:
                    ending = ending or self._check_ending()
            await self._commit_pending()
            return ending or RunEnding.DONE
        finally:
            await self._cancel_tasks(tasks)

    def _is_any_waiting(self) -> bool:
        """Whether items wait for their hosts, or for others of this chunk."""
        return any(not place.is_due for place in self._loading.values())

    def _drop_loading(self, *, only_waiting: bool) -> None:
        for task, place in self._loading.items():
            if not (only_waiting and place.is_due):
                task.cancel()

    def _collect(self, done: set[asyncio.Task[list[ItemOutcome]]]) -> None:
        """Take the outcomes of ended tasks; raises the first error, after all were looked at."""
        ended = [task for task in done if not task.cancelled()]
        errors = [error for task in ended if (error := task.exception()) is not None]
        for task in ended:
            if task.exception() is None:
                self._uncommitted += task.result()
        if errors:
            raise errors[0]

    async def _cancel_tasks(self, tasks: set[asyncio.Task[list[ItemOutcome]]]) -> None:
        """Drop fetches under way; wait for analyses under way, then drop them."""
        self._is_cancelled = True
        self._drop_loading(only_waiting=False)
        dropped = await asyncio.gather(*tasks, return_exceptions=True)
        for outcomes in dropped:
            self._release_claims(outcomes if isinstance(outcomes, list) else [])
        self._release_claims(self._uncommitted)

    def _release_claims(self, outcomes: list[ItemOutcome]) -> None:
        """Forget pictures that are stored by now."""
        answers = [outcome.answer for outcome in outcomes]
        sha256s = {answer.sha256 for answer in answers if isinstance(answer, PictureRecord)}
        self._picture_executor.release_claims(self._run.batch_no, sha256s)

    async def _run_isolated(self) -> RunEnding:
        """Each picture alone in this process, and marked before: a crash is known to be its own."""
        while (ending := self._check_ending()) is None:
            next_item = await self._next_item()
            if next_item is None:
                return RunEnding.DONE
            with self._picture_executor.open_place(self._run.owner, self._turns) as place:
                data = await self._picture_executor.load_bytes(self._run.batch_no, next_item, place)
                # Alone means the whole process: no other picture may be blamed for its end.
                async with self._picture_executor.analysis_lock.write():
                    answer = await self._analyze_isolated(next_item, data)
                    outcome = ItemOutcome(next_item.seq, answer, source_key(next_item))
                    if not await self._commit([outcome], mark_progress=True):
                        return RunEnding.DONE
        return ending

    async def _analyze_isolated(
        self, list_item: Item, data: bytes | Failure
    ) -> PictureRecord | Failure:
        if isinstance(data, Failure):
            return data
        write = self._database.write
        if not await self._picture_executor.run_db(
            write, lambda c: chunks.mark_analyzing(c, self._run, list_item.seq)
        ):
            return crash_failure()
        return await self._picture_executor.analyze_locked(self._run, list_item.seq, data)

    def _check_ending(self) -> RunEnding | None:
        if self._is_stopping():
            return RunEnding.STOPPED
        return RunEnding.YIELDED if time.monotonic() > self._deadline else None

    async def _start_next(self, tasks: set[asyncio.Task[list[ItemOutcome]]]) -> bool:
        """Start the work on one more item; whether there was one."""
        next_item = await self._next_item()
        if next_item is None:
            return False
        key = source_key(next_item)
        if key is not None and key in self._answers_by_source:
            self._uncommitted.append(ItemOutcome(next_item.seq, self._answers_by_source[key], key))
        elif key is not None and key in self._waiting_seqs:
            self._waiting_seqs[key].append(next_item.seq)
        else:
            if key is not None:
                self._waiting_seqs[key] = []
            tasks.add(asyncio.create_task(self._process_item(next_item, key)))
        return True

    async def _process_item(self, list_item: Item, key: bytes | None) -> list[ItemOutcome]:
        """An item's answer, also for those that have waited for the same address."""
        try:
            with self._picture_executor.open_place(self._run.owner, self._turns) as place:
                answer = await self._analyze_item(list_item, place)
        except BaseException:
            if key is not None:
                self._waiting_seqs.pop(key, None)
            raise
        if key is None:
            return [ItemOutcome(list_item.seq, answer)]
        self._answers_by_source[key] = (
            answer.without_payload() if isinstance(answer, PictureRecord) else answer
        )
        return [
            ItemOutcome(seq, answer, key)
            for seq in (list_item.seq, *self._waiting_seqs.pop(key, ()))
        ]

    async def _analyze_item(self, list_item: Item, place: PicturePlace) -> PictureRecord | Failure:
        this_task = asyncio.current_task()
        assert this_task is not None
        if self._is_cancelled or self._is_stopping():
            raise asyncio.CancelledError
        self._loading[this_task] = place
        try:
            data = await self._picture_executor.load_bytes(self._run.batch_no, list_item, place)
        finally:
            self._loading.pop(this_task, None)
        if isinstance(data, Failure):
            return data
        return await self._picture_executor.analyze(self._run, list_item.seq, data)

    async def _next_item(self) -> Item | None:
        """The next item without a result."""
        if not self._page:
            run = self._run
            page_items = await self._picture_executor.run_db(
                _read_page,
                self._database,
                run.batch_no,
                self._next_seq,
                run.end,
                self._page_limit,
            )
            if not page_items:
                return None
            self._page_limit = min(2 * len(page_items), PAGE_ITEMS)
            self._page.extend(page_items)
            self._next_seq = page_items[-1].seq + 1
            keys = {key for each in page_items if (key := source_key(each)) is not None}
            known = await self._picture_executor.run_db(
                result_store.find_by_source,
                self._database,
                run.batch_no,
                sorted(keys - self._answers_by_source.keys()),
            )
            self._answers_by_source |= known
        return self._page.popleft()

    def _is_commit_due(self) -> bool:
        return (
            len(self._uncommitted) >= COMMIT_ITEMS
            or time.monotonic() - self._last_commit > COMMIT_S
        )

    async def _commit_pending(self) -> bool:
        """Commit the outcomes so far; whether the batch is still in progress."""
        outcomes, self._uncommitted = self._uncommitted, []
        return await self._commit(outcomes)

    async def _commit(self, outcomes: list[ItemOutcome], *, mark_progress: bool = False) -> bool:
        run = self._run
        status = await self._picture_executor.run_db(
            result_store.commit_outcomes, self._database, run, outcomes, mark_progress=mark_progress
        )
        self._last_commit = time.monotonic()
        self._release_claims(outcomes)
        failed = sum(isinstance(outcome.answer, Failure) for outcome in outcomes)
        self._picture_executor.count_items(len(outcomes) - failed, failed)
        return status is Status.IN_PROGRESS

    async def _fail_remaining(self, failure: Failure) -> RunEnding:
        """Fail what is left of the chunk, and analyze none of it."""
        while (next_item := await self._next_item()) is not None:
            self._uncommitted.append(ItemOutcome(next_item.seq, failure))
            if len(self._uncommitted) >= COMMIT_ITEMS and not await self._commit_pending():
                return RunEnding.DONE
        await self._commit_pending()
        return RunEnding.DONE


def _read_page(database: Database, batch_no: int, first: int, end: int, limit: int) -> list[Item]:
    """The next items without a result; what only exports and statistics need is left out."""
    pending = chunks.select_pending(batch_no, first, end)
    with database.reading() as c:
        sizes = c.scalars(pending.with_only_columns(database.text_bytes(items.c.item)).limit(limit))
        statement = pending.add_columns(items.c.item).limit(count_fitting(sizes, PAGE_BYTES))
        return [decode_item(row.seq, row.item, cells_too=False) for row in c.execute(statement)]
