"""Hosts that asked to be left alone for a while."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
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
