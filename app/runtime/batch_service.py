"""A desk with everybody behind it: workers with real tools, and whoever sends webhooks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial

from app.analysis.child_pool import Examiners, Look
from app.batches.service import Desk
from app.batches.webhooks.messages import announce
from app.batches.webhooks.sender import Post, Sender
from app.fetch import Fetcher, FetchPolicy, Holds
from app.runtime.batch_tools import fetch_policy, tools_of
from app.runtime.observability import Metrics
from app.settings import Settings


@contextmanager
def staffed_desk(
    settings: Settings, look: Look, metrics: Metrics, holds: Holds | None = None
) -> Iterator[Desk]:
    """Open where the operator said that batches are kept; closed in the opposite order.

    ``holds``: shared with whoever else of this process fetches. Raises what opening a desk raises.
    """
    url = settings.database_url
    keys = settings.webhook_keys()
    holds = Holds() if holds is None else holds
    if isinstance(look, Examiners):
        metrics.examiners(look.resident_bytes)
    with ExitStack() as stack:
        desk = stack.enter_context(
            Desk.open(
                database_url=url.get_secret_value() if url else None,
                data_dir=settings.data_dir,
                tools=tools_of(look, settings, metrics, holds),
                workers=settings.batch_workers,
                retention_s=settings.retention_s,
                max_waiting_items=settings.max_waiting_items,
                on_ended=announce,
            )
        )
        if keys:
            send = partial(_open_post, fetch_policy(settings), holds)
            stack.enter_context(Sender(desk.engine, send, keys))
        yield desk


@asynccontextmanager
async def _open_post(policy: FetchPolicy, holds: Holds) -> AsyncIterator[Post]:
    """What sends webhooks: the same guard that pictures are fetched through."""
    async with Fetcher(policy, holds=holds) as fetcher:
        yield fetcher.post
