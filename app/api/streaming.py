"""Long answers: made while they are sent, a piece at a time, on threads of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping
from typing import Final

from starlette.concurrency import iterate_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from app.api.admission import Places

SEND_TIMEOUT_S: Final = 60.0
"""A reader who takes nothing for so long is taken to have gone, and loses its place."""


class Stream(StreamingResponse):
    """``pieces`` as they come; holds one of ``places`` until the end, whoever ends it.

    Takes the place when it is made; raises ``Busy``.
    """

    def __init__(
        self,
        pieces: Generator[bytes, None, None],
        places: Places,
        *,
        media_type: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(iterate_in_threadpool(pieces), media_type=media_type, headers=headers)
        places.take()
        self._pieces = pieces
        self._places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def within_time(message: Message) -> None:
            try:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await send(message)
            except TimeoutError as error:
                raise ClientDisconnect from error

        try:
            await super().__call__(scope, receive, within_time)
        finally:
            self._places.leave()
            await asyncio.to_thread(self._pieces.close)
