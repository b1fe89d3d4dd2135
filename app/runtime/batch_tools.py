"""What follower lists are worked on with: who looks, who fetches, and the cohort, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from app import cohort
from app.analysis.child_pool import Look
from app.batches.store.models import Fetch, NewBatch, Tools
from app.errors import AvatarError
from app.fetch import Fetcher, FetchPolicy, Holds
from app.records import Finding, Result
from app.runtime.observability import Metrics
from app.settings import Settings

PATIENCE_S: Final = 30.0
"""How long a list's picture may wait for its turn at a host: nobody sits before it."""


def tools_of(look: Look, settings: Settings, metrics: Metrics, holds: Holds | None = None) -> Tools:
    """``metrics`` hears of every picture, and of every one that could not be had or read.

    ``holds``: shared with whoever else of this process fetches. Raises ``NumbersError`` if what
    lists are judged by is missing or malformed.
    """
    numbers = cohort.load(settings.models_dir / cohort.FILE)
    policy = replace(fetch_policy(settings), patience_s=PATIENCE_S)
    holds = Holds() if holds is None else holds

    def examine(data: bytes, prior: float) -> Finding:
        try:
            looked = look(data, prior)
        except AvatarError as error:
            metrics.item_failures.labels(error.code).inc()
            raise
        finding = looked.finding
        metrics.examined(finding.outcome, finding.verdict, looked.timings_ms)
        return finding

    @asynccontextmanager
    async def open_fetch() -> AsyncIterator[Fetch]:
        async with Fetcher(policy, holds=holds) as fetcher:

            async def fetch(url: str) -> bytes:
                try:
                    with metrics.stage("fetch"):
                        return await fetcher.fetch(url)
                except AvatarError as error:
                    metrics.item_failures.labels(error.code).inc()
                    raise

            yield fetch

    def summarise(results: Iterable[Result], new: NewBatch) -> dict[str, Any]:
        return cohort.summarise(
            results, prior=new.prior, base_rate=settings.base_rate, numbers=numbers
        )

    opened: Callable[[], AbstractAsyncContextManager[Fetch]] = open_fetch
    return Tools(examine=examine, open_fetch=opened, summarise=summarise)


def fetch_policy(settings: Settings) -> FetchPolicy:
    """What the operator lets be fetched."""
    return FetchPolicy(
        max_bytes=settings.max_bytes, allow=settings.fetch_allow, only=settings.fetch_only
    )
