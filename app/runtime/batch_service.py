"""Opens the batch service with its workers and webhook sender."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from app.analysis.child_pool import AnalyzeFn
from app.batches.service import BatchService
from app.batches.store.models import Batch
from app.batches.webhooks.messages import enqueue_webhook
from app.batches.webhooks.sender import PostFn, WebhookSender
from app.cohort.text import summary_sentences
from app.errors import FetchFailed
from app.fetch.fetcher import Fetcher
from app.fetch.policy import FetchPolicy
from app.fetch.rate_limit import HostCooldowns
from app.integrations.mastodon.webhook import REPORT_TARGET
from app.runtime.batch_tools import build_tools, fetch_policy
from app.runtime.memory import returning_memory
from app.runtime.observability import Metrics
from app.runtime.storage import resolve_spool_folder
from app.settings import Settings, SettingsError

if TYPE_CHECKING:
    from app.integrations.mastodon.delivery import ModeratorReports


@contextmanager
def open_batch_service(
    settings: Settings, analyze: AnalyzeFn, metrics: Metrics, holds: HostCooldowns | None = None
) -> Iterator[BatchService]:
    """Open the batch service in the configured database or data folder; closed in reverse order.

    ``holds``: cooldowns shared with other fetchers of this process. Raises what
    ``BatchService.open`` raises.
    """
    url = settings.database_url
    keys = settings.webhook_keys()
    holds = HostCooldowns() if holds is None else holds
    with ExitStack() as stack:
        stack.enter_context(returning_memory())
        service = stack.enter_context(
            BatchService.open(
                database_url=url.get_secret_value() if url else None,
                data_dir=settings.data_dir,
                tools=build_tools(analyze, settings, metrics, holds),
                workers=settings.batch_workers,
                retention_s=settings.retention_s,
                max_waiting_items=settings.max_waiting_items,
                max_kept_bytes=settings.max_kept_bytes,
                spool_dir=resolve_spool_folder(settings),
                min_free_bytes=settings.min_free_bytes,
                on_ended=_enqueue_webhook,
            )
        )
        reports = _open_moderator_reports(settings)
        if keys or reports is not None:
            open_post = partial(_open_webhook_post, fetch_policy(settings), service, reports)
            stack.enter_context(WebhookSender(service.engine, open_post, keys))
        yield service


def _open_moderator_reports(settings: Settings) -> ModeratorReports | None:
    """``None`` where no Mastodon is configured. Raises ``SettingsError`` without its library."""
    if settings.mastodon_token is None:
        return None
    try:
        from app.integrations.mastodon.delivery import ModeratorReports
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"EYELINE_MASTODON_TOKEN needs {error.name}: pip install 'eyeline[mastodon]'"
        ) from error
    return ModeratorReports.from_settings(settings)


def _enqueue_webhook(batch: Batch, engine: Any) -> None:
    """With the first thing that the list says as a whole."""
    sentences = summary_sentences(batch.cohort or {})
    enqueue_webhook(batch, engine, sentences[0] if sentences else None)


@asynccontextmanager
async def _open_webhook_post(
    policy: FetchPolicy,
    service: BatchService,
    reports: ModeratorReports | None,
) -> AsyncIterator[PostFn]:
    """Posts webhooks under the same fetch policy as pictures; ``reports`` go to Mastodon.

    What a host asks of either holds the other up in nothing.
    """
    async with Fetcher(policy) as fetcher:

        async def post(
            url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float
        ) -> int:
            if url != REPORT_TARGET:
                return await fetcher.post(url, body, headers, timeout_s=timeout_s)
            if reports is None:
                raise FetchFailed("This process has no EYELINE_MASTODON_TOKEN to report with.")
            return await asyncio.to_thread(reports.deliver, service, body, timeout_s)

        yield post
