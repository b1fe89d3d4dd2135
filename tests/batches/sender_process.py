"""A process that sends webhooks, for a test that kills it.

python -m tests.batches.sender_process DATA_DIR URL|- LEASE_S
"""

import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.batches.store.database import open_database
from app.batches.webhooks.sender import PostFn, WebhookSender
from app.fetch.fetcher import Fetcher
from app.fetch.policy import FetchPolicy


@asynccontextmanager
async def open_post() -> AsyncIterator[PostFn]:
    async with Fetcher(FetchPolicy(max_bytes=1000, allow=("127.0.0.1",))) as fetcher:
        yield fetcher.post


if __name__ == "__main__":
    folder, url, lease_s = sys.argv[1:]
    database = open_database(None if url == "-" else url, Path(folder))
    with WebhookSender(database.engine, open_post, [bytes(range(32))], lease_s=float(lease_s)):
        threading.Event().wait()
