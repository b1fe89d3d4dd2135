"""How long a connection may keep the service waiting.

uvicorn bounds how long a connection may idle once it was answered, and nothing else: who sends a
header every few seconds, or none at all, would hold a connection for ever, and so would who never
reads what was asked for. Here a request's head must be whole ``head_timeout_s`` after its first
byte (or after the connection opened), an answer must be taken on within ``stall_timeout_s``, and
of more than ``max_waiting`` connections that still owe a head, the oldest make room for the
newest: a crowd of them shuts nobody out.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

HEAD_TIMEOUT_S: Final = 10.0
STALL_TIMEOUT_S: Final = 60.0
MAX_WAITING: Final = 512
MAX_HEAD_BYTES: Final = 32_768

_WaitingConnections = OrderedDict["Connection", None]
_waiting_by_loop: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _WaitingConnections]] = (
    WeakKeyDictionary()
)


class Connection(H11Protocol):
    """uvicorn's HTTP/1.1, with deadlines."""

    head_timeout_s: float = HEAD_TIMEOUT_S
    stall_timeout_s: float = STALL_TIMEOUT_S
    max_waiting: int = MAX_WAITING
    _head_timer: asyncio.TimerHandle | None = None
    _stall_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_head_timer()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing() or self._is_responding():
            self._stop_head_timer()
        elif not self._is_idle():
            self._start_head_timer()
        else:  # the rest of a body that was refused has arrived
            self._stop_head_timer()
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        self._stop_stall_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stop_stall_timer()
        self._stall_timer = self.loop.call_later(self.stall_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_stall_timer()
        super().resume_writing()

    def _is_responding(self) -> bool:
        """Whether a whole head has arrived and its answer is not out yet."""
        cycle = self._last_cycle()
        return cycle is not None and not cycle.response_complete

    def _is_idle(self) -> bool:
        """Whether nothing of a request has arrived since the last answer."""
        if self._last_cycle() is None or self.conn.their_state is not h11.IDLE:
            return False
        return not self.conn.trailing_data[0]

    def _last_cycle(self) -> RequestResponseCycle | None:
        """Whatever its type says, uvicorn has none before the first request."""
        return self.cycle

    def _start_head_timer(self) -> None:
        """Something is owed: the deadline runs from the first call on."""
        if self._head_timer is not None:
            return
        waiting = _waiting_by_loop.setdefault(self.loop, OrderedDict())
        waiting[self] = None
        self._head_timer = self.loop.call_later(self.head_timeout_s, self._abort)
        while len(waiting) > self.max_waiting:
            next(iter(waiting))._abort()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
            _waiting_by_loop[self.loop].pop(self, None)

    def _abort(self) -> None:
        self._stop_head_timer()
        self.transport.abort()

    def _stop_stall_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None


def uvicorn_options() -> dict[str, Any]:
    """For uvicorn."""
    return {
        "http": cast(type[asyncio.Protocol], Connection),
        "ws": "none",
        "h11_max_incomplete_event_size": MAX_HEAD_BYTES,
        "proxy_headers": False,
        "server_header": False,
    }
