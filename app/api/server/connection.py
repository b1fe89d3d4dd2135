"""HTTP/1.1 connections with deadlines and limits, on uvicorn's httptools protocol.

uvicorn bounds how long an answered connection may idle, and nothing else. Here the head of a
request must be complete ``head_timeout_s`` after its first byte (or after the connection opened),
an answer must be taken within ``stall_timeout_s``, and a body that is refused ends the connection.
The bytes of one connection are parsed in small pieces, one a turn of the event loop, so that a body
in one-byte chunks delays nobody else. Of more than ``max_waiting`` connections that owe a head, the
oldest are closed; of more than ``max_connections``, the longest idle of the address with the most.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from functools import partial
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEAD_TIMEOUT_S: Final = 10.0
STALL_TIMEOUT_S: Final = 60.0
LINGER_S: Final = 1.0
"""After a refused body its sender may read the answer; what it still sends is dropped unparsed."""
MAX_WAITING: Final = 512
MAX_CONNECTIONS: Final = 4_096
MAX_HEAD_BYTES: Final = 32_768
MIN_PIECE_BYTES: Final = 512
MAX_PIECE_BYTES: Final = 65_536
MAX_PIECE_CHUNKS: Final = 100
"""Parsed in a turn: the pieces of a body become smaller while they hold more chunks than that."""
MIN_CHUNK_BYTES: Final = 16
FREE_CHUNKS: Final = 512
"""A body of more chunks than that must have chunks of ``MIN_CHUNK_BYTES`` on average."""


class _Connections:
    """Those of one event loop, oldest first: ``waiting`` owe a head, ``idle`` were answered."""

    def __init__(self) -> None:
        self.waiting: OrderedDict[Connection, None] = OrderedDict()
        self.idle: OrderedDict[Connection, None] = OrderedDict()

    def longest_idle(self) -> Connection | None:
        """The longest idle connection of the address that has the most."""
        by_address = Counter(each.address for each in self.idle)
        if not by_address:
            return None
        ((address, _),) = by_address.most_common(1)
        return next(each for each in self.idle if each.address == address)


_by_loop: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _Connections]] = WeakKeyDictionary()


class _PiecewiseFlow(FlowControl):
    """Reading stays paused while bytes that were read have not been parsed."""

    has_pending = False

    def resume_reading(self) -> None:
        if not self.has_pending:
            super().resume_reading()


class _CycleTransport:
    """The transport as an answer sees it: closing it lets the other side read the answer first."""

    def __init__(self, connection: Connection, cycle: RequestResponseCycle) -> None:
        self._connection, self._cycle = connection, cycle

    def write(self, data: bytes) -> None:
        self._connection.transport.write(data)

    def is_closing(self) -> bool:
        return self._connection.transport.is_closing()

    def close(self) -> None:
        self._connection.close_after_answer(is_read=not self._cycle.more_body)


class Connection(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, with deadlines and limits."""

    head_timeout_s: float = HEAD_TIMEOUT_S
    stall_timeout_s: float = STALL_TIMEOUT_S
    max_waiting: int = MAX_WAITING
    max_connections: int = MAX_CONNECTIONS
    address: str = ""
    _head_timer: asyncio.TimerHandle | None = None
    _stall_timer: asyncio.TimerHandle | None = None
    _is_in_head = False
    _is_lingering = False
    _head_bytes = 0
    _chunk_count = 0
    _body_bytes = 0
    _piece_bytes = 4_096

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = self._flow = _PiecewiseFlow(transport)
        self._pending = bytearray()
        self._registry = _by_loop.setdefault(self.loop, _Connections())
        self.address = self.client[0] if self.client else ""
        self._start_head_timer()
        self._make_room()

    def data_received(self, data: bytes) -> None:
        if self._is_lingering:
            return
        self._unset_keepalive_if_required()
        self._registry.idle.pop(self, None)
        self._pending += data
        if not self._flow.has_pending:
            self._parse_piece()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        self._stop_stall_timer()
        self._registry.idle.pop(self, None)
        self._pending.clear()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stop_stall_timer()
        self._stall_timer = self.loop.call_later(self.stall_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_stall_timer()
        super().resume_writing()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0
        self._chunk_count = self._body_bytes = 0

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            raise ValueError("a request names one Host")  # the parser makes it a 400
        super().on_headers_complete()
        cycle = self.cycle
        cycle.transport = cast(asyncio.Transport, _CycleTransport(self, cycle))
        cycle.send = partial(_send_and_close_if_unread, cycle)  # type: ignore[method-assign]

    def on_body(self, body: bytes) -> None:
        self._chunk_count += 1
        self._body_bytes += len(body)
        if self._chunk_count > FREE_CHUNKS and (
            self._body_bytes < MIN_CHUNK_BYTES * self._chunk_count
        ):
            raise ValueError("the chunks of this body are too small")
        super().on_body(body)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_lingering or self.transport.is_closing():
            self._unset_keepalive_if_required()
        elif not self.pipeline:
            self._track_state()
            if self._pending:
                self._schedule_piece()

    def send_400_response(self, msg: str) -> None:
        if not self._is_responding():
            super().send_400_response(msg)
            return
        # An answer may be under way: another must not be mixed into it. The request ends now; its
        # sender can begin the next only after a while.
        self._is_lingering = self._flow.has_pending = True
        self._pending.clear()
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        self.flow.pause_reading()
        self.loop.call_later(LINGER_S, self.transport.abort)

    def close_after_answer(self, *, is_read: bool) -> None:
        """Close, at once if the whole request was read, else when its sender could read this."""
        if is_read or self.transport.is_closing():
            self.transport.close()
            return
        self._is_lingering = True
        self._pending.clear()
        self._flow.has_pending = False
        self._stop_head_timer()
        self.transport.write_eof()
        self.flow.resume_reading()
        self.loop.call_later(LINGER_S, self.transport.abort)

    def _parse_piece(self) -> None:
        piece = bytes(self._pending[: self._piece_bytes])
        del self._pending[: self._piece_bytes]
        chunks_before = self._chunk_count
        super().data_received(piece)
        is_dense = self._chunk_count - chunks_before > MAX_PIECE_CHUNKS
        factor = 0.5 if is_dense else 2
        self._piece_bytes = int(
            min(max(factor * self._piece_bytes, MIN_PIECE_BYTES), MAX_PIECE_BYTES)
        )
        if self.transport.is_closing() or self._is_lingering:
            self._stop_head_timer()
            return
        if self._is_in_head:
            self._head_bytes += len(piece)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.send_400_response("The head of this request is too large.")
                return
        self._track_state()
        if not self._pending:
            self._resume_after_pieces()
        elif not self.pipeline:
            self._schedule_piece()
        else:  # on_response_complete goes on
            self._flow.has_pending = True
            self.flow.pause_reading()

    def _schedule_piece(self) -> None:
        self._flow.has_pending = True
        self.flow.pause_reading()
        self.loop.call_soon(self._parse_scheduled)

    def _parse_scheduled(self) -> None:
        if self._pending and not self.transport.is_closing():
            self._parse_piece()

    def _resume_after_pieces(self) -> None:
        self._flow.has_pending = False
        body = self.cycle.body if self._last_cycle() is not None else b""
        if not self.pipeline and len(body) <= HIGH_WATER_LIMIT:
            self.flow.resume_reading()

    def _track_state(self) -> None:
        """Whether this connection is busy, owes the rest of a head, or is idle."""
        if self._is_responding():
            self._stop_head_timer()
        elif self._is_in_head or self._last_cycle() is None or self._pending:
            self._start_head_timer()
        else:
            self._stop_head_timer()
            self._registry.idle[self] = None

    def _is_responding(self) -> bool:
        """Whether a whole head has arrived and its answer is not complete."""
        cycle = self._last_cycle()
        return cycle is not None and not cycle.response_complete

    def _last_cycle(self) -> RequestResponseCycle | None:
        """Contrary to its type, there is none before the first request."""
        return self.cycle

    def _start_head_timer(self) -> None:
        """The deadline runs from the first call on."""
        if self._head_timer is not None:
            return
        waiting = self._registry.waiting
        waiting[self] = None
        self._head_timer = self.loop.call_later(self.head_timeout_s, self._abort)
        while len(waiting) > self.max_waiting:
            next(iter(waiting))._abort()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
            self._registry.waiting.pop(self, None)

    def _make_room(self) -> None:
        """Beyond the limit: close the longest idle, else who owes a head longest, else this."""
        if len(self.connections) <= self.max_connections:
            return
        evicted = self._registry.longest_idle() or next(iter(self._registry.waiting), self)
        self._registry.idle.pop(evicted, None)
        evicted._abort()

    def _abort(self) -> None:
        self._stop_head_timer()
        self.connections.discard(self)
        self.transport.abort()

    def _stop_stall_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None


async def _send_and_close_if_unread(cycle: RequestResponseCycle, message: Any) -> None:
    """An answer that begins before the whole request has arrived ends the connection."""
    if message["type"] == "http.response.start" and cycle.more_body:
        cycle.keep_alive = False
    await RequestResponseCycle.send(cycle, message)
