"""Opens the batch service with its workers and webhook sender."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial

from app.analysis.child_pool import AnalyzeFn
from app.batches.service import BatchService
from app.batches.webhooks.messages import enqueue_webhook
from app.batches.webhooks.sender import PostFn, WebhookSender
from app.fetch.fetcher import Fetcher
from app.fetch.policy import FetchPolicy
from app.fetch.rate_limit import HostCooldowns
from app.runtime.batch_tools import build_tools, fetch_policy
from app.runtime.observability import Metrics
from app.settings import Settings


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
        service = stack.enter_context(
            BatchService.open(
                database_url=url.get_secret_value() if url else None,
                data_dir=settings.data_dir,
                tools=build_tools(analyze, settings, metrics, holds),
                workers=settings.batch_workers,
                retention_s=settings.retention_s,
                max_waiting_items=settings.max_waiting_items,
                on_ended=enqueue_webhook,
            )
        )
        if keys:
            open_post = partial(_open_webhook_post, fetch_policy(settings), holds)
            stack.enter_context(WebhookSender(service.engine, open_post, keys))
        yield service


@asynccontextmanager
async def _open_webhook_post(policy: FetchPolicy, holds: HostCooldowns) -> AsyncIterator[PostFn]:
    """Posts webhooks under the same fetch policy as pictures."""
    async with Fetcher(policy, cooldowns=holds) as fetcher:
        yield fetcher.post
