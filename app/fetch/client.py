"""aiohttp with checked addresses: one request, and its exceptions as errors of this service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from app import __version__
from app.errors import FetchFailed, FetchTimeout, UrlBlocked, UrlInvalid
from app.fetch.guard import AddressGuard, AddressRefused, CheckedResolver, host_allowed_var
from app.fetch.policy import BLOCKED_MESSAGE
from app.fetch.resolver import LookupTimeout

_HEADERS: Final = {
    "Accept": "image/*",
    # A compressed body would have to be unpacked before its size is known.
    "Accept-Encoding": "identity",
    "User-Agent": f"eyeline/{__version__}",
}


class HttpClient:
    """One connection for each request; no cookies, no proxy or credentials from the environment."""

    def __init__(self, guard: AddressGuard, resolver: AbstractResolver, connect_s: float) -> None:
        self._resolver = CheckedResolver(resolver, guard.check_address)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=self._resolver,
                socket_factory=guard.open_socket,
                # Bytes that a server sends into an idle connection would be read as the answer to
                # the next request on it, so connections are not reused.
                force_close=True,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_s),
        )

    async def close(self) -> None:
        await self._session.close()
        await self._resolver.close()

    @asynccontextmanager
    async def request(
        self, method: str, url: URL, *, is_host_allowed: bool, **request_options: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The head of one response; its body can be read within the context.

        ``is_host_allowed``: the operator allows this host by name. Raises ``UrlInvalid``,
        ``UrlBlocked``, ``FetchFailed``, ``FetchTimeout`` or ``TimeoutError``.
        """
        host_allowed_var.set(is_host_allowed)
        with _translate_errors():
            async with self._session.request(
                method, url, allow_redirects=False, **request_options
            ) as response:
                yield response


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except aiohttp.ClientSSLError as error:
        raise FetchFailed(
            "The server's certificate could not be verified.", retryable=False
        ) from error
    except aiohttp.ClientConnectorError as error:
        raise _connect_error(error.os_error) from error
    except aiohttp.InvalidURL as error:
        raise UrlInvalid("This URL's host is not one that can be looked up.") from error
    except TimeoutError:  # aiohttp's timeouts are ClientErrors too
        raise
    except (aiohttp.ClientError, OSError) as error:
        raise FetchFailed("The connection was closed before the response was complete.") from error


def _connect_error(error: OSError) -> Exception:
    if isinstance(error, AddressRefused):
        return UrlBlocked(BLOCKED_MESSAGE)
    if isinstance(error, LookupTimeout):
        return FetchTimeout("The host's name was not resolved in time; try again.")
    return unreachable_error()


def unreachable_error() -> FetchFailed:
    """The error for a server that is not there, or a name that is none."""
    return FetchFailed("The server could not be reached: no answer, or no such host.")
