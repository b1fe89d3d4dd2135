"""Fetches and analyzes pictures for all chunks: an event loop and a few threads.

Every picture holds a place until its analysis ends, which bounds the pictures in memory; it takes
it when its host lets it be fetched, so that those that wait for a slow host hold up nobody. Owners
share the places and the analysis threads, whatever each of them has at work. The threads live as
long as the executor: what an analyzer keeps per thread is made once for each.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from hashlib import sha256
from typing import Any, Final, ParamSpec, TypeVar

from app.batches.execution.chunks import ChunkRun
from app.batches.execution.drawing_budget import DrawingBudget
from app.batches.execution.failures import (
    failure_from_error,
    internal_failure,
    payload_gone_failure,
)
from app.batches.store import result_store
from app.batches.store.database import Database
from app.batches.store.models import BatchTools, FetchFn
from app.errors import RequestError
from app.fair_places import FairPlaces
from app.fetch.avatar_urls import fetch_with_fallback
from app.fetch.rate_limit import fetch_place_var
from app.records import Failure, Item, PictureRecord

P = ParamSpec("P")
T = TypeVar("T")

MAX_CONCURRENT_FETCHES: Final = 16
"""Pictures of one owner fetched at the same time."""
SPARE_PLACES: Final = 4
"""Places beside those that one owner may have: the next one begins at once."""
HEAD_START_PICTURES: Final = 32
"""Pictures that an owner has analyzed before others' after a pause, if these had so many meanwhile.
"""
MAX_WAITING_ITEMS: Final = 64
"""Items of a chunk that may wait for their hosts beside those that are fetched or analyzed."""

log = logging.getLogger("eyeline.jobs")


class PictureExecutor:
    """``workers`` analysis threads, and a loop that fetches pictures for them. Close it."""

    def __init__(self, database: Database, tools: BatchTools, workers: int) -> None:
        self._workers = workers
        self.capacity = MAX_CONCURRENT_FETCHES + 2 * workers  # of one owner
        self.max_tasks = self.capacity + MAX_WAITING_ITEMS
        self._database = database
        self._tools = tools
        self._analysis_threads = ThreadPoolExecutor(workers, "eyeline-analyze")
        self._database_threads = ThreadPoolExecutor(4, "eyeline-database")
        self._drawing_budget = DrawingBudget(database)
        self._claims: dict[tuple[int, str], Future[PictureRecord | Failure]] = {}
        self._claims_lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._ready: Future[None] = Future()
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._run_loop, name="eyeline-pictures", daemon=True)
        self._thread.start()
        self._ready.result()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run ``coroutine`` on the loop; the calling thread waits."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def run_db(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function``, which uses the database, on a thread beside the loop."""
        return await self._loop.run_in_executor(
            self._database_threads, lambda: function(*args, **kwargs)
        )

    @contextmanager
    def open_place(self, owner: str, turns: asyncio.Semaphore) -> Iterator[PicturePlace]:
        """A place for one picture in memory, which is not taken yet; given back in the end.

        ``turns``: of its chunk, which has no more pictures in the line for places.
        """
        place = PicturePlace(owner, turns, self._slots, self._fetch_slots)
        try:
            yield place
        finally:
            place.release()

    async def load_bytes(self, batch_no: int, item: Item, place: PicturePlace) -> bytes | Failure:
        """The bytes of a picture: uploaded with the list, or fetched. Takes ``place``."""
        if item.url is None:
            await place.take()
            place.end_fetch()
            data = await self.run_db(result_store.read_payload, self._database, batch_no, item.seq)
            return data if data is not None else payload_gone_failure()
        fetch_place_var.set(place)
        try:
            data = await fetch_with_fallback(self._fetch, item.url, item.fallback_url)
            await place.take()  # in case that whatever fetches takes none
            return data
        except RequestError as error:
            return failure_from_error(error)
        except Exception:
            log.exception("an item could not be fetched: batch %d, item %d", batch_no, item.seq)
            return internal_failure()
        finally:
            place.end_fetch()

    async def analyze(self, run: ChunkRun, seq: int, data: bytes) -> PictureRecord | Failure:
        """Analyze a picture, beside others; never beside one that is analyzed alone."""
        # Whoever is alone takes no place, so that those who hold one may wait for its end.
        async with self._analysis_places.place(run.owner), self.analysis_lock.read():
            return await self.analyze_locked(run, seq, data)

    async def analyze_locked(self, run: ChunkRun, seq: int, data: bytes) -> PictureRecord | Failure:
        """Analyze a picture; the caller holds the gate."""
        return await self._loop.run_in_executor(
            self._analysis_threads, self._analyze_once, run, seq, data
        )

    def count_items(self, completed: int, failed: int) -> None:
        """Of results that were just stored."""
        self._tools.count_items(completed, failed)

    def release_claims(self, batch_no: int, sha256s: set[str]) -> None:
        """Forget pictures that are stored by now: everybody finds them in the database."""
        with self._claims_lock:
            for each in sha256s:
                self._claims.pop((batch_no, each), None)

    def close(self) -> None:
        """Call it once no chunk is in progress."""
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()
        self._analysis_threads.shutdown(cancel_futures=True)
        self._database_threads.shutdown()

    def _analyze_once(self, run: ChunkRun, seq: int, data: bytes) -> PictureRecord | Failure:
        """Equal bytes are analyzed once, for the first caller; the others wait for its answer."""
        key = run.batch_no, sha256(data).hexdigest()
        with self._claims_lock:
            other_future = self._claims.get(key)
            if other_future is None:
                own_future = self._claims[key] = Future()
        if other_future is not None:
            return other_future.result()
        try:
            answer = result_store.find_picture(self._database, *key) or self._analyze_bytes(
                run, seq, data, key[1]
            )
        except BaseException:
            self.release_claims(run.batch_no, {key[1]})
            own_future.set_result(internal_failure())
            raise
        own_future.set_result(answer)
        if isinstance(answer, Failure) or not answer.analysis:
            self.release_claims(run.batch_no, {key[1]})
        return answer

    def _analyze_bytes(
        self, run: ChunkRun, seq: int, data: bytes, digest: str
    ) -> PictureRecord | Failure:
        batch_no = run.batch_no
        try:
            scope = self._drawing_budget.scope(batch_no)
            record = self._tools.analyze(data, run.prior, run.base_rate, digest, scope)
            self._drawing_budget.charge(batch_no, record)
            return record
        except RequestError as error:
            return failure_from_error(error)
        except Exception:
            log.exception("an item could not be examined: batch %d, item %d", batch_no, seq)
            return internal_failure()

    def _run_loop(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._serve_until_closed())
        except Exception as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    async def _serve_until_closed(self) -> None:
        self.analysis_lock = SharedLock()
        self._analysis_places = FairPlaces(self._workers, ahead=HEAD_START_PICTURES)
        self._slots = FairPlaces(self.capacity + SPARE_PLACES, self.capacity)
        self._fetch_slots = FairPlaces(
            MAX_CONCURRENT_FETCHES + SPARE_PLACES, MAX_CONCURRENT_FETCHES
        )
        async with AsyncExitStack() as stack:
            self._fetch: FetchFn = await stack.enter_async_context(self._tools.open_fetch())
            self._ready.set_result(None)
            await self._closing.wait()


