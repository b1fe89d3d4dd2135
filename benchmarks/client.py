"""What several benchmarks ask of a service on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp


async def complete_batch(
    session: aiohttp.ClientSession, body: bytes, headers: Mapping[str, str], check_every_s: float
) -> dict[str, Any]:
    """Send a zip of pictures; the batch, once it is completed or has failed."""
    headers = {**headers, "Content-Type": "application/zip"}
    async with session.post("/v1/batches", data=body, headers=headers) as answer:
        answer.raise_for_status()
        batch: dict[str, Any] = await answer.json()
    while batch["status"] not in ("completed", "failed"):
        await asyncio.sleep(check_every_s)
        async with session.get(f"/v1/batches/{batch['id']}", headers=headers) as answer:
            batch = await answer.json()
    return batch
