"""Looking up host names so that a slow one holds up nobody else.

``getaddrinfo`` cannot be cancelled: a name server that never answers keeps its thread for as long
as the machine's resolver is patient. So each look-up has a thread of its own that nobody waits for
beyond ``patience_s``, not even the process when it ends; and the threads are counted, in all and
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

from app.fetch.rate_limit import Places

THREADS: Final = 64
PER_DOMAIN: Final = 8

Infos = list[tuple[Any, Any, int, str, tuple[Any, ...]]]
Lookup = Callable[[str, int, socket.AddressFamily], Infos]


class LookupSlow(OSError):
    """The name was not resolved in time."""


class Names(AbstractResolver):
    """The machine's own resolver, bounded. ``lookup``: what blocks; for one event loop."""

    def __init__(
        self,
        patience_s: float,
        *,
        threads: int = THREADS,
        per_domain: int = PER_DOMAIN,
        lookup: Lookup | None = None,
    ) -> None:
        self._patience_s = patience_s
        self._lookup = lookup or _lookup
        self._threads = asyncio.Semaphore(threads)
        self._domains = Places(per_domain)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        try:
            async with asyncio.timeout(self._patience_s):
                infos = await (await self._begin(host, port, family))
        except TimeoutError as error:
            raise LookupSlow("the name was not resolved in time") from error
        return [_answer(host, port, info) for info in infos]

    async def close(self) -> None:
        """Nothing to end: look-ups under way are left to end by themselves."""

    async def _begin(
        self, host: str, port: int, family: socket.AddressFamily
    ) -> asyncio.Future[Infos]:
        """A look-up under way; its places are left when it ends, not when nobody waits any more."""
        domain = ".".join(host.rstrip(".").rsplit(".", 2)[-2:])
        await self._domains.take(domain)
        try:
            await self._threads.acquire()
        except BaseException:
            self._domains.leave(domain)
            raise
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Infos] = loop.create_future()

        def settle(infos: Infos | None, error: Exception | None) -> None:
            self._threads.release()
            self._domains.leave(domain)
            if answer.cancelled():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(infos or [])

        def work() -> None:
            infos, error = None, None
            try:
                infos = self._lookup(host, port, family)
            except Exception as raised:  # noqa: BLE001 - it is raised again where it is awaited
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop ended meanwhile
                loop.call_soon_threadsafe(settle, infos, error)

        try:
            threading.Thread(target=work, name="look-up", daemon=True).start()
        except RuntimeError as error:
            settle(None, OSError("no thread for a look-up"))
            answer.exception()  # told below, once
            raise OSError("no thread for a look-up") from error
        return answer


def _lookup(host: str, port: int, family: socket.AddressFamily) -> Infos:
    return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)


def _answer(
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
