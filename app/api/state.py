"""The state that routes share: opened when the application starts, closed when it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from app import __version__
from app.analysis.child_pool import AnalyzeFn, AnyAnalyzer
from app.api.admission import AnalysisPool
from app.api.analyses.answer_cache import AnswerCache
from app.api.batches.state import BatchState, open_batch_state
from app.api.keys import KeyRing
from app.calibration.file import EyesEntry
from app.fetch.fetcher import Fetcher
from app.fetch.rate_limit import HostCooldowns
from app.runtime.batch_tools import fetch_policy
from app.runtime.observability import Metrics
from app.settings import Settings


@dataclass(frozen=True, eq=False)
class AppState:
    """``not_ready_reasons``: why this process should get no traffic; empty when it is ready."""

    settings: Settings
    metrics: Metrics
    analysis_pool: AnalysisPool
    fetcher: Fetcher
    analyze: AnalyzeFn
    model: Mapping[str, Any]
    template_eyes: Mapping[str, EyesEntry]
    not_ready_reasons: tuple[str, ...]
    keys: KeyRing
    batches: BatchState
    answers: AnswerCache


OpenAnalyzer = Callable[[Settings], AnyAnalyzer]


async def app_state(request: Request) -> AppState:
    """The state of the application that serves ``request``.

    Dependencies are coroutines: FastAPI would run functions on threads.
    """
    state: AppState = request.app.state.app_state
    return state


State = Annotated[AppState, Depends(app_state)]


@asynccontextmanager
async def open_app_state(
    settings: Settings, metrics: Metrics, open_analyzer: OpenAnalyzer
) -> AsyncIterator[AppState]:
    """Load and warm everything, then close it in the opposite order.

    The canary picture is scored from every thread before the first request, so that models are
    warm. Raises what loading raises: a service with the wrong models does not start.
    """
    settings.require_keys_if_public()
    analyzer = open_analyzer(settings)
    metrics.track_analyzer(analyzer)
    metrics.set_build(analyzer.model.description.get("id", ""))
    cooldowns = HostCooldowns()  # one: a host that asks for rest gets it from the whole process
    keys = KeyRing(settings.parsed_api_keys())
    is_shared = keys.owner_count > 1
    analysis_pool = AnalysisPool(
        settings.workers, settings.queue_size, metrics, is_shared=is_shared
    )
    try:
        canary_errors = await analysis_pool.run_on_every_thread(analyzer.check_canary)
        async with (
            Fetcher(fetch_policy(settings), cooldowns=cooldowns) as fetcher,
            open_batch_state(
                settings, analyzer, metrics, cooldowns, is_shared=is_shared
            ) as batches,
        ):
            yield AppState(
                settings=settings,
                metrics=metrics,
                analysis_pool=analysis_pool,
                fetcher=fetcher,
                analyze=analyzer,
                model=analyzer.model.description,
                template_eyes=analyzer.model.template_eyes,
                not_ready_reasons=tuple(sorted({c for c in canary_errors if c is not None})),
                keys=keys,
                batches=batches,
                answers=AnswerCache(
                    batches.service.answers,
                    batches.read,
                    settings.reuse_answers,
                    settings.retention_s,
                    _describe_model(analyzer, settings),
                ),
            )
    finally:
        await analysis_pool.close()
        analyzer.close()


def _describe_model(analyzer: AnyAnalyzer, settings: Settings) -> str:
    """What answers depend on beside the picture and the prior, as text."""
    calibration = analyzer.model.description.get("id", "")
    return repr((__version__, calibration, settings.base_rate, settings.framed_share))
