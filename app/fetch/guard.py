"""The choke point: names and sockets exist only for addresses that pass."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Final

from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult

from app.fetch.addresses import Network, is_refused

ANSWERS: Final = 8
"""Of a name's addresses so many are tried; all are checked."""

host_opened: ContextVar[bool] = ContextVar("host_opened", default=False)
"""Whether the operator opened, by name, the host that this task is fetching from."""


class Refused(OSError):
    """An ``OSError``, because that is what aiohttp carries through a failed connection."""


class Guard:
    """The verdict on an address, and the only maker of sockets."""

    def __init__(self, opened: Sequence[Network]) -> None:
        self._opened = opened

    def check(self, address: str) -> None:
        """Raises ``Refused`` unless ``address`` may be connected to by this task."""
        if not host_opened.get() and is_refused(address, self._opened):
            raise Refused("address refused")

    def open_socket(self, info: AddrInfoType) -> socket.socket:
        """No socket without a verdict on the very address it will connect to."""
        family, kind, protocol, _, address = info
        self.check(str(address[0]))
        return socket.socket(family, kind, protocol)


class CheckedResolver(AbstractResolver):
    """A resolver that refuses a name if any of its addresses is refused: no choosing among them."""

    def __init__(self, resolver: AbstractResolver, check: Callable[[str], None]) -> None:
        self._resolver = resolver
        self._check = check

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        try:
            results = await self._resolver.resolve(host, port, family)
        except UnicodeError as error:  # a label that is empty or too long
            raise OSError("not a host name") from error
        if not results:
            raise OSError("a name without an address")
        for result in results:
            self._check(result["host"])
        return results[:ANSWERS]

    async def close(self) -> None:
        await self._resolver.close()
