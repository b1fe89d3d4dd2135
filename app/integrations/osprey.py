"""A plugin of Osprey's async worker: functions of its rule language that ask a running Eyeline.

    Ordinary = AvatarLlr(url=AvatarUrl, against='ordinary')
    Framed = AvatarLlr(url=AvatarUrl, against='framed')
    LooksGenerated = Rule(when_all=[Ordinary >= 2.0, Framed >= 1.0], description='…')

``AvatarRatios(url=…)`` gives both at once. Osprey's configuration names the service
(``EYELINE_URL``) and a key (``EYELINE_API_KEY``), if it needs one. An avatar is asked for once in
an execution, however many rules look at it. This file imports nothing else of Eyeline: Osprey's
environment needs it, and aiohttp.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import aiohttp
from osprey.async_worker.adaptor.interfaces import AsyncUDFBase
from osprey.async_worker.adaptor.plugin_manager import hookimpl_osprey_async
from osprey.async_worker.lib.external_service import AsyncExternalService
from osprey.engine.executor.execution_context import ExecutionContext, ExpectedUdfException
from osprey.engine.udf.arguments import ArgumentsBase, ConstExpr
from osprey.engine.udf.base import UDFBase
from osprey.worker.lib.config import Config

Ratios = tuple[float, float]
"""log10 likelihood ratios against an ordinary avatar, and against a photograph cut alike."""
ALTERNATIVES: Final = ("ordinary", "framed")
TIMEOUT_S: Final = 15.0
MAX_CONNECTIONS: Final = 16
_PICTURE_STATUSES: Final = frozenset({400, 403, 413, 415, 422, 424})
"""Of an answer that says something of the picture or its URL, and nothing of the service."""


class EyelineClient(AsyncExternalService[str, Ratios]):
    """Both ratios of the avatar behind a URL."""

    def __init__(self, service_url: str, api_key: str | None = None) -> None:
        self._url = f"{service_url.rstrip('/')}/v1/analyses"
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def get_from_service(self, key: str) -> Ratios:
        """Raises ``ExpectedUdfException`` where there is no face to measure, or no picture."""
        async with self._open_session().post(self._url, json={"url": key}) as response:
            if response.status in _PICTURE_STATUSES:
                raise ExpectedUdfException
            response.raise_for_status()
            answer = await response.json()
        if answer["outcome"] != "scored":
            raise ExpectedUdfException
        against = answer["against"]
        return against["ordinary"]["llr"], against["framed"]["llr"]

    def _open_session(self) -> aiohttp.ClientSession:
        """One for the event loop that runs: its connections belong to it."""
        loop = asyncio.get_running_loop()
        if self._session is None or self._session.closed or self._loop is not loop:
            self._loop = loop
            self._session = aiohttp.ClientSession(
                headers=self._headers,
                connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            )
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


class UrlArguments(ArgumentsBase):
    """``url``: of the avatar."""

    url: str


class RatioArguments(ArgumentsBase):
    """``against``: ``'ordinary'`` or ``'framed'``."""

    url: str
    against: ConstExpr[str]


class AvatarRatios(AsyncUDFBase[UrlArguments, list[float]]):
    """Both log10 likelihood ratios that an avatar is StyleGAN-made: [ordinary, framed]."""

    execute_async = True

    async def async_execute(
        self, execution_context: ExecutionContext, arguments: UrlArguments
    ) -> list[float]:
        return list(await _read_ratios(self, execution_context, arguments.url))


class AvatarLlr(AsyncUDFBase[RatioArguments, float]):
    """One log10 likelihood ratio that an avatar is StyleGAN-made, against 'ordinary' or 'framed'.

    Positive numbers speak for a generator. 'ordinary' compares with ordinary avatars, 'framed' with
    real photographs that were cut as a generator cuts; act on both.
    """

    execute_async = True

    def __init__(self, validation_context: Any, arguments: RatioArguments) -> None:
        super().__init__(validation_context, arguments)
        against = arguments.against
        if against.value not in ALTERNATIVES:
            validation_context.add_error(
                message="unknown alternative",
                span=against.argument_span,
                hint=f"use one of: {', '.join(ALTERNATIVES)}",
            )

    async def async_execute(
        self, execution_context: ExecutionContext, arguments: RatioArguments
    ) -> float:
        ratios = await _read_ratios(self, execution_context, arguments.url)
        return ratios[ALTERNATIVES.index(arguments.against.value)]


async def _read_ratios(udf: Any, execution_context: Any, url: str) -> Ratios:
    client = execution_context.get_udf_helper(udf)
    accessor = execution_context.get_async_external_service_accessor(client)
    ratios: Ratios = await accessor.get(url)
    return ratios


@hookimpl_osprey_async
def register_udfs() -> Sequence[type[UDFBase[Any, Any]]]:
    """The functions that rules may call."""
    return [AvatarRatios, AvatarLlr]


@hookimpl_osprey_async
def register_udf_helpers(config: Config) -> Sequence[tuple[type[UDFBase[Any, Any]], EyelineClient]]:
    """One client for all of them, so that they share what they asked."""
    client = EyelineClient(
        config.expect_str("EYELINE_URL"), config.get_optional_str("EYELINE_API_KEY")
    )
    return [(AvatarRatios, client), (AvatarLlr, client)]
