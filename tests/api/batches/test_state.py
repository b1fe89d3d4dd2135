"""The state of the batch routes: reading never waits long for a database that has frozen."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest

from app.api.batches import state
from app.api.batches.state import BatchLimits, BatchState
from app.batches.service import BatchService
from app.errors import DatabaseUnavailable
from app.runtime.batch_images import BatchImages
from app.runtime.batch_network import BatchNetworks


def test_a_frozen_database_is_unavailable_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "READ_TIMEOUT_S", 0.02)
    thawed = threading.Event()

    def frozen() -> None:
        thawed.wait(10)
        raise ConnectionError("nobody hears this any more")

    async def read() -> None:
        threads = ThreadPoolExecutor(2)
        batches = BatchState(
            cast(BatchService, None),
            cast(BatchImages, None),
            cast(BatchNetworks, None),
            Path(),
            threads,
            threads,
            threads,
            BatchLimits.create(is_shared=False),
        )
        assert await batches.read(str, 17) == "17"
        with pytest.raises(DatabaseUnavailable):
            await batches.read(frozen)
        thawed.set()
        await asyncio.to_thread(threads.shutdown)

    asyncio.run(read())
