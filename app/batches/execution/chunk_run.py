"""The work on one chunk: bring, look, commit in pieces, until it is done or has to make way."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from app.batches.execution import chunks
from app.batches.execution.chunks import Begun
from app.batches.execution.picture_pool import Bench
from app.batches.store import result_store
from app.batches.store.database import Database
from app.batches.store.models import Status
from app.batches.store.result_store import Looked, Picture
from app.batches.store.row_codec import item, source_key
from app.batches.store.tables import items
from app.records import Failure, Item

PIECE: Final = 64
PIECE_S: Final = 2.0
"""A piece is committed when it holds so many items, or is so old."""
SLICE_S: Final = 15.0
"""After so long a chunk goes to the end of the queue: others wait, and its hosts may be slow."""
PAGE: Final = 256


class Ending(Enum):
    """How a run of a chunk ends."""

    DONE = auto()
    """Every item has a result, or the batch wants no more."""
    TURN = auto()
    """Others are to have their turn first."""
    STOPPED = auto()
    """The process is about to end."""


class Run:
    """One run of a chunk, on the bench's loop. ``stopping``: says whether the process ends."""

    def __init__(
        self, bench: Bench, database: Database, begun: Begun, stopping: Callable[[], bool]
    ) -> None:
        self._bench = bench
        self._database = database
        self._begun = begun
        self._stopping = stopping
        self._until = time.monotonic() + SLICE_S
        self._page: deque[Item] = deque()
        self._next = begun.first
        self._settled: dict[bytes, Picture | Failure] = {}
        self._followers: dict[bytes, list[int]] = {}
        self._pile: list[Looked] = []
        self._committed = time.monotonic()
        self._bringing: set[asyncio.Task[list[Looked]]] = set()
        self._over = False

    async def __call__(self) -> Ending:
        if self._begun.worn_out:
            return await self._give_up()
        return await (self._one_by_one() if self._begun.careful else self._together())

    async def _together(self) -> Ending:
        """As many pictures on their way as there are places."""
        tasks: set[asyncio.Task[list[Looked]]] = set()
        ending = None
        try:
            while True:
                while ending is None and len(tasks) < self._bench.places:
                    ending = self._ending()
                    if ending is None and not await self._start(tasks):
                        ending = Ending.DONE
                if ending is Ending.STOPPED:
                    for task in self._bringing:
                        task.cancel()
                if not tasks:
                    break
                done, tasks = await asyncio.wait(
                    tasks, timeout=PIECE_S / 4, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    self._pile += [] if task.cancelled() else task.result()
                if self._due() and not await self._flush():
                    return Ending.DONE
                # Whoever is told to stop may have dropped what it had set out for: then not all
                # is done, even if nothing was left to set out for.
                ending = Ending.STOPPED if self._stopping() else ending or self._ending()
            await self._flush()
            return ending or Ending.DONE
        finally:
            await self._abandon(tasks)

    async def _abandon(self, tasks: set[asyncio.Task[list[Looked]]]) -> None:
        """What is on its way is dropped; what is being looked at is waited for, then dropped."""
        self._over = True
        for task in self._bringing:
            task.cancel()
        dropped = await asyncio.gather(*tasks, return_exceptions=True)
        for found in dropped:
            self._forget(found if isinstance(found, list) else [])
        self._forget(self._pile)

    def _forget(self, piece: list[Looked]) -> None:
        """Neither lies only in memory any more."""
        met = {each.answer.sha256 for each in piece if isinstance(each.answer, Picture)}
        self._bench.forget(self._begun.batch_no, met)

    async def _one_by_one(self) -> Ending:
        """Each alone in this process, and marked before: whatever kills it is known afterwards."""
        while (ending := self._ending()) is None:
            following = await self._following()
            if following is None:
                return Ending.DONE
            data = await self._bench.bring(self._begun.batch_no, following)
            # Alone means the whole process: no other picture may be there to be blamed for its end.
            async with self._bench.gate.alone():
                answer = await self._alone(following, data)
                looked = Looked(following.seq, answer, source_key(following))
                if not await self._commit([looked], forward=True):
                    return Ending.DONE
        return ending

    async def _alone(self, of: Item, data: bytes | Failure) -> Picture | Failure:
        if isinstance(data, Failure):
            return data
        mark = self._database.write
        if not await self._bench.clerk(mark, lambda c: chunks.look(c, self._begun, of.seq)):
            return _kills()
        return await self._bench.look_alone(self._begun.batch_no, of.seq, data, self._begun.prior)

    def _ending(self) -> Ending | None:
        if self._stopping():
            return Ending.STOPPED
        return Ending.TURN if time.monotonic() > self._until else None

    async def _start(self, tasks: set[asyncio.Task[list[Looked]]]) -> bool:
        """Set out for one more item; whether there was one."""
        following = await self._following()
        if following is None:
            return False
        key = source_key(following)
        if key is not None and key in self._settled:
            self._pile.append(Looked(following.seq, self._settled[key], key))
        elif key is not None and key in self._followers:
            self._followers[key].append(following.seq)
        else:
            if key is not None:
                self._followers[key] = []
            tasks.add(asyncio.create_task(self._item(following, key)))
        return True

    async def _item(self, of: Item, key: bytes | None) -> list[Looked]:
        """An item's answer, and the same for all that turned up at the same address meanwhile."""
        try:
            async with self._bench.place():
                answer = await self._answer(of)
        except BaseException:
            if key is not None:
                self._followers.pop(key, None)
            raise
        if key is None:
            return [Looked(of.seq, answer)]
        self._settled[key] = answer.kept() if isinstance(answer, Picture) else answer
        return [Looked(seq, answer, key) for seq in (of.seq, *self._followers.pop(key, ()))]

    async def _answer(self, of: Item) -> Picture | Failure:
        me = asyncio.current_task()
        assert me is not None
        if self._over or self._stopping():
            raise asyncio.CancelledError
        self._bringing.add(me)
        try:
            data = await self._bench.bring(self._begun.batch_no, of)
        finally:
            self._bringing.discard(me)
        if isinstance(data, Failure):
            return data
        return await self._bench.look(self._begun.batch_no, of.seq, data, self._begun.prior)

    async def _following(self) -> Item | None:
        """The next item without a result."""
        if not self._page:
            begun = self._begun
            found = await self._bench.clerk(
                _page, self._database, begun.batch_no, self._next, begun.end
            )
            if not found:
                return None
            self._page.extend(found)
            self._next = found[-1].seq + 1
            keys = {key for each in found if (key := source_key(each)) is not None}
            known = await self._bench.clerk(
                result_store.led_to,
                self._database,
                begun.batch_no,
                sorted(keys - self._settled.keys()),
            )
            self._settled |= known
        return self._page.popleft()

    def _due(self) -> bool:
        return len(self._pile) >= PIECE or time.monotonic() - self._committed > PIECE_S

    async def _flush(self) -> bool:
        """Commit what has come together; whether the batch wants more."""
        piece, self._pile = self._pile, []
        return await self._commit(piece)

    async def _commit(self, piece: list[Looked], *, forward: bool = False) -> bool:
        begun = self._begun
        status = await self._bench.clerk(
            result_store.commit, self._database, begun, piece, forward=forward
        )
        self._committed = time.monotonic()
        self._forget(piece)
        return status is Status.IN_PROGRESS

    async def _give_up(self) -> Ending:
        """A chunk under which process after process died, for no picture that could be found."""
        while (following := await self._following()) is not None:
            self._pile.append(Looked(following.seq, _worn_out()))
            if len(self._pile) >= PIECE and not await self._flush():
                return Ending.DONE
        await self._flush()
        return Ending.DONE


def _page(database: Database, batch_no: int, first: int, end: int) -> list[Item]:
    waiting = chunks.pending(batch_no, first, end).add_columns(items.c.item).limit(PAGE)
    with database.reading() as c:
        return [item(row.seq, row.item) for row in c.execute(waiting)]


def _kills() -> Failure:
    return Failure(
        "picture_kills",
        "This picture ends whatever looks at it",
        "the process that looked at it died, twice: it is left alone; tell whoever runs this",
    )


def _worn_out() -> Failure:
    return Failure(
        "internal",
        "Something went wrong here",
        "the processes that worked on this part of the list died, again and again: try it later",
        retryable=True,
    )
