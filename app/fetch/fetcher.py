"""Fetching pictures and posting webhooks, behind one address guard, deadline and rate limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from app.errors import FetchFailed, FetchTimeout, HostOnHold, TooLarge
from app.fetch.addresses import parse_networks
from app.fetch.client import HttpClient, unreachable_error
from app.fetch.deadline import Deadline, start_deadline
from app.fetch.guard import AddressGuard
from app.fetch.policy import MAX_REDIRECTS, FetchPolicy, check_url, host_of
from app.fetch.rate_limit import (
    HostCooldowns,
    HostRateLimiter,
    cooldown_key,
    fetch_place_var,
)
from app.fetch.resolver import DnsResolver
from app.fetch.status_errors import error_from_status, parse_retry_after
from app.fetch.urls import REDIRECT_STATUSES, parse_url, resolve_redirect

MAX_ATTEMPTS: Final = 3
"""Requests for one picture at a host that answers with ``Retry-After``."""
DEFAULT_COOLDOWN_S: Final = 2.0
"""The pause after a 429 without ``Retry-After``."""
_CHUNK_BYTES: Final = 65_536
_COMPRESSIONS: Final = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd", "compress"})
_PICTURE_SIGNATURES: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"RIFF")


class Fetcher:
    """An async context manager, for one event loop and the lifetime of the application.

    ``resolver``: used instead of ``DnsResolver``. ``cooldowns``: shared by the fetchers of a
    process, so that all of them respect a host's ``Retry-After``.
    """

    def __init__(
        self,
        policy: FetchPolicy,
        resolver: AbstractResolver | None = None,
        cooldowns: HostCooldowns | None = None,
    ) -> None:
        self._policy = policy
        self._allowed_networks = parse_networks(policy.allow)
        self._cooldowns = HostCooldowns() if cooldowns is None else cooldowns
        self._rate_limiter = HostRateLimiter(policy.per_host, policy.per_host_per_s)
        self._resolver = resolver or DnsResolver(policy.connect_s)
        self._client = HttpClient(
            AddressGuard(self._allowed_networks), self._resolver, policy.connect_s
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
        await self._client.close()

    def check_url(self, url: URL) -> None:
        """Raises ``UrlBlocked`` if the URL's host or port is not allowed; resolves no name."""
        check_url(url, self._policy, self._allowed_networks)

    async def fetch(self, url: str) -> bytes:
        """The body at ``url``.

        Raises ``UrlInvalid``, ``UrlBlocked``, ``FetchFailed``, ``FetchTimeout`` or ``TooLarge``.
        """
        target = parse_url(url)
        try:
            async with start_deadline(self._policy.total_s, self._policy.max_wait_s) as deadline:
                for _ in range(MAX_REDIRECTS + 1):
                    body_or_redirect = await self._get(target, deadline)
                    if isinstance(body_or_redirect, bytes):
                        return body_or_redirect
                    target = body_or_redirect
        except TimeoutError as error:
            raise FetchTimeout(
                f"The picture did not arrive within {self._policy.total_s:g} s "
                f"({self._policy.connect_s:g} s to connect); try again or send the bytes."
            ) from error
        raise FetchFailed(
            f"More than {MAX_REDIRECTS} redirects; give the picture's own URL.", retryable=False
        )

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float
    ) -> int:
        """Send ``body`` to ``url`` under the same checks; returns the status of the response.

        Redirects are not followed: the body is meant for one receiver only.
        ``timeout_s``: for the whole exchange. Raises ``UrlInvalid``, ``UrlBlocked``,
        ``FetchFailed`` (not reachable), ``HostOnHold`` (in a cooldown: nothing was sent) or
        ``FetchTimeout``.
        """
        target = parse_url(url)
        request_headers = {"Accept": "*/*", **headers}
        try:
            async with (
                start_deadline(timeout_s) as deadline,
                self._send_rate_limited(
                    target, deadline, "POST", data=body, headers=request_headers
                ) as response,
            ):
                return response.status
        except TimeoutError as error:
            raise FetchTimeout(f"The receiver did not answer within {timeout_s:g} s.") from error

    async def _get(self, url: URL, deadline: Deadline) -> bytes | URL:
        """The body, or the target of a redirect; retried if the host's cooldown ends in time."""
        attempts = 0
        while True:
            attempts += 1
            try:
                async with self._send_rate_limited(url, deadline, "GET") as response:
                    if response.status in REDIRECT_STATUSES:
                        return resolve_redirect(
                            url, response.headers.get("Location"), response.status
                        )
                    return await self._read_body(url, response)
            except FetchFailed as error:
                cooldown_s = self._cooldowns.remaining_s(_cooldown_key(url))
                is_retry_soon = 0.0 < cooldown_s <= deadline.remaining_wait_s
                if (
                    attempts == MAX_ATTEMPTS
                    or error.upstream_status not in (429, 503)
                    or not is_retry_soon
                ):
                    raise

    @asynccontextmanager
    async def _send_rate_limited(
        self, url: URL, deadline: Deadline, method: str, **request_options: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The head of one response, once the host's cooldown and rate limit allow the request."""
        target = check_url(url, self._policy, self._allowed_networks)
        async with AsyncExitStack() as stack:
            await self._wait_for_cooldown(url, deadline)
            self._check_known(target.host)
            with deadline.paused():
                slot = self._rate_limiter.slot(target.host, paced=not target.is_operator_host)
                await stack.enter_async_context(slot)
            await self._wait_for_cooldown(url, deadline)
            if (place := fetch_place_var.get()) is not None:
                with deadline.suspended():
                    await place.take()
            async with self._client.request(
                method, url, is_host_allowed=target.is_host_allowed, **request_options
            ) as response:
                if response.status in (429, 503):
                    default_s = DEFAULT_COOLDOWN_S if response.status == 429 else 0.0
                    cooldown_s = _response_retry_after_s(response)
                    self._cooldowns.start(
                        _cooldown_key(url), default_s if cooldown_s is None else cooldown_s
                    )
                yield response

    def _check_known(self, host: str) -> None:
        """Raises ``FetchFailed`` for a name that did not resolve a moment ago, without a turn."""
        if isinstance(self._resolver, DnsResolver) and self._resolver.is_unknown(host):
            raise unreachable_error()

    async def _wait_for_cooldown(self, url: URL, deadline: Deadline) -> None:
        """Waits for the end of the cooldown; raises ``HostOnHold`` if the deadline comes first."""
        while (remaining_s := self._cooldowns.remaining_s(_cooldown_key(url))) > 0.0:
            if remaining_s > deadline.remaining_wait_s:
                raise HostOnHold(
                    f"This host asked for a pause (Retry-After); try again in {remaining_s:.0f} s.",
                    retry_after_s=remaining_s,
                )
            with deadline.paused():
                await asyncio.sleep(remaining_s)

    async def _read_body(self, url: URL, response: aiohttp.ClientResponse) -> bytes:
        if response.status != 200:
            raise error_from_status(url, response.status, _response_retry_after_s(response))
        max_bytes = self._policy.max_bytes
        if (response.content_length or 0) > max_bytes:
            raise _too_large_error(max_bytes)
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            body += chunk
            if len(body) > max_bytes:
                raise _too_large_error(max_bytes)
        if _is_compressed(response.headers.get("Content-Encoding", ""), body):
            raise FetchFailed(
                "The server compressed the picture although it was asked not to.",
                upstream_status=200,
                retryable=False,
            )
        return bytes(body)


def _cooldown_key(url: URL) -> str:
    return cooldown_key(host_of(url), url.port)


def _is_compressed(content_encoding: str, body: bytearray) -> bool:
    """Whether ``body`` is compressed. A header that names no compression is ignored.

    Storage services send ``aws-chunked``, ``binary``, ``UTF-8`` or an empty header, and some name
    a compression that they did not apply: a body with a picture's signature is not compressed.
    """
    codings = {coding.strip().lower() for coding in content_encoding.split(",")}
    return not codings.isdisjoint(_COMPRESSIONS) and not (
        body.startswith(_PICTURE_SIGNATURES) or body[4:8] == b"ftyp"
    )


def _response_retry_after_s(response: aiohttp.ClientResponse) -> float | None:
    return parse_retry_after(response.headers.get("Retry-After"), datetime.now(UTC))


def _too_large_error(max_bytes: int) -> TooLarge:
    return TooLarge(f"The picture is larger than {max_bytes} bytes; send a smaller one.")
