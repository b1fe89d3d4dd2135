"""Pictures in, webhooks out: one guard, one clock and one order of turns for both."""

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

from app.errors import FetchFailed, FetchTimeout, TooLarge
from app.fetch.addresses import parse_networks
from app.fetch.client import HttpClient
from app.fetch.deadline import Deadline, start_deadline
from app.fetch.guard import AddressGuard
from app.fetch.policy import MAX_REDIRECTS, FetchPolicy, check_url, host_of
from app.fetch.rate_limit import HostCooldowns, HostRateLimiter
from app.fetch.resolver import ThreadedResolver
from app.fetch.status_errors import error_from_status, parse_retry_after
from app.fetch.urls import REDIRECT_STATUSES, parse_url, resolve_redirect

MAX_ATTEMPTS: Final = 3
"""How often one picture is asked for at a host that names the time when it may be."""
DEFAULT_COOLDOWN_S: Final = 2.0
"""How long a host is left alone that says 429 and not for how long."""
_CHUNK_BYTES: Final = 65_536


class Fetcher:
    """An async context manager, for one event loop and an application's life.

    ``resolver``: instead of the machine's own. ``cooldowns``: pass one to all fetchers of a
    process, so that a host that asked for rest has it from all of them.
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
        self._client = HttpClient(
            AddressGuard(self._allowed_networks),
            resolver or ThreadedResolver(policy.connect_s),
            policy.connect_s,
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
        """Raises ``UrlBlocked`` for a URL refused as it is spelled; no name is looked up."""
        check_url(url, self._policy, self._allowed_networks)

    async def fetch(self, url: str) -> bytes:
        """The body behind ``url``.

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
        """Send ``body`` to ``url`` through the same guard; the status of the answer.

        A redirect is an answer like any other: what was meant for one receiver goes to no second.
        ``timeout_s``: for all of it. Raises ``UrlInvalid``, ``UrlBlocked``, ``FetchFailed``
        (nobody there, or the host asked for rest: ``retry_after_s``) or ``FetchTimeout``.
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
        """The body, or where it redirects to; asked again where the host says when, and soon."""
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
                is_retry_soon = (
                    0.0 < self._cooldowns.remaining_s(host_of(url)) <= deadline.remaining_wait_s
                )
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
        """The head of one answer, once the host may be asked and it is this request's turn."""
        target = check_url(url, self._policy, self._allowed_networks)
        async with AsyncExitStack() as stack:
            await self._wait_for_cooldown(target.host, deadline)
            with deadline.paused():
                slot = self._rate_limiter.slot(target.host, paced=not target.is_operator_host)
                await stack.enter_async_context(slot)
            await self._wait_for_cooldown(target.host, deadline)
            async with self._client.request(
                method, url, opened=target.is_host_allowed, **request_options
            ) as response:
                if response.status in (429, 503):
                    default_s = DEFAULT_COOLDOWN_S if response.status == 429 else 0.0
                    cooldown_s = _response_retry_after_s(response)
                    self._cooldowns.start(
                        target.host, default_s if cooldown_s is None else cooldown_s
                    )
                yield response

    async def _wait_for_cooldown(self, host: str, deadline: Deadline) -> None:
        """Wait until ``host`` may be asked; raises ``FetchFailed`` where patience ends before."""
        while (remaining_s := self._cooldowns.remaining_s(host)) > 0.0:
            if remaining_s > deadline.remaining_wait_s:
                raise FetchFailed(
                    f"This host asked to be left alone; try again in {remaining_s:.0f} s.",
                    retry_after_s=remaining_s,
                )
            with deadline.paused():
                await asyncio.sleep(remaining_s)

    async def _read_body(self, url: URL, response: aiohttp.ClientResponse) -> bytes:
        if response.status != 200:
            raise error_from_status(url, response.status, _response_retry_after_s(response))
        if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise FetchFailed(
                "The server compressed the picture although asked not to.",
                upstream_status=200,
                retryable=False,
            )
        max_bytes = self._policy.max_bytes
        if (response.content_length or 0) > max_bytes:
            raise _too_large_error(max_bytes)
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            body += chunk
            if len(body) > max_bytes:
                raise _too_large_error(max_bytes)
        return bytes(body)


def _response_retry_after_s(response: aiohttp.ClientResponse) -> float | None:
    return parse_retry_after(response.headers.get("Retry-After"), datetime.now(UTC))


def _too_large_error(max_bytes: int) -> TooLarge:
    return TooLarge(f"The picture is larger than {max_bytes} bytes; send a smaller one.")
