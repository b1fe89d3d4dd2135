"""Host names → addresses by c-ares, so that a slow name server holds up nobody else.

``getaddrinfo`` cannot be cancelled: each name that is never answered would keep a thread. A query
of c-ares costs a socket and a timer. It reads the machine's hosts file and name servers; queries
for one domain are counted, whose owner could otherwise flood the name server by answering slowly.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from aiodns import error as dns_error
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import AsyncResolver

from app.fetch.rate_limit import KeyedPlaces

MAX_PER_DOMAIN: Final = 8
UNKNOWN_TTL_S: Final = 30.0
MAX_UNKNOWN: Final = 10_000
"""Names that did not resolve are kept so long, and so many, and not looked up again."""
_TRIES: Final = 2
"""Queries to each name server; c-ares waits twice as long for the second answer."""


class LookupTimeout(OSError):
    """The name was not resolved in time."""


class UnknownNames:
    """Names that did not resolve, for ``UNKNOWN_TTL_S``; the oldest go beyond ``MAX_UNKNOWN``."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: OrderedDict[str, float] = OrderedDict()

    def add(self, host: str) -> None:
        self._until[host] = self._clock() + UNKNOWN_TTL_S
        self._until.move_to_end(host)
        while len(self._until) > MAX_UNKNOWN:
            self._until.popitem(last=False)

    def is_unknown(self, host: str) -> bool:
        until = self._until.get(host)
        if until is None:
            return False
        if until <= self._clock():
            del self._until[host]
            return False
        return True

    def __len__(self) -> int:
        return len(self._until)


class DnsResolver(AbstractResolver):
    """The machine's name servers, within ``timeout_s``; for one event loop, which must be running.

    ``resolver``: another one that answers for names.
    """

    def __init__(
        self,
        timeout_s: float,
        *,
        max_per_domain: int = MAX_PER_DOMAIN,
        resolver: AbstractResolver | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._timeout_s = timeout_s
        self._resolver = resolver or AsyncResolver(
            timeout=timeout_s / (2**_TRIES - 1), tries=_TRIES
        )
        self._domain_places = KeyedPlaces(max_per_domain)
        self._unknown = UnknownNames(clock)

    def is_unknown(self, host: str) -> bool:
        """Whether ``host`` had no address a moment ago."""
        return self._unknown.is_unknown(host)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Every address of ``host``; raises ``LookupTimeout``, or ``OSError`` if it has none."""
        if numeric := resolve_numeric(host, port, family):
            return numeric
        if self._unknown.is_unknown(host):
            raise OSError("the name did not resolve a moment ago")
        domain = ".".join(host.rstrip(".").rsplit(".", 2)[-2:])
        try:
            async with asyncio.timeout(self._timeout_s), self._domain_places.place(domain):
                return await self._resolver.resolve(host, port, family)
        except TimeoutError as error:
            raise LookupTimeout("the name was not resolved in time") from error
        except OSError as error:
            if _is_dns_timeout(error.__cause__):
                raise LookupTimeout("no name server answered in time") from error
            self._unknown.add(host)
            raise

    async def close(self) -> None:
        await self._resolver.close()


def resolve_numeric(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    """The address that ``host`` spells as a number (``127.1``, ``0x7f.1``); empty for a name.

    The machine's own parser decides, as it does where a socket connects: c-ares reads some of the
    spellings otherwise (octal as decimal), or as names. Asks no name server.
    """
    try:
        infos = socket.getaddrinfo(
            host, port, family, socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )
    except socket.gaierror:
        return []
    return [
        # A scope id stays in the text, and the address is refused for it.
        ResolveResult(
            hostname=host,
            host=str(address[0]),
            port=port,
            family=info_family,
            proto=protocol,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for info_family, _, protocol, _, address in infos
    ]


def _is_dns_timeout(error: BaseException | None) -> bool:
    return isinstance(error, dns_error.DNSError) and error.args[0] == dns_error.ARES_ETIMEOUT
