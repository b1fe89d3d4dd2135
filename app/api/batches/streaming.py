"""Long answers: made while they are sent, in blocks, on threads of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping
from typing import Final

from starlette.concurrency import iterate_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from app.api.admission import AdmissionLimit

SEND_TIMEOUT_S: Final = 60.0
"""A reader that takes nothing for so long is disconnected."""


class BoundedStreamingResponse(StreamingResponse):
    """``chunks`` as they come; counts against ``limit`` from its creation until its end.

    Raises ``Busy``.
    """

    def __init__(
        self,
        chunks: Generator[bytes, None, None],
        limit: AdmissionLimit,
        owner: str,
        *,
        media_type: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(iterate_in_threadpool(chunks), media_type=media_type, headers=headers)
        limit.acquire(owner)
        self._chunks = chunks
        self._limit, self._owner = limit, owner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_timeout(message: Message) -> None:
            try:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await send(message)
            except TimeoutError as error:
                raise ClientDisconnect from error

        try:
            await super().__call__(scope, receive, send_with_timeout)
        finally:
            self._limit.release(self._owner)
            await asyncio.to_thread(self._chunks.close)
