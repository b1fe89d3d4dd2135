"""The security boundary: addresses are checked after resolution and again at the socket."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Final

from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult

from app.fetch.addresses import IpNetwork, is_refused

MAX_ADDRESSES: Final = 8
"""Addresses of one name that are tried; all of them are checked."""

host_allowed_var: ContextVar[bool] = ContextVar("host_allowed_var", default=False)
"""Whether the operator allows, by name, the host that this task is fetching from."""


class AddressRefused(OSError):
    """The address may not be connected to. An ``OSError``, because aiohttp passes those on."""


class AddressGuard:
    """Checks addresses, and opens every outgoing socket."""

    def __init__(self, allowed_networks: Sequence[IpNetwork]) -> None:
        self._allowed_networks = allowed_networks

    def check_address(self, address: str) -> None:
        """Raises ``AddressRefused`` unless ``address`` may be connected to by this task."""
        if not host_allowed_var.get() and is_refused(address, self._allowed_networks):
            raise AddressRefused("address refused")

    def open_socket(self, info: AddrInfoType) -> socket.socket:
        """A socket for the address in ``info``; raises ``AddressRefused`` if it is not allowed."""
        family, kind, protocol, _, address = info
        self.check_address(str(address[0]))
        return socket.socket(family, kind, protocol)


class CheckedResolver(AbstractResolver):
    """A resolver that refuses a name if any of its addresses is refused, not only the one used."""

    def __init__(self, resolver: AbstractResolver, check_address: Callable[[str], None]) -> None:
        self._resolver = resolver
        self._check_address = check_address

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
            self._check_address(result["host"])
        return results[:MAX_ADDRESSES]

    async def close(self) -> None:
        await self._resolver.close()
