"""Sends webhooks that are due, on a thread of its own, in every process with a key to sign with.

A message is sent at least once: if a process dies after sending it and before storing that, another
sends it again under the same id, by which receivers recognize it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Protocol, Self

import sqlalchemy as sa
from standardwebhooks import Webhook

from app.batches.store.database import Database
from app.batches.webhooks import outbox
from app.batches.webhooks.messages import database_from_engine
from app.batches.webhooks.outbox import DeliveryResult, OutgoingMessage
from app.errors import FetchFailed, HostOnHold, RequestError, RetryLater, UrlBlocked, UrlInvalid
from app.fetch.rate_limit import cooldown_owner_var


def sign_headers(message_id: str, at_s: int, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The headers of a message sent at ``at_s`` (seconds since 1970), signed with every key.

    There are several while one is being replaced: a receiver needs any of them.
    """
    at, content = datetime.fromtimestamp(at_s, UTC), body.decode()
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(Webhook(key).sign(message_id, at, content) for key in keys),
    }


OUTBOX_POLL_S: Final = 1.0
WEBHOOK_TIMEOUT_S: Final = 15.0
LEASE_S: Final = 60.0
"""Longer than an attempt takes; so long a message waits if its sender dies."""
MAX_CONCURRENT_SENDS: Final = 32
DRAIN_TIMEOUT_S: Final = 3.0
"""How long the end of a process waits for requests under way."""
_MAX_ERROR_CHARS: Final = 300

log = logging.getLogger("eyeline.jobs")


class PostFn(Protocol):
    """Sends a body to a URL and answers with the status; raises ``RequestError``."""

    async def __call__(
        self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float
    ) -> int: ...


OpenPostFn = Callable[[], AbstractAsyncContextManager[PostFn]]


class WebhookSender:
    """Begins at once; a context manager, or close it, before the database is closed.

    ``engine``: of the service. ``open_post``: opens, on the sender's own event loop, what sends.
    ``keys``: every message is signed with each. ``poll_s``: ``OUTBOX_POLL_S`` unless given.
    """

    def __init__(
        self,
        engine: sa.Engine,
        open_post: OpenPostFn,
        keys: Sequence[bytes],
        *,
        poll_s: float | None = None,
        timeout_s: float = WEBHOOK_TIMEOUT_S,
        lease_s: float = LEASE_S,
    ) -> None:
        self._database: Database = database_from_engine(engine)
        self._open_post = open_post
        self._keys = tuple(keys)
        self._poll_s = OUTBOX_POLL_S if poll_s is None else poll_s
        self._timeout_s = timeout_s
        self._lease_s = lease_s
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._run_loop, name="eyeline-webhooks", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Wait ``DRAIN_TIMEOUT_S`` for requests under way; the rest is left to other senders."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    def _run_loop(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._send_until_closed())
        except Exception:
            log.exception("webhooks are not sent any more by this process")

    async def _send_until_closed(self) -> None:
        in_flight: dict[asyncio.Task[None], OutgoingMessage] = {}
        async with self._open_post() as post:
            while not self._closing.is_set():
                for message in await self._claim_due(list(in_flight.values())):
                    task = asyncio.create_task(self._deliver(post, message))
                    in_flight[task] = message
                    task.add_done_callback(in_flight.pop)
                await self._pause()
            if in_flight:
                _, late = await asyncio.wait(in_flight, timeout=DRAIN_TIMEOUT_S)
                for task in late:
                    task.cancel()
                await asyncio.gather(*late, return_exceptions=True)

    async def _claim_due(self, in_flight: Sequence[OutgoingMessage]) -> list[OutgoingMessage]:
        limit = MAX_CONCURRENT_SENDS - len(in_flight)
        try:
            if limit <= 0 or not await asyncio.to_thread(outbox.has_due, self._database):
                return []
            return await asyncio.to_thread(
                outbox.claim, self._database, limit, self._lease_s, in_flight
            )
        except RetryLater:  # the database is away, which the log knows
            return []
        except Exception:
            log.exception("webhooks could not be read, will retry")
            return []

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._poll_s):
                await self._closing.wait()

    async def _deliver(self, post: PostFn, message: OutgoingMessage) -> None:
        cooldown_owner_var.set(message.owner)
        try:
            result = await self._attempt(post, message)
        except HostOnHold as held:  # nothing was sent: it counts as no attempt
            await self._postpone(message, held.retry_after_s or 0.0)
            return
        except asyncio.CancelledError:
            self._release(message)
            raise
        try:
            state = await asyncio.to_thread(outbox.record_attempt, self._database, message, result)
        except asyncio.CancelledError:
            self._release(message)
            raise
        except RetryLater:  # the lease lapses, and it is sent again
            log.warning("the answer to webhook %s could not be stored", message.id)
        except Exception:  # the lease ends, and it is sent again
            log.exception("a webhook could not be sent or stored: %s", message.id)
        else:
            log.info("webhook %s: %s, %s", message.id, result.status or result.error, state)

    def _release(self, message: OutgoingMessage) -> None:
        with suppress(RetryLater):  # then the lease lapses
            outbox.release_lease(self._database.for_requests(), message)

    async def _postpone(self, message: OutgoingMessage, seconds: float) -> None:
        with suppress(RetryLater):  # as above
            await asyncio.to_thread(outbox.postpone, self._database, message, seconds)

    async def _attempt(self, post: PostFn, message: OutgoingMessage) -> DeliveryResult:
        """One attempt. A redirect counts as a failure: the caller did not name its target."""
        began = time.monotonic()
        headers = sign_headers(message.id, int(time.time()), message.body, self._keys)
        status, error, retry_after_s, is_final = None, None, 0.0, False
        try:
            status = await post(message.url, message.body, headers, timeout_s=self._timeout_s)
        except HostOnHold:
            raise
        except RequestError as cause:
            error = cause.detail[:_MAX_ERROR_CHARS]
            is_final = isinstance(cause, UrlBlocked | UrlInvalid)
            if isinstance(cause, FetchFailed):
                retry_after_s = cause.retry_after_s or 0.0
        return DeliveryResult(status, error, time.monotonic() - began, retry_after_s, is_final)
