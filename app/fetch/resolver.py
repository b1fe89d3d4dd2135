"""Looking up host names so that a slow one holds up nobody else.

``getaddrinfo`` cannot be cancelled: a name server that never answers keeps its thread for as long
as the machine's resolver is patient. So each look-up has a thread of its own that nobody waits for
beyond ``timeout_s``, not even the process when it ends; and the threads are counted, in all and
for one domain, whose owner could otherwise take them all by answering slowly.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

from aiohttp.abc import AbstractResolver, ResolveResult

from app.fetch.rate_limit import KeyedSemaphore

MAX_THREADS: Final = 64
MAX_PER_DOMAIN: Final = 8

AddressInfos = list[tuple[Any, Any, int, str, tuple[Any, ...]]]
LookupFn = Callable[[str, int, socket.AddressFamily], AddressInfos]


class LookupTimeout(OSError):
    """The name was not resolved in time."""


class ThreadedResolver(AbstractResolver):
    """The machine's own resolver, bounded. ``lookup``: what blocks; for one event loop."""

    def __init__(
        self,
        timeout_s: float,
        *,
        max_threads: int = MAX_THREADS,
        max_per_domain: int = MAX_PER_DOMAIN,
        lookup: LookupFn | None = None,
    ) -> None:
        self._timeout_s = timeout_s
        self._lookup = lookup or _lookup
        self._thread_slots = asyncio.Semaphore(max_threads)
        self._domain_slots = KeyedSemaphore(max_per_domain)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        try:
            async with asyncio.timeout(self._timeout_s):
                infos = await (await self._start_lookup(host, port, family))
        except TimeoutError as error:
            raise LookupTimeout("the name was not resolved in time") from error
        return [_resolve_result(host, port, info) for info in infos]

    async def close(self) -> None:
        """Nothing to end: look-ups under way are left to end by themselves."""

    async def _start_lookup(
        self, host: str, port: int, family: socket.AddressFamily
    ) -> asyncio.Future[AddressInfos]:
        """A look-up under way; its places are left when it ends, not when nobody waits any more."""
        domain = ".".join(host.rstrip(".").rsplit(".", 2)[-2:])
        await self._domain_slots.acquire(domain)
        try:
            await self._thread_slots.acquire()
        except BaseException:
            self._domain_slots.release(domain)
            raise
        loop = asyncio.get_running_loop()
        result: asyncio.Future[AddressInfos] = loop.create_future()

        def settle(infos: AddressInfos | None, error: Exception | None) -> None:
            self._thread_slots.release()
            self._domain_slots.release(domain)
            if result.cancelled():
                return
            if error is not None:
                result.set_exception(error)
            else:
                result.set_result(infos or [])

        def run_lookup() -> None:
            infos, error = None, None
            try:
                infos = self._lookup(host, port, family)
            except Exception as raised:  # noqa: BLE001 - it is raised again where it is awaited
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop ended meanwhile
                loop.call_soon_threadsafe(settle, infos, error)

        try:
            threading.Thread(target=run_lookup, name="look-up", daemon=True).start()
        except RuntimeError as error:
            settle(None, OSError("no thread for a look-up"))
            result.exception()  # told below, once
            raise OSError("no thread for a look-up") from error
        return result


def _lookup(host: str, port: int, family: socket.AddressFamily) -> AddressInfos:
    return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)


def _resolve_result(
    host: str, port: int, info: tuple[Any, Any, int, str, tuple[Any, ...]]
) -> ResolveResult:
    """One address as aiohttp takes it. A scope id stays in the text, and is refused for it."""
    family, _, protocol, _, address = info
    return ResolveResult(
        hostname=host,
        host=str(address[0]),
        port=port,
        family=family,
        proto=protocol,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
