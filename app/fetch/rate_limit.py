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

MAX_COOLDOWN_HOSTS: Final = 10_000


class HostCooldowns:
    """Until when each host is not asked. Shared by all fetchers of a process; thread-safe.

    At most ``max_hosts`` hosts are remembered: the one that was held first is forgotten first.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, max_hosts: int = MAX_COOLDOWN_HOSTS
    ) -> None:
        self._clock = clock
        self._max_hosts = max_hosts
        self._until: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def start(self, host: str, seconds: float) -> None:
        """Leave ``host`` alone for ``seconds``; a longer hold is not shortened."""
        until = self._clock() + seconds
        with self._lock:
            self._until[host] = max(until, self._until.pop(host, until))
            while len(self._until) > self._max_hosts:
                self._until.popitem(last=False)

    def remaining_s(self, host: str) -> float:
        """For how many seconds ``host`` is still to be left alone."""
        with self._lock:
            until = self._until.get(host)
            if until is None:
                return 0.0
            remaining = until - self._clock()
            if remaining <= 0.0:
                del self._until[host]
            return max(remaining, 0.0)

    def __len__(self) -> int:
        return len(self._until)


MAX_PACED_HOSTS: Final = 10_000
"""Hosts whose pace is remembered; the one that was asked longest ago is forgotten first."""


@dataclass
class _SlotPool:
    semaphore: asyncio.Semaphore
    users: int = 0


class KeyedSemaphore:
    """At most ``each`` at once for one key, first come first served; idle keys are forgotten."""

    def __init__(self, max_per_key: int) -> None:
        self._max_per_key = max_per_key
        self._pools: dict[str, _SlotPool] = {}

    async def acquire(self, key: str) -> None:
        pool = self._pools.setdefault(key, _SlotPool(asyncio.Semaphore(self._max_per_key)))
        pool.users += 1
        try:
            await pool.semaphore.acquire()
        except BaseException:
            self._forget(key)
            raise

    def release(self, key: str) -> None:
        self._pools[key].semaphore.release()
        self._forget(key)

    def _forget(self, key: str) -> None:
        self._pools[key].users -= 1
        if not self._pools[key].users:
            del self._pools[key]

    def __len__(self) -> int:
        return len(self._pools)


class HostRateLimiter:
    """Requests to hosts: ``each`` at once, ``max_per_s`` begun a second after a first handful."""

    def __init__(
        self, max_concurrent: int, max_per_s: float, max_hosts: int = MAX_PACED_HOSTS
    ) -> None:
        self._slots = KeyedSemaphore(max_concurrent)
        self._interval_s = 1.0 / max_per_s
        self._burst_s = max_concurrent * self._interval_s  # so that a handful may begin together
        self._max_hosts = max_hosts
        self._next_start_s: OrderedDict[str, float] = OrderedDict()

    @asynccontextmanager
    async def slot(self, host: str, *, paced: bool) -> AsyncIterator[None]:
        """Holds a place at ``host``; waits for it, and for the pace where ``paced``."""
        await self._slots.acquire(host)
        try:
            if paced:
                await asyncio.sleep(self._reserve_start(host))
            yield
        finally:
            self._slots.release(host)

    def _reserve_start(self, host: str) -> float:
        """How long to wait; books the next place in the row for whoever comes after."""
        now = asyncio.get_running_loop().time()
        due = max(self._next_start_s.pop(host, now), now)
        self._next_start_s[host] = due + self._interval_s
        while len(self._next_start_s) > self._max_hosts:
            self._next_start_s.popitem(last=False)
        return max(due - self._burst_s - now, 0.0)

    def __len__(self) -> int:
        return len(self._slots) + len(self._next_start_s)
