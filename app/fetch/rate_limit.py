"""Limits on concurrent requests and on the request rate for each host. For one event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Protocol

MAX_COOLDOWN_HOSTS: Final = 10_000


class FetchPlace(Protocol):
    """Room for one body in memory, which this process has few of."""

    async def take(self) -> None:
        """Wait for the place; once it is taken, again at no cost."""


fetch_place_var: ContextVar[FetchPlace | None] = ContextVar("fetch_place_var", default=None)
"""The place that this task takes once its host lets it, and not before."""
cooldown_owner_var: ContextVar[str] = ContextVar("cooldown_owner_var", default="")
"""For whom this task fetches: what a host answers one owner silences it for no other."""


def cooldown_key(host: str, port: int | None) -> str:
    """The key of a host and port in ``HostCooldowns``, for the owner of this task."""
    return f"{host}:{port} {cooldown_owner_var.get()}"


class HostCooldowns:
    """Until when each host gets no requests. Shared by all fetchers of a process; thread-safe.

    Keys are of ``cooldown_key``. At most ``max_hosts`` are kept; beyond that the oldest is dropped.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, max_hosts: int = MAX_COOLDOWN_HOSTS
    ) -> None:
        self._clock = clock
        self._max_hosts = max_hosts
        self._until: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def start(self, host: str, seconds: float) -> None:
        """Send ``host`` no requests for ``seconds``; a longer cooldown is not shortened."""
        until = self._clock() + seconds
        with self._lock:
            self._until[host] = max(until, self._until.pop(host, until))
            while len(self._until) > self._max_hosts:
                self._until.popitem(last=False)

    def remaining_s(self, host: str) -> float:
        """How long the cooldown of ``host`` still lasts, s; 0 if there is none."""
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
"""Hosts whose request rate is tracked; beyond that the least recently used is dropped."""


@dataclass
class _SlotPool:
    semaphore: asyncio.Semaphore
    users: int = 0


class KeyedSemaphore:
    """At most ``max_per_key`` holders of each key, first come first served."""

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
    """For each host ``max_concurrent`` requests at once, and ``max_per_s`` started per second.

    The first ``max_concurrent`` may start together.
    """

    def __init__(
        self, max_concurrent: int, max_per_s: float, max_hosts: int = MAX_PACED_HOSTS
    ) -> None:
        self._slots = KeyedSemaphore(max_concurrent)
        self._interval_s = 1.0 / max_per_s
        self._burst_s = max_concurrent * self._interval_s  # the first may start together
        self._max_hosts = max_hosts
        self._next_start_s: OrderedDict[str, float] = OrderedDict()

    @asynccontextmanager
    async def slot(self, host: str, *, paced: bool) -> AsyncIterator[None]:
        """Holds one of the host's slots, once one is free and, if ``paced``, the rate allows it."""
        await self._slots.acquire(host)
        try:
            if paced:
                await asyncio.sleep(self._reserve_start(host))
            yield
        finally:
            self._slots.release(host)

    def _reserve_start(self, host: str) -> float:
        """Reserves the next start time for ``host``; how long to wait for it, s."""
        now = asyncio.get_running_loop().time()
        due = max(self._next_start_s.pop(host, now), now)
        self._next_start_s[host] = due + self._interval_s
        while len(self._next_start_s) > self._max_hosts:
            self._next_start_s.popitem(last=False)
        return max(due - self._burst_s - now, 0.0)

    def __len__(self) -> int:
        return len(self._slots) + len(self._next_start_s)
