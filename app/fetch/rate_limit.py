"""Whose turn it is: few at once for one key, and not too fast after another. For one event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

HOSTS: Final = 10_000


class Holds:
    """Until when each host is not asked. Shared by all fetchers of a process; thread-safe.

    At most ``most`` hosts are remembered: the one that was held first is forgotten first.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = HOSTS) -> None:
        self._clock = clock
        self._most = most
        self._until: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def hold(self, host: str, seconds: float) -> None:
        """Leave ``host`` alone for ``seconds``; a longer hold is not shortened."""
        until = self._clock() + seconds
        with self._lock:
            self._until[host] = max(until, self._until.pop(host, until))
            while len(self._until) > self._most:
                self._until.popitem(last=False)

    def left_s(self, host: str) -> float:
        """For how many seconds ``host`` is still to be left alone."""
        with self._lock:
            until = self._until.get(host)
            if until is None:
                return 0.0
            left = until - self._clock()
            if left <= 0.0:
                del self._until[host]
            return max(left, 0.0)

    def __len__(self) -> int:
        return len(self._until)


PACED: Final = 10_000
"""Hosts whose pace is remembered; the one that was asked longest ago is forgotten first."""


@dataclass
class _Place:
    free: asyncio.Semaphore
    users: int = 0


class Places:
    """At most ``each`` at once for one key, first come first served; idle keys are forgotten."""

    def __init__(self, each: int) -> None:
        self._each = each
        self._places: dict[str, _Place] = {}

    async def take(self, key: str) -> None:
        place = self._places.setdefault(key, _Place(asyncio.Semaphore(self._each)))
        place.users += 1
        try:
            await place.free.acquire()
        except BaseException:
            self._forget(key)
            raise

    def leave(self, key: str) -> None:
        self._places[key].free.release()
        self._forget(key)

    def _forget(self, key: str) -> None:
        self._places[key].users -= 1
        if not self._places[key].users:
            del self._places[key]

    def __len__(self) -> int:
        return len(self._places)


class Turns:
    """Requests to hosts: ``each`` at once, ``per_s`` begun a second after a first handful."""

    def __init__(self, each: int, per_s: float, most: int = PACED) -> None:
        self._places = Places(each)
        self._gap_s = 1.0 / per_s
        self._spare_s = each * self._gap_s  # so that a handful may begin together
        self._most = most
        self._next: OrderedDict[str, float] = OrderedDict()

    @asynccontextmanager
    async def turn(self, host: str, *, paced: bool) -> AsyncIterator[None]:
        """Holds a place at ``host``; waits for it, and for the pace where ``paced``."""
        await self._places.take(host)
        try:
            if paced:
                await asyncio.sleep(self._wait_s(host))
            yield
        finally:
            self._places.leave(host)

    def _wait_s(self, host: str) -> float:
        """How long to wait; books the next place in the row for whoever comes after."""
        now = asyncio.get_running_loop().time()
        due = max(self._next.pop(host, now), now)
        self._next[host] = due + self._gap_s
        while len(self._next) > self._most:
            self._next.popitem(last=False)
        return max(due - self._spare_s - now, 0.0)

    def __len__(self) -> int:
        return len(self._places) + len(self._next)
