"""Where pictures are fetched and looked at: one event loop beside a few threads, for all chunks.

Every picture takes a place from before it is fetched until it was looked at, so that there are
never more of them in memory than places. The examining threads live as long as the bench: what an
examiner keeps per thread is made once for each.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from typing import Any, Final, ParamSpec, TypeVar

from app.batches.store import result_store
from app.batches.store.database import Database
from app.batches.store.models import BatchTools, FetchFn
from app.errors import RequestError
from app.fetch.avatar_urls import fetch_with_fallback
from app.records import Failure, Item, PictureRecord

P = ParamSpec("P")
T = TypeVar("T")

MAX_CONCURRENT_FETCHES: Final = 16
"""Pictures that are being fetched at the same time."""

log = logging.getLogger("eyeline.jobs")


class PictureExecutor:
    """``workers`` threads that examine, and a loop that brings them pictures. Close it."""

    def __init__(self, database: Database, tools: BatchTools, workers: int) -> None:
        self.capacity = MAX_CONCURRENT_FETCHES + 2 * workers
        self._database = database
        self._tools = tools
        self._analysis_threads = ThreadPoolExecutor(workers, "eyeline-examine")
        self._database_threads = ThreadPoolExecutor(4, "eyeline-clerk")
        self._claims: dict[tuple[int, str], Future[PictureRecord | Failure]] = {}
        self._claims_lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._ready: Future[None] = Future()
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._run_loop, name="eyeline-bench", daemon=True)
        self._thread.start()
        self._ready.result()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """``work`` on the loop; the calling thread waits."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def run_db(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """``work`` that talks to the database, beside the loop."""
        return await self._loop.run_in_executor(
            self._database_threads, lambda: function(*args, **kwargs)
        )

    @asynccontextmanager
    async def reserve_slot(self) -> AsyncIterator[None]:
        """Room for one picture in memory."""
        async with self._slots:
            yield

    async def load_bytes(self, batch_no: int, item: Item) -> bytes | Failure:
        """The bytes of a picture: those that came with the list, or fetched."""
        if item.url is None:
            data = await self.run_db(result_store.read_payload, self._database, batch_no, item.seq)
            return data if data is not None else _payload_gone_failure()
        try:
            async with self._fetch_slots:
                return await fetch_with_fallback(self._fetch, item.url, item.fallback_url)
        except RequestError as error:
            return failure_from_error(error)
        except Exception:
            log.exception("an item could not be fetched: batch %d, item %d", batch_no, item.seq)
            return _internal_failure()

    async def analyze(
        self, batch_no: int, seq: int, data: bytes, prior: float
    ) -> PictureRecord | Failure:
        """What is to be said of a picture; nobody looks at anything alone meanwhile."""
        async with self.analysis_lock.read():
            return await self.analyze_locked(batch_no, seq, data, prior)

    async def analyze_locked(
        self, batch_no: int, seq: int, data: bytes, prior: float
    ) -> PictureRecord | Failure:
        """The same for whoever holds the gate."""
        return await self._loop.run_in_executor(
            self._analysis_threads, self._analyze_once, batch_no, seq, data, prior
        )

    def release_claims(self, batch_no: int, sha256s: set[str]) -> None:
        """Pictures that lie in the database now, where everybody finds them."""
        with self._claims_lock:
            for each in sha256s:
                self._claims.pop((batch_no, each), None)

    def close(self) -> None:
        """Only when no chunk is being worked on any more."""
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()
        self._analysis_threads.shutdown(cancel_futures=True)
        self._database_threads.shutdown()

    def _analyze_once(
        self, batch_no: int, seq: int, data: bytes, prior: float
    ) -> PictureRecord | Failure:
        """The same bytes are looked at once: by whoever comes first, the others wait for that."""
        key = batch_no, sha256(data).hexdigest()
        with self._claims_lock:
            other_future = self._claims.get(key)
            if other_future is None:
                own_future = self._claims[key] = Future()
        if other_future is not None:
            return other_future.result()
        try:
            answer = result_store.find_picture(self._database, *key) or self._analyze_bytes(
                key, seq, data, prior
            )
        except BaseException:
            self.release_claims(batch_no, {key[1]})
            own_future.set_result(_internal_failure())
            raise
        own_future.set_result(answer)
        if isinstance(answer, Failure) or not answer.analysis:
            self.release_claims(batch_no, {key[1]})
        return answer

    def _analyze_bytes(
        self, key: tuple[int, str], seq: int, data: bytes, prior: float
    ) -> PictureRecord | Failure:
        try:
            return self._tools.analyze(data, prior, key[1])
        except RequestError as error:
            return failure_from_error(error)
        except Exception:
            log.exception("an item could not be examined: batch %d, item %d", key[0], seq)
            return _internal_failure()

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
        self._slots = asyncio.Semaphore(self.capacity)
        self._fetch_slots = asyncio.Semaphore(MAX_CONCURRENT_FETCHES)
        async with AsyncExitStack() as stack:
            self._fetch: FetchFn = await stack.enter_async_context(self._tools.open_fetch())
            self._ready.set_result(None)
            await self._closing.wait()


class SharedLock:
    """Many may pass together, or one alone; whoever wants to be alone is let through next."""

    def __init__(self) -> None:
        self._readers = 0
        self._is_writing = False
        self._waiting_writers = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[None]:
        async with self._changed:
            await self._changed.wait_for(lambda: not self._is_writing and not self._waiting_writers)
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
                await self._changed.wait_for(lambda: not self._is_writing and not self._readers)
                self._is_writing = True
        finally:
            self._waiting_writers -= 1
        try:
            yield
        finally:
            self._is_writing = False
            await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def failure_from_error(error: RequestError) -> Failure:
    """An error of the picture or its address, as it is kept."""
    return Failure(error.code, error.title, error.detail, error.retryable)


def _internal_failure() -> Failure:
    """A fault of ours costs an item, not the list."""
    return Failure(
        "internal",
        "Something went wrong here",
        "the fault is not the picture's; its cause is in the service's log: try it again later",
        retryable=True,
    )


def _payload_gone_failure() -> Failure:
    return Failure(
        "payload_gone",
        "The picture is not kept any more",
        "pictures that came with a list are erased once they were looked at: send the list again",
    )
