"""Another owner's list of sixty good pictures, alone and beside each kind of hog; part of ``load``.

``python -m benchmarks.fairness [NAME...]``: one service on loopback with two keys. Prints how long
the sixty took, from their upload to their last result, and that as a multiple of the time alone,
which is measured right before. The callers share the machine with the service.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import statistics
import time
import zipfile
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp

from benchmarks.__main__ import fixture_pictures
from benchmarks.attacks import hold_idle_connections, send_one_byte_chunks
from benchmarks.attempts import print_attempt, run_named
from benchmarks.client import complete_batch
from benchmarks.hostile_lists import HOSTILE_LISTS, HostileList
from benchmarks.load import start_service

ITEMS: Final = 60
LONG_LISTS: Final = 6
LONG_LIST_ITEMS: Final = 600
HOG_S: Final = 60.0
HEAD_START_S: Final = 2.0
REST_S: Final = 1.0
PAIRS: Final = 3
KEYS: Final = "the key of the hog:name=hog,the key of another:name=other"
HOG: Final = {"Authorization": "Bearer the key of the hog"}
OTHER: Final = {"Authorization": "Bearer the key of another"}

Hog = Callable[[aiohttp.ClientSession, Counter[int]], Awaitable[None]]


@functools.cache
def _long_list(number: int) -> bytes:
    return _zip_of_pictures(LONG_LIST_ITEMS, f"hog {number}")


def _zip_of_pictures(count: int, tag: str) -> bytes:
    """``count`` pictures of which no two are the same bytes."""
    packed, pictures = io.BytesIO(), fixture_pictures(ITEMS)
    with zipfile.ZipFile(packed, "w") as archive:
        for n in range(count):
            archive.writestr(f"{n}.jpg", pictures[n % ITEMS] + f"{tag} {n}".encode())
    return packed.getvalue()


async def send_sixty(session: aiohttp.ClientSession, tag: str) -> float:
    """Seconds from the upload to the last result."""
    body, start = _zip_of_pictures(ITEMS, tag), time.perf_counter()
    batch = await complete_batch(session, body, OTHER, 0.1)
    if batch["request_counts"]["completed"] != ITEMS:
        raise SystemExit(f"not all of the sixty were answered: {batch['request_counts']}")
    return time.perf_counter() - start


def _hog_with_list(make: Callable[[], HostileList]) -> Hog:
    """Sends a list and exports it, over and over."""

    async def hog(session: aiohttp.ClientSession, statuses: Counter[int]) -> None:
        media_type, body = make()
        while True:
            headers = {**HOG, "Content-Type": media_type}
            async with session.post("/v1/batches", data=body, headers=headers) as answer:
                batch = await answer.json()
                statuses[answer.status] += 1
            if answer.status == 202:
                path = f"/v1/batches/{batch['id']}/results?format=csv"
                async with session.get(path, headers=HOG) as answer:
                    statuses[answer.status] += 1
                    await answer.read()
            await asyncio.sleep(0.1)

    return hog


async def send_long_lists(session: aiohttp.ClientSession, statuses: Counter[int]) -> None:
    """Good pictures, many times as many."""
    for n in range(LONG_LISTS):
        body = _long_list(n)  # made before anything is timed
        headers = {**HOG, "Content-Type": "application/zip"}
        async with session.post("/v1/batches", data=body, headers=headers) as answer:
            statuses[answer.status] += 1
    await asyncio.sleep(HOG_S)


async def send_single_pictures(session: aiohttp.ClientSession, statuses: Counter[int]) -> None:
    """As many single pictures at once as the service lets in."""

    async def call(n: int) -> None:
        picture = fixture_pictures(ITEMS)[n]
        headers = {**HOG, "Content-Type": "image/jpeg"}
        while True:
            async with session.post("/v1/analyses", data=picture, headers=headers) as answer:
                statuses[answer.status] += 1
                await answer.read()
            await asyncio.sleep(0.05 if answer.status == 429 else 0.0)

    async with asyncio.TaskGroup() as group:
        for n in range(20):
            group.create_task(call(n))


def _address(session: aiohttp.ClientSession) -> tuple[str, int]:
    base = session._base_url
    assert base is not None
    return str(base.host), int(base.port or 0)


async def send_chunks(session: aiohttp.ClientSession, _: Counter[int]) -> None:
    """Bodies in one-byte chunks."""
    await send_one_byte_chunks(*_address(session), HOG_S)


async def hold_connections(session: aiohttp.ClientSession, _: Counter[int]) -> None:
    """Idle connections."""
    await hold_idle_connections(*_address(session), HOG_S)


HOGS: Final[dict[str, Hog]] = {
    "wide_rows": _hog_with_list(HOSTILE_LISTS["wide_rows"]),
    "wide_members": _hog_with_list(HOSTILE_LISTS["wide_members"]),
    "bad_checksums": _hog_with_list(HOSTILE_LISTS["bad_checksums"]),
    "long_lists": send_long_lists,
    "single_pictures": send_single_pictures,
    "one_byte_chunks": send_chunks,
    "idle_connections": hold_connections,
}


async def measure_hogs(names: list[str] | None = None) -> dict[str, Any]:
    """The time of the sixty, alone and beside each hog: medians of ``PAIRS``.

    Other work on the machine comes and goes, so each time beside a hog has its own time alone.
    """
    connector = aiohttp.TCPConnector(limit=0)
    for n in range(LONG_LISTS):
        _long_list(n)
    async with (
        start_service(keys=KEYS) as (url, _),
        aiohttp.ClientSession(url, connector=connector) as session,
    ):
        await send_sixty(session, "warm")
        measured: dict[str, Any] = {}
        for name in names or HOGS:
            measured[name] = await _measure_hog(session, name)
            print_attempt(name, measured[name])
    return measured


async def _measure_hog(session: aiohttp.ClientSession, name: str) -> dict[str, Any]:
    statuses: Counter[int] = Counter()
    alone_s, beside_s = [], []
    for pair in range(PAIRS):
        alone_s.append(await send_sixty(session, f"{name} {pair} alone"))
        hog = asyncio.ensure_future(HOGS[name](session, statuses))
        await asyncio.sleep(HEAD_START_S)
        beside_s.append(await send_sixty(session, f"{name} {pair}"))
        hog.cancel()
        with contextlib.suppress(asyncio.CancelledError, aiohttp.ClientError, OSError):
            await hog
        await _erase_all(session)
        await asyncio.sleep(REST_S)
    times = [beside / alone for alone, beside in zip(alone_s, beside_s, strict=True)]
    return {
        "alone_s": round(statistics.median(alone_s), 2),
        "beside_s": round(statistics.median(beside_s), 2),
        "times": round(statistics.median(times), 2),
        "each": [round(each, 2) for each in times],
        "hog_statuses": dict(sorted(statuses.items())),
        "server_errors": sum(n for status, n in statuses.items() if status >= 500),
    }


async def _erase_all(session: aiohttp.ClientSession) -> None:
    """Erase what the hog sent, so that it is in nobody's way any more."""
    while True:
        async with session.get("/v1/batches?limit=100", headers=HOG) as answer:
            batches = (await answer.json())["data"]
        if not batches:
            return
        for batch in batches:
            async with session.delete(f"/v1/batches/{batch['id']}", headers=HOG):
                pass


if __name__ == "__main__":
    run_named("fairness", __doc__ or "", HOGS, measure_hogs)
