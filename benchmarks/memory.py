"""The service's memory while it is sent hostile lists: ``python -m benchmarks.memory [NAME...]``.

One service on loopback. Each of ``HOSTILE_LISTS`` is sent, and what was accepted is read in every
form. Prints the resident memory of the service (its child processes apart) at rest, at its peak,
and within a minute after, MB.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from typing import Any, Final

import aiohttp

from benchmarks.hostile_lists import HOSTILE_LISTS, URL, HostileList
from benchmarks.load import monitor_process, start_service
from benchmarks.monitor import resident_mb

READ_AS: Final = (
    "results?format=csv",
    "results?format=ndjson",
    "results?limit=1000",
    "results?limit=1000&order=-llr",
    "report.html",
    "montage.png",
)
GIVEN_BACK_S: Final = 60.0
GIVEN_BACK_MB: Final = 25.0
"""Above rest; what is left then is caches that have filled, and do not grow."""


async def send_list(session: aiohttp.ClientSession, sent: HostileList) -> dict[str, Any]:
    """Send it, wait for its end, read it in every form, and erase it."""
    media_type, body = sent
    start = time.perf_counter()
    async with session.post(
        "/v1/batches", data=body, headers={"Content-Type": media_type}
    ) as answer:
        batch = await answer.json()
        statuses = {"submit": answer.status}
    result: dict[str, Any] = {"body_mb": round(len(body) / 1e6, 2)}
    if answer.status == 202:
        path = f"/v1/batches/{batch['id']}"
        while batch["status"] not in ("completed", "failed"):
            await asyncio.sleep(0.5)
            async with session.get(path) as answer:
                batch = await answer.json()
        result["counts"] = batch["request_counts"]
        read_bytes = 0
        for name in READ_AS:
            async with session.get(f"{path}/{name}") as answer:
                statuses[name] = answer.status
                async for chunk in answer.content.iter_chunked(1 << 16):
                    read_bytes += len(chunk)
        result["read_mb"] = round(read_bytes / 1e6, 1)
        async with session.delete(path) as answer:
            statuses["delete"] = answer.status
    else:
        result["refused"] = batch.get("detail")
    return {**result, "statuses": statuses, "seconds": round(time.perf_counter() - start, 1)}


async def measure_list(
    url: str, pid: int, session: aiohttp.ClientSession, sent: HostileList
) -> dict[str, Any]:
    """Memory of process ``pid`` before, at its peak and after ``sent``."""
    rest_mb = resident_mb(pid)
    async with monitor_process(url, pid) as samples:
        result = await send_list(session, sent)
    peak_mb = max([rest_mb, *samples["service_mb"]])
    start = time.perf_counter()
    while (after_mb := resident_mb(pid)) > rest_mb + GIVEN_BACK_MB:
        if time.perf_counter() - start > GIVEN_BACK_S:
            break
        await asyncio.sleep(1.0)
    return {
        "rest_mb": round(rest_mb, 1),
        "peak_mb": round(peak_mb, 1),
        "after_mb": round(after_mb, 1),
        "above_rest_mb": round(peak_mb - rest_mb, 1),
        "given_back_after_s": round(time.perf_counter() - start, 1),
        **result,
    }


async def measure_lists(names: list[str]) -> dict[str, Any]:
    """``measure_list`` of each, on one service that a small list has warmed up."""
    timeout = aiohttp.ClientTimeout(total=900.0)
    async with (
        start_service() as (url, pid),
        aiohttp.ClientSession(url, timeout=timeout) as session,
    ):
        await send_list(session, ("text/csv", f"url\n{URL.format(0)}\n".encode()))
        return {
            name: await measure_list(url, pid, session, HOSTILE_LISTS[name]()) for name in names
        }


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(prog="memory", description=__doc__)
    parser.add_argument("names", nargs="*", default=list(HOSTILE_LISTS), metavar="NAME")
    names = parser.parse_args().names
    result = asyncio.run(measure_lists(names))
    load = [round(each, 1) for each in os.getloadavg()]
    print(json.dumps({"lists": result, "load_average": load}, indent=2))


if __name__ == "__main__":
    main()
