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
from app.fetch.addresses import networks
from app.fetch.client import Client
from app.fetch.deadline import Allowance, allowance
from app.fetch.guard import Guard
from app.fetch.policy import MAX_REDIRECTS, FetchPolicy, admit, host_of
from app.fetch.rate_limit import Holds, Turns
from app.fetch.resolver import Names
from app.fetch.status_errors import failure, retry_after_s
from app.fetch.urls import REDIRECTS, parse, redirected

ASKS: Final = 3
"""How often one picture is asked for at a host that names the time when it may be."""
UNNAMED_HOLD_S: Final = 2.0
"""How long a host is left alone that says 429 and not for how long."""
_CHUNK_BYTES: Final = 65_536


class Fetcher:
    """An async context manager, for one event loop and an application's life.

    ``resolver``: instead of the machine's own. ``holds``: pass one to all fetchers of a process,
    so that a host that asked for rest has it from all of them.
    """

    def __init__(
        self,
        policy: FetchPolicy,
        resolver: AbstractResolver | None = None,
        holds: Holds | None = None,
    ) -> None:
        self._policy = policy
        self._networks = networks(policy.allow)
        self._holds = Holds() if holds is None else holds
        self._turns = Turns(policy.per_host, policy.per_host_per_s)
        self._client = Client(
            Guard(self._networks), resolver or Names(policy.connect_s), policy.connect_s
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

    def admit(self, url: URL) -> None:
        """Raises ``UrlBlocked`` for a URL refused as it is spelled; no name is looked up."""
        admit(url, self._policy, self._networks)

    async def fetch(self, url: str) -> bytes:
        """The body behind ``url``.

        Raises ``UrlInvalid``, ``UrlBlocked``, ``FetchFailed``, ``FetchTimeout`` or ``TooLarge``.
        """
        target = parse(url)
        try:
            async with allowance(self._policy.total_s, self._policy.patience_s) as time:
                for _ in range(MAX_REDIRECTS + 1):
                    answer = await self._answer(target, time)
                    if isinstance(answer, bytes):
                        return answer
                    target = answer
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
        target = parse(url)
        sent = {"Accept": "*/*", **headers}
        try:
            async with (
                allowance(timeout_s) as time,
                self._in_turn(target, time, "POST", data=body, headers=sent) as response,
            ):
                return response.status
        except TimeoutError as error:
            raise FetchTimeout(f"The receiver did not answer within {timeout_s:g} s.") from error

    async def _answer(self, url: URL, time: Allowance) -> bytes | URL:
        """The body, or where it redirects to; asked again where the host says when, and soon."""
        asked = 0
        while True:
            asked += 1
            try:
                async with self._in_turn(url, time, "GET") as response:
                    if response.status in REDIRECTS:
                        return redirected(url, response.headers.get("Location"), response.status)
                    return await self._body(url, response)
            except FetchFailed as error:
                soon = 0.0 < self._holds.left_s(host_of(url)) <= time.patience_s
                if asked == ASKS or error.upstream_status not in (429, 503) or not soon:
                    raise

    @asynccontextmanager
    async def _in_turn(
        self, url: URL, time: Allowance, method: str, **sent: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The head of one answer, once the host may be asked and it is this request's turn."""
        admission = admit(url, self._policy, self._networks)
        async with AsyncExitStack() as place:
            await self._let_rest(admission.host, time)
            with time.waiting():
                turn = self._turns.turn(admission.host, paced=not admission.own)
                await place.enter_async_context(turn)
            await self._let_rest(admission.host, time)
            async with self._client.ask(method, url, opened=admission.by_name, **sent) as response:
                if response.status in (429, 503):
                    unnamed = UNNAMED_HOLD_S if response.status == 429 else 0.0
                    rest_s = _rest_s(response)
                    self._holds.hold(admission.host, unnamed if rest_s is None else rest_s)
                yield response

    async def _let_rest(self, host: str, time: Allowance) -> None:
        """Wait until ``host`` may be asked; raises ``FetchFailed`` where patience ends before."""
        while (left_s := self._holds.left_s(host)) > 0.0:
            if left_s > time.patience_s:
                raise FetchFailed(
                    f"This host asked to be left alone; try again in {left_s:.0f} s.",
                    retry_after_s=left_s,
                )
            with time.waiting():
                await asyncio.sleep(left_s)

    async def _body(self, url: URL, response: aiohttp.ClientResponse) -> bytes:
        if response.status != 200:
            raise failure(url, response.status, _rest_s(response))
        if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise FetchFailed(
                "The server compressed the picture although asked not to.",
                upstream_status=200,
                retryable=False,
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


def _rest_s(response: aiohttp.ClientResponse) -> float | None:
    return retry_after_s(response.headers.get("Retry-After"), datetime.now(UTC))


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"The picture is larger than {most} bytes; send a smaller one.")
