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
from app.batches.store.models import Fetch, Tools
from app.batches.store.result_store import Picture
from app.errors import AvatarError
from app.fetch.avatar_urls import fetch_first
from app.records import Failure, Item

P = ParamSpec("P")
T = TypeVar("T")

FETCHES: Final = 16
"""Pictures that are being fetched at the same time."""

log = logging.getLogger("eyeline.jobs")


class Bench:
    """``workers`` threads that examine, and a loop that brings them pictures. Close it."""

    def __init__(self, database: Database, tools: Tools, workers: int) -> None:
        self.places = FETCHES + 2 * workers
        self._database = database
        self._tools = tools
        self._examiners = ThreadPoolExecutor(workers, "eyeline-examine")
        self._clerks = ThreadPoolExecutor(4, "eyeline-clerk")
        self._claims: dict[tuple[int, bytes], Future[Picture | Failure]] = {}
        self._claiming = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._ready: Future[None] = Future()
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._serve, name="eyeline-bench", daemon=True)
        self._thread.start()
        self._ready.result()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """``work`` on the loop; the calling thread waits."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def clerk(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """``work`` that talks to the database, beside the loop."""
        return await self._loop.run_in_executor(self._clerks, lambda: work(*args, **kwargs))

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Room for one picture in memory."""
        async with self._room:
            yield

    async def bring(self, batch_no: int, item: Item) -> bytes | Failure:
        """The bytes of a picture: those that came with the list, or fetched."""
        if item.url is None:
            data = await self.clerk(result_store.payload, self._database, batch_no, item.seq)
            return data if data is not None else _lost()
        try:
            async with self._fetching:
                return await fetch_first(self._fetch, item.url, item.fallback_url)
        except AvatarError as error:
            return failure_of(error)
        except Exception:
            log.exception("an item could not be fetched: batch %d, item %d", batch_no, item.seq)
            return _internal()

    async def look(self, batch_no: int, seq: int, data: bytes, prior: float) -> Picture | Failure:
        """What is to be said of a picture; nobody looks at anything alone meanwhile."""
        async with self.gate.shared():
            return await self.look_alone(batch_no, seq, data, prior)

    async def look_alone(
        self, batch_no: int, seq: int, data: bytes, prior: float
    ) -> Picture | Failure:
        """The same for whoever holds the gate."""
        return await self._loop.run_in_executor(
            self._examiners, self._look, batch_no, seq, data, prior
        )

    def forget(self, batch_no: int, sha256s: set[bytes]) -> None:
        """Pictures that lie in the database now, where everybody finds them."""
        with self._claiming:
            for each in sha256s:
                self._claims.pop((batch_no, each), None)

    def close(self) -> None:
        """Only when no chunk is being worked on any more."""
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()
        self._examiners.shutdown(cancel_futures=True)
        self._clerks.shutdown()

    def _look(self, batch_no: int, seq: int, data: bytes, prior: float) -> Picture | Failure:
        """The same bytes are looked at once: by whoever comes first, the others wait for that."""
        key = batch_no, sha256(data).digest()
        with self._claiming:
            claimed = self._claims.get(key)
            if claimed is None:
                mine = self._claims[key] = Future()
        if claimed is not None:
            return claimed.result()
        try:
            answer = result_store.known(self._database, *key) or self._examined(
                key, seq, data, prior
            )
        except BaseException:
            self.forget(batch_no, {key[1]})
            mine.set_result(_internal())
            raise
        mine.set_result(answer)
        if isinstance(answer, Failure) or answer.finding is None:
            self.forget(batch_no, {key[1]})
        return answer

    def _examined(
        self, key: tuple[int, bytes], seq: int, data: bytes, prior: float
    ) -> Picture | Failure:
        try:
            finding = self._tools.examine(data, prior)
        except AvatarError as error:
            return failure_of(error)
        except Exception:
            log.exception("an item could not be examined: batch %d, item %d", key[0], seq)
            return _internal()
        return Picture(key[1], finding.outcome, finding.verdict, finding.llr + 0.0, finding)

    def _serve(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._live())
        except Exception as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    async def _live(self) -> None:
        self.gate = Gate()
        self._room = asyncio.Semaphore(self.places)
        self._fetching = asyncio.Semaphore(FETCHES)
        async with AsyncExitStack() as stack:
            self._fetch: Fetch = await stack.enter_async_context(self._tools.open_fetch())
            self._ready.set_result(None)
            await self._closing.wait()


class Gate:
    """Many may pass together, or one alone; whoever wants to be alone is let through next."""

    def __init__(self) -> None:
        self._inside = 0
        self._alone = False
        self._waiting = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        async with self._changed:
            await self._changed.wait_for(lambda: not self._alone and not self._waiting)
            self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            await self._tell()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        self._waiting += 1
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: not self._alone and not self._inside)
                self._alone = True
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._alone = False
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def failure_of(error: AvatarError) -> Failure:
    """An error of the picture or its address, as it is kept."""
    return Failure(error.code, error.title, error.detail, error.retryable)


def _internal() -> Failure:
    """A fault of ours costs an item, not the list."""
    return Failure(
        "internal",
        "Something went wrong here",
        "the fault is not the picture's; its cause is in the service's log: try it again later",
        retryable=True,
    )


def _lost() -> Failure:
    return Failure(
        "payload_gone",
        "The picture is not kept any more",
        "pictures that came with a list are erased once they were looked at: send the list again",
    )
