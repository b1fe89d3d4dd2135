"""The service's memory while it is sent what asks for far more than it has bytes; part of ``load``.

``python -m benchmarks.memory [NAME...]``: one service on loopback. Each of ``HOSTILE_LISTS`` is
sent, and what was accepted is read in every form; AVIF decoys are sent as single pictures. Prints
the resident memory of the service (and of its child processes) at rest, at its peak, and within a
minute after, MB; the latency of /livez meanwhile; and whether a table holds a pickle at the end.
Each is printed on stderr as soon as it is known.
"""

from __future__ import annotations

import asyncio
import base64
import sqlite3
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import aiohttp

from benchmarks.attempts import print_attempt, run_named
from benchmarks.costly_pictures import COSTLY_PICTURES
from benchmarks.hostile_lists import HOSTILE_LISTS, URL, HostileList
from benchmarks.load import monitor_process, quantiles_ms, start_service
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
DECOYS: Final = 40
_PICKLE_STARTS: Final = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")

Attempt = Callable[[aiohttp.ClientSession], Awaitable[dict[str, Any]]]


async def send_list(session: aiohttp.ClientSession, sent: HostileList) -> dict[str, Any]:
    """Send it, wait for its end, read it in every form, and erase it."""
    media_type, body = sent
    statuses: Counter[int] = Counter()
    result: dict[str, Any] = {"body_mb": round(len(body) / 1e6, 2)}
    headers = {"Content-Type": media_type}
    async with session.post("/v1/batches", data=body, headers=headers) as answer:
        batch = await answer.json()
        statuses[answer.status] += 1
    if answer.status != 202:
        return {**result, "refused": batch.get("detail"), "statuses": dict(statuses)}
    path, read_bytes = f"/v1/batches/{batch['id']}", 0
    while batch["status"] not in ("completed", "failed"):
        await asyncio.sleep(0.5)
        async with session.get(path) as answer:
            batch = await answer.json()
    for name in READ_AS:
        async with session.get(f"{path}/{name}") as answer:
            statuses[answer.status] += 1
            async for chunk in answer.content.iter_chunked(1 << 16):
                read_bytes += len(chunk)
    began = time.perf_counter()
    async with session.delete(path) as answer:
        statuses[answer.status] += 1
    return {
        **result,
        "counts": batch["request_counts"],
        "read_mb": round(read_bytes / 1e6, 1),
        "delete_s": round(time.perf_counter() - began, 3),
        "statuses": dict(statuses),
    }


async def send_decoys(session: aiohttp.ClientSession) -> dict[str, Any]:
    """AVIF that announces a small picture and holds a large one, as single pictures."""
    statuses: Counter[int] = Counter()
    body = COSTLY_PICTURES["decoy.avif"]()
    for _ in range(DECOYS):
        headers = {"Content-Type": "image/avif"}
        async with session.post("/v1/analyses", data=body, headers=headers) as answer:
            code = (await answer.json()).get("code")
            statuses[answer.status] += 1
    return {"body_mb": round(len(body) / 1e6, 4), "refused": code, "statuses": dict(statuses)}


def _attempt_with(make: Callable[[], HostileList]) -> Attempt:
    return lambda session: send_list(session, make())


ATTEMPTS: Final[dict[str, Attempt]] = {
    **{name: _attempt_with(make) for name, make in HOSTILE_LISTS.items()},
    "avif_decoys": send_decoys,
}


async def measure_attempt(
    url: str, pid: int, session: aiohttp.ClientSession, attempt: Attempt
) -> dict[str, Any]:
    """Memory of process ``pid`` before, at its peak and after ``attempt``."""
    rest_mb, start = resident_mb(pid), time.perf_counter()
    async with monitor_process(url, pid, "fresh") as samples:
        result = await attempt(session)
        took_s = time.perf_counter() - start
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
        "children_mb_max": round(max(samples["children_mb"], default=0.0), 1),
        "livez_ms": quantiles_ms(samples["livez_s"]),
        "seconds": round(took_s, 1),
        "server_errors": sum(n for status, n in result["statuses"].items() if status >= 500),
        **result,
    }


async def measure_lists(names: list[str]) -> dict[str, Any]:
    """``measure_attempt`` of each, on one service that a small list has warmed up."""
    timeout = aiohttp.ClientTimeout(total=900.0)
    async with (
        start_service() as (url, pid),
        aiohttp.ClientSession(url, timeout=timeout) as session,
    ):
        await send_list(session, ("text/csv", f"url\n{URL.format(0)}\n".encode()))
        measured: dict[str, Any] = {}
        for name in names:
            measured[name] = await measure_attempt(url, pid, session, ATTEMPTS[name])
            print_attempt(name, measured[name])
        pickles = count_pickles(_data_dir(pid) / "eyeline.sqlite")
    return {**measured, "tables": {"pickles": pickles, "server_errors": pickles}}


def count_pickles(database: Path) -> int:
    """Values that begin as a pickle does, in every table, as bytes or in base64."""
    found = 0
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
            rows = connection.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - of the schema
            found += sum(_is_pickle(value) for row in rows for value in row)
    return found


def _is_pickle(value: object) -> bool:
    if isinstance(value, str):
        try:
            value = base64.b64decode(value[:8], validate=True)
        except ValueError:
            return False
    return isinstance(value, bytes) and value.startswith(_PICKLE_STARTS)


def _data_dir(pid: int) -> Path:
    entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\x00")
    settings = dict(entry.split(b"=", 1) for entry in entries if b"=" in entry)
    return Path(settings[b"EYELINE_DATA_DIR"].decode())


if __name__ == "__main__":
    run_named("memory", __doc__ or "", ATTEMPTS, measure_lists)
