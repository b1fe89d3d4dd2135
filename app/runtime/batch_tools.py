"""Builds the tools of batch processing: analysis, fetching and cohort summary."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from app.analysis.child_pool import AnalyzeFn
from app.batches.store.models import BatchRequest, BatchTools, FetchFn
from app.cohort.parameters import COHORT_FILE, load_parameters
from app.cohort.summary import summarize_results
from app.errors import RequestError
from app.fetch.fetcher import Fetcher
from app.fetch.policy import FetchPolicy
from app.fetch.rate_limit import HostCooldowns
from app.records import DrawingScope, ItemResult, PictureRecord
from app.runtime.observability import Metrics
from app.settings import Settings

HOST_WAIT_S: Final = 30.0
"""How long a list's picture may wait for its host's rate limit; no user waits for it."""


def build_tools(
    analyze: AnalyzeFn, settings: Settings, metrics: Metrics, holds: HostCooldowns | None = None
) -> BatchTools:
    """The tools; ``metrics`` counts every picture, and every one that could not be fetched or read.

    ``holds``: cooldowns shared with other fetchers of this process. Raises
    ``CohortParametersError`` if the cohort parameters are missing or malformed.
    """
    parameters = load_parameters(settings.models_dir / COHORT_FILE)
    policy = replace(fetch_policy(settings), max_wait_s=HOST_WAIT_S)
    holds = HostCooldowns() if holds is None else holds

    def analyze_and_count(
        data: bytes, prior: float, base_rate: float | None, sha256: str, drawings: DrawingScope
    ) -> PictureRecord:
        scope = drawings if settings.keep_overlays else "none"
        try:
            record = analyze(data, prior, base_rate=base_rate, sha256=sha256, drawings=scope)
        except RequestError as error:
            metrics.item_failures.labels(error.code).inc()
            raise
        metrics.count_analysis(record)
        return record

    @asynccontextmanager
    async def open_fetch() -> AsyncIterator[FetchFn]:
        async with Fetcher(policy, cooldowns=holds) as fetcher:

            async def fetch(url: str) -> bytes:
                try:
                    with metrics.time_stage("fetch"):
                        return await fetcher.fetch(url)
                except RequestError as error:
                    metrics.item_failures.labels(error.code).inc()
                    raise

            yield fetch

    def summarize_cohort(results: Iterable[ItemResult], new: BatchRequest) -> dict[str, Any]:
        return summarize_results(
            results,
            prior=new.prior,
            base_rate=new.base_rate or settings.base_rate,
            parameters=parameters,
        )

    opened: Callable[[], AbstractAsyncContextManager[FetchFn]] = open_fetch
    return BatchTools(
        analyze=analyze_and_count,
        open_fetch=opened,
        summarize_cohort=summarize_cohort,
        count_items=metrics.count_items,
    )


def fetch_policy(settings: Settings) -> FetchPolicy:
    """The fetch policy of the settings."""
    return FetchPolicy(
        max_bytes=settings.max_bytes, allow=settings.fetch_allow, only=settings.fetch_only
    )
