"""URL → bytes. The only file that opens an outgoing connection.

A URL here comes from a stranger, and this process sits inside a network worth attacking. The choke
point is the socket: it is made only for an address that passes, whatever name, redirect, resolver
answer or spelling led there. Everything above it (scheme, port, lists, sizes, times) is courtesy.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from app import __version__
from app.addresses import is_refused, networks
from app.errors import FetchFailed, FetchTimeout, TooLarge, UrlBlocked, UrlInvalid

TOTAL_S: Final = 8.0
CONNECT_S: Final = 3.0
MAX_REDIRECTS: Final = 3
MAX_URL_LENGTH: Final = 4096
PORTS: Final = frozenset({80, 443})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_CHUNK_BYTES: Final = 65_536
_HEADERS: Final = {
    "Accept": "image/*",
    # A compressed body would have to be unpacked before its size is known.
    "Accept-Encoding": "identity",
    "User-Agent": f"eyeline/{__version__}",
}

_BLOCKED: Final = (
    "The address behind this URL is not on the public internet, so it is not fetched. "
    "If it is yours, name its host or network in EYELINE_FETCH_ALLOW."
)

_host_opened: ContextVar[bool] = ContextVar("_host_opened", default=False)
"""Whether the operator opened, by name, the host that this task is fetching from."""


@dataclass(frozen=True)
class FetchPolicy:
    """What may be fetched.

    ``allow``: host names (``media.example``, or ``.example`` for all below it), addresses and
    networks that may be reached although they are private; a host named here on any port.
    ``only``: if not empty, the host names that may be reached at all. ``max_bytes`` is counted as
    the body arrives.
    """

    max_bytes: int
    allow: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    total_s: float = TOTAL_S
    connect_s: float = CONNECT_S


class Fetcher:
    """One connection pool for an application's life; an async context manager."""

    def __init__(self, policy: FetchPolicy, resolver: AbstractResolver | None = None) -> None:
        self._policy = policy
        self._networks = networks(policy.allow)
        self._resolver = _Checked(resolver or aiohttp.ThreadedResolver(), self._check)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=self._resolver, socket_factory=self._open_socket, limit_per_host=8
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=policy.total_s, sock_connect=policy.connect_s),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._session.close()
        await self._resolver.close()

    async def fetch(self, url: str) -> bytes:
        """The body behind ``url``.

        Raises ``UrlInvalid``, ``UrlBlocked``, ``FetchFailed``, ``FetchTimeout`` or ``TooLarge``.
        """
        target = parse(url)
        try:
            async with asyncio.timeout(self._policy.total_s):
                for _ in range(MAX_REDIRECTS + 1):
                    answer = await self._hop(target)
                    if isinstance(answer, bytes):
                        return answer
                    target = answer
        except TimeoutError as error:
            raise FetchTimeout(
                f"The picture did not arrive within {self._policy.total_s:g} s "
                f"({self._policy.connect_s:g} s to connect); try again or send the bytes."
            ) from error
        raise FetchFailed(f"More than {MAX_REDIRECTS} redirects; give the picture's own URL.")

    async def _hop(self, url: URL) -> bytes | URL:
        """One request: the body, or where it redirects to."""
        _host_opened.set(self._admit(url))
        try:
            async with self._session.get(url, allow_redirects=False) as response:
                if response.status in _REDIRECTS:
                    return _redirect(url, response)
                return await self._body(response)
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, _Refused):
                raise UrlBlocked(_BLOCKED) from error
            if isinstance(error, aiohttp.ClientSSLError):
                raise FetchFailed("The server's certificate could not be verified.") from error
            raise FetchFailed(
                "The server could not be reached: no answer, or no such host."
            ) from error
        except aiohttp.InvalidURL as error:
            raise UrlInvalid("This URL's host is not one that can be looked up.") from error
        except (aiohttp.ServerTimeoutError, TimeoutError):
            raise
        except aiohttp.ClientError as error:
            raise FetchFailed("The connection broke before the picture was complete.") from error

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        if response.status != 200:
            raise FetchFailed(
                f"The server answered {response.status} instead of a picture.",
                upstream_status=response.status,
            )
        if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise FetchFailed(
                "The server compressed the picture although asked not to.", upstream_status=200
            )
        most = self._policy.max_bytes
        if (response.content_length or 0) > most:
            raise _too_large(most)
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            body += chunk
            if len(body) > most:
                raise _too_large(most)
        return bytes(body)

    def _admit(self, url: URL) -> bool:
        """Whether the operator opened this host by name; raises ``UrlBlocked`` if it may not be."""
        host = (url.raw_host or "").rstrip(".")
        if self._policy.only and not _listed(host, self._policy.only):
            raise UrlBlocked("This host is not among those in EYELINE_FETCH_ONLY.")
        opened = _listed(host, self._policy.allow)
        on_open_network = is_refused(host) and not is_refused(host, self._networks)
        if url.port not in PORTS and not opened and not on_open_network:
            raise UrlBlocked(
                "Only ports 80 and 443 are fetched from, unless EYELINE_FETCH_ALLOW names the host."
            )
        return opened

    def _check(self, address: str) -> None:
        if not _host_opened.get() and is_refused(address, self._networks):
            raise _Refused("address refused")

    def _open_socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        """The choke point: no socket without a verdict on the very address it will connect to."""
        family, kind, protocol, _, address = info
        self._check(str(address[0]))
        return socket.socket(family, kind, protocol)


class _Refused(OSError):
    """An ``OSError``, because that is what aiohttp carries through a failed connection."""


class _Checked(AbstractResolver):
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
        for result in results:
            self._check(result["host"])
        return results

    async def close(self) -> None:
        await self._resolver.close()


def parse(url: str) -> URL:
    """``url``, if it is one that may be tried; raises ``UrlInvalid``."""
    if len(url) > MAX_URL_LENGTH:
        raise UrlInvalid(f"A URL may have {MAX_URL_LENGTH} characters at most.")
    if any(character <= " " or character == "\x7f" for character in url):
        raise UrlInvalid("A URL holds no spaces or control characters; percent-encode them.")
    try:
        parsed = URL(url)
        named = bool(parsed.host)
    except ValueError as error:
        raise UrlInvalid("This is not a URL that can be read.") from error
    if parsed.scheme not in ("http", "https") or not named:
        raise UrlInvalid("Give an absolute http:// or https:// URL.")
    if parsed.raw_user is not None or parsed.raw_password is not None:
        raise UrlInvalid("A URL with a user name or a password in it is not fetched.")
    return parsed


def _redirect(url: URL, response: aiohttp.ClientResponse) -> URL:
    """Where ``response`` points to, checked as a caller's own URL is."""
    location = response.headers.get("Location")
    if not location:
        raise FetchFailed("A redirect without a target.", upstream_status=response.status)
    try:
        joined = url.join(URL(location))
    except ValueError as error:
        raise UrlInvalid("It redirects to something that is not a URL.") from error
    return parse(str(joined))


def _listed(host: str, entries: Sequence[str]) -> bool:
    """Whether ``host`` is one of ``entries``, or lies below one that begins with a dot."""
    return any(host == e or (e.startswith(".") and host.endswith(e)) for e in entries)


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"The picture is larger than {most} bytes; send a smaller one.")
