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

from app.fair_places import FairPlaces

MAX_COOLDOWN_HOSTS: Final = 10_000


class FetchPlace(Protocol):
    """Room for one body in memory, which this process has few of."""

    async def take(self) -> None:
        """Wait for the place; once it is taken, again at no cost."""


fetch_place_var: ContextVar[FetchPlace | None] = ContextVar("fetch_place_var", default=None)
"""The place that this task takes once its host lets it, and not before."""
cooldown_owner_var: ContextVar[str] = ContextVar("cooldown_owner_var", default="")
"""For whom this task fetches: what a host answers one owner silences it for no other, and owners
share the places at a host."""


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
class _PlacePool:
    places: FairPlaces
    users: int = 0


class KeyedPlaces:
    """At most ``max_per_key`` holders of each key, which owners share.

    An owner is the one that a task fetches for, as ``cooldown_owner_var`` says.
    """

    def __init__(self, max_per_key: int) -> None:
        self._max_per_key = max_per_key
        self._pools: dict[str, _PlacePool] = {}

    @asynccontextmanager
    async def place(self, key: str) -> AsyncIterator[None]:
        """Hold one until the end of the block."""
        pool = self._pools.setdefault(key, _PlacePool(FairPlaces(self._max_per_key)))
        pool.users += 1
        try:
            async with pool.places.place(cooldown_owner_var.get()):
                yield
        finally:
            pool.users -= 1
            if not pool.users:
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
        self._places = KeyedPlaces(max_concurrent)
        self._interval_s = 1.0 / max_per_s
        self._burst_s = max_concurrent * self._interval_s  # the first may start together
        self._max_hosts = max_hosts
        self._next_start_s: OrderedDict[str, float] = OrderedDict()

    @asynccontextmanager
    async def slot(self, host: str, *, paced: bool) -> AsyncIterator[None]:
        """Hold one of the host's places, once one is free and, if ``paced``, the rate allows it."""
        async with self._places.place(host):
            if paced:
                await asyncio.sleep(self._reserve_start(host))
            yield

    def _reserve_start(self, host: str) -> float:
        """Reserves the next start time for ``host``; how long to wait for it, s."""
        now = asyncio.get_running_loop().time()
        due = max(self._next_start_s.pop(host, now), now)
        self._next_start_s[host] = due + self._interval_s
        while len(self._next_start_s) > self._max_hosts:
            self._next_start_s.popitem(last=False)
        return max(due - self._burst_s - now, 0.0)

    def __len__(self) -> int:
        return len(self._places) + len(self._next_start_s)
