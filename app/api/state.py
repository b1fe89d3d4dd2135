"""What the routes share: made once when the application starts, closed when it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from app.analysis.analyzer import Analyst, Examine
from app.api.admission import Workshop
from app.api.batches.state import BatchRoom, open_batch_room
from app.api.keys import KeyRing
from app.fetch import Fetcher, Holds
from app.runtime.batch_tools import fetch_policy
from app.runtime.observability import Metrics
from app.settings import Settings


@dataclass(frozen=True, eq=False)
class House:
    """``complaints``: why this process should get no traffic; empty when it is ready."""

    settings: Settings
    metrics: Metrics
    workshop: Workshop
    fetcher: Fetcher
    examine: Examine
    decoders_bytes: Callable[[], list[int]]
    model: dict[str, Any]
    complaints: tuple[str, ...]
    keys: KeyRing
    batches: BatchRoom


Open = Callable[[Settings], Analyst]


def house(request: Request) -> House:
    """The house that this request came to."""
    found: House = request.app.state.house
    return found


@asynccontextmanager
async def open_house(
    settings: Settings, metrics: Metrics, open_analyst: Open
) -> AsyncIterator[House]:
    """Load and warm everything, then close it in the opposite order.

    Every thread scores the canary before the first request: models are warm, and proven. Raises
    what loading raises: a service with the wrong model or calibration does not start.
    """
    settings.refuse_open_door()
    analyst = open_analyst(settings)
    holds = Holds()  # one: a host that asks for rest has it from the whole process
    workshop = Workshop(settings.workers, settings.queue_size, metrics)
    try:
        found = await workshop.on_every_thread(analyst.complaint)
        async with (
            Fetcher(fetch_policy(settings), holds=holds) as fetcher,
            open_batch_room(settings, analyst, metrics, holds) as batches,
        ):
            yield House(
                settings=settings,
                metrics=metrics,
                workshop=workshop,
                fetcher=fetcher,
                examine=analyst,
                decoders_bytes=analyst.decoders_bytes,
                model=analyst.describe(),
                complaints=tuple(sorted({c for c in found if c is not None})),
                keys=KeyRing(settings.keys()),
                batches=batches,
            )
    finally:
        await workshop.close()
        analyst.close()
