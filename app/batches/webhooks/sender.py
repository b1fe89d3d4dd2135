"""Sends what is due, on a thread of its own, in every process that is given a key to sign with.

A message is sent at least once: a process that dies after sending and before writing that down has
it sent again by another, under the same id, by which receivers tell.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from types import TracebackType
from typing import Final, Protocol, Self

import sqlalchemy as sa

from app.batches.store.database import Database
from app.batches.webhooks import outbox
from app.batches.webhooks.messages import database_of
from app.batches.webhooks.outbox import Letter, Outcome
from app.errors import AvatarError, FetchFailed, UrlBlocked, UrlInvalid


def signed(message_id: str, at_s: int, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The headers of a message sent at ``at_s`` (seconds since 1970), signed with every key.

    Several keys are there while one is being replaced: a receiver needs to know any of them.
    """
    content = b"%s.%d.%s" % (message_id.encode(), at_s, body)
    signatures = (hmac.new(key, content, hashlib.sha256).digest() for key in keys)
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(s).decode()}" for s in signatures),
    }


POLL_S: Final = 1.0
TIMEOUT_S: Final = 15.0
LEASE_S: Final = 60.0
"""Longer than a try takes with everything around it; so long a message waits if its sender dies."""
AT_ONCE: Final = 16
LEAVE_S: Final = 3.0
"""What tries under way are given when the process ends."""
_SAID_CHARS: Final = 300

log = logging.getLogger("eyeline.jobs")


class Post(Protocol):
    """Sends a body to a URL and answers with the status; raises ``AvatarError``."""

    async def __call__(
        self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float
    ) -> int: ...


OpenPost = Callable[[], AbstractAsyncContextManager[Post]]


class Sender:
    """Begins at once; a context manager, or close it, before the database is closed.

    ``engine``: of the desk. ``open_post``: opens, on the sender's own event loop, what sends.
    ``keys``: every message is signed with each.
    """

    def __init__(
        self,
        engine: sa.Engine,
        open_post: OpenPost,
        keys: Sequence[bytes],
        *,
        poll_s: float = POLL_S,
        timeout_s: float = TIMEOUT_S,
        lease_s: float = LEASE_S,
    ) -> None:
        self._database: Database = database_of(engine)
        self._open_post = open_post
        self._keys = tuple(keys)
        self._poll_s = poll_s
        self._timeout_s = timeout_s
        self._lease_s = lease_s
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._serve, name="eyeline-webhooks", daemon=True)
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
        """Let what is under way end, for a moment; the rest is left to whoever comes next."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    def _serve(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._live())
        except Exception:
            log.exception("webhooks are not sent any more by this process")

    async def _live(self) -> None:
        under_way: set[asyncio.Task[None]] = set()
        async with self._open_post() as post:
            while not self._closing.is_set():
                for letter in await self._taken(AT_ONCE - len(under_way)):
                    task = asyncio.create_task(self._deliver(post, letter))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                await self._pause()
            if under_way:
                _, late = await asyncio.wait(under_way, timeout=LEAVE_S)
                for task in late:
                    task.cancel()
                await asyncio.gather(*late, return_exceptions=True)

    async def _taken(self, most: int) -> list[Letter]:
        try:
            if most <= 0 or not await asyncio.to_thread(outbox.is_due, self._database):
                return []
            return await asyncio.to_thread(outbox.take, self._database, most, self._lease_s)
        except Exception:
            log.exception("webhooks could not be read; it is tried again")
            return []

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._poll_s):
                await self._closing.wait()

    async def _deliver(self, post: Post, letter: Letter) -> None:
        try:
            outcome = await self._sent(post, letter)
            state = await asyncio.to_thread(outbox.record, self._database, letter, outcome)
        except asyncio.CancelledError:
            outbox.give_back(self._database, letter)
            raise
        except Exception:  # the lease ends, and it is sent again
            log.exception("a webhook could not be sent or written down: %s", letter.id)
        else:
            log.info("webhook %s: %s, %s", letter.id, outcome.status or outcome.error, state)

    async def _sent(self, post: Post, letter: Letter) -> Outcome:
        """One try. Where a redirect leads is nobody the caller named: it counts as a failure."""
        began = time.monotonic()
        headers = signed(letter.id, int(time.time()), letter.body, self._keys)
        status, error, rest_s, final = None, None, 0.0, False
        try:
            status = await post(letter.url, letter.body, headers, timeout_s=self._timeout_s)
        except AvatarError as raised:
            error = raised.detail[:_SAID_CHARS]
            final = isinstance(raised, UrlBlocked | UrlInvalid)
            if isinstance(raised, FetchFailed):
                rest_s = raised.retry_after_s or 0.0
        return Outcome(status, error, time.monotonic() - began, rest_s, final)