class PicturePlace:
    """One picture's place in memory, and its place among those being fetched.

    ``is_due``: its host and its chunk let it be fetched, so it is in line, or has its place.
    """

    def __init__(
        self, owner: str, turns: asyncio.Semaphore, slots: FairPlaces, fetch_slots: FairPlaces
    ) -> None:
        self._owner = owner
        self._turns, self._slots, self._fetch_slots = turns, slots, fetch_slots
        self._is_fetching = self._is_taken = False
        self.is_due = False

    async def take(self) -> None:
        """Wait for all of them; once they are taken, this returns at once."""
        if self._is_taken:
            return
        await self._turns.acquire()
        self.is_due = True
        await self._fetch_slots.acquire(self._owner)
        self._is_fetching = True
        await self._slots.acquire(self._owner)
        self._is_taken = True

    def end_fetch(self) -> None:
        """Somebody else may fetch; the place in memory stays."""
        if self._is_fetching:
            self._is_fetching = False
            self._fetch_slots.release(self._owner)

    def release(self) -> None:
        """Give back what was taken."""
        self.end_fetch()
        if self._is_taken:
            self._is_taken = False
            self._slots.release(self._owner)
        if self.is_due:
            self.is_due = False
            self._turns.release()


class SharedLock:
    """Many pass together, or one alone; one that wants to be alone goes next.

    Behind it go those who have waited for its end: neither kind can shut out the other.
    """

    def __init__(self) -> None:
        self._readers = self._waiting_readers = self._due_readers = 0
        self._is_writing = False
        self._waiting_writers = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[None]:
        async with self._changed:
            self._waiting_readers += 1
            try:
                await self._changed.wait_for(self._may_read)
            finally:
                self._waiting_readers -= 1
                self._due_readers = max(0, self._due_readers - 1)
                self._changed.notify_all()
            self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1
            await self._notify()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[None]:
        self._waiting_writers += 1
        try:
            async with self._changed:
                await self._changed.wait_for(self._may_write)
                self._is_writing = True
        finally:
            self._waiting_writers -= 1
        try:
            yield
        finally:
            self._is_writing = False
            self._due_readers = self._waiting_readers
            await self._notify()

    def _may_read(self) -> bool:
        return not self._is_writing and (not self._waiting_writers or self._due_readers > 0)

    def _may_write(self) -> bool:
        return not (self._is_writing or self._readers or self._due_readers)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()
