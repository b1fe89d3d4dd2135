"""A service at and beyond its capacity: ``make bench-load [ARGS="--seconds 60 --times 3"]``.

A whole ``eyeline serve`` on loopback. First its capacity: as many callers as it has threads, each
sending the next valid picture after a response. Then an open loop at ``times`` that rate: valid
pictures, broken ones, huge ones, bombs, and slowly sent bodies (``MIX``), while ``/livez`` is
requested ten times a second and other connections never finish a header. Then the attacks of
``attacks``, each against its own service with 1,024 open files; the memory of the service under
hostile lists (``memory``); and another owner's list beside each kind of hog (``fairness``). The
callers share the machine with the service. Prints one JSON object; exit code 1 if anything was
answered with 5xx, or a table holds a pickle.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp

from benchmarks.__main__ import fixture_pictures
from benchmarks.attacks import ATTACKS, DESCRIPTORS

ROOT: Final = Path(__file__).resolve().parent.parent
HOSTILE: Final = ROOT / "fixtures" / "faces" / "hostile"
MIX: Final = {"good": 0.70, "broken": 0.12, "huge": 0.05, "bomb": 0.08, "slow": 0.05}
SLOW_S: Final = 3.0
SLOWLORIS_PER_S: Final = 5


class CallStats:
    """Response statistics of the callers. Times in seconds."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.by_kind: dict[str, Counter[int]] = {kind: Counter() for kind in MIX}
        self.accepted_s: list[float] = []
        self.refused_s: list[float] = []
        self.aborted = 0

    def record(self, kind: str, status: int, took_s: float) -> None:
        self.statuses[status] += 1
        self.by_kind[kind][status] += 1
        (self.refused_s if status == 429 else self.accepted_s).append(took_s)


class RequestBodies:
    """Bodies by kind, drawn by a seed."""

    def __init__(self) -> None:
        self._rng = random.Random(0)  # noqa: S311 - a sample, not a secret
        broken = [
            (HOSTILE / name).read_bytes() for name in ("truncated.jpg", "page.jpg", "stub.png")
        ]
        bombs = [path.read_bytes() for path in sorted(HOSTILE.glob("bomb*"))]
        self._kinds: dict[str, Sequence[bytes]] = {
            "good": fixture_pictures(60),
            "broken": broken,
            "huge": [bytes(5_000_001), b"\xff\xd8" + b"\xff" * 4_900_000],
            "bomb": bombs,
            "slow": fixture_pictures(10),
        }

    def draw_kind(self) -> str:
        return self._rng.choices(list(MIX), list(MIX.values()))[0]

    def draw_body(self, kind: str) -> bytes:
        return self._rng.choice(self._kinds[kind])


@contextlib.asynccontextmanager
async def start_service(
    descriptors: int | None = None, keys: str = ""
) -> AsyncIterator[tuple[str, int]]:
    """Its URL and process id. ``descriptors``: its limit on open files. ``keys``: of callers."""
    limit = ("prlimit", f"--nofile={descriptors}:{descriptors}") if descriptors else ()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"  # an unread pipe would block the service
        with log.open("wb") as stderr:
            process = await asyncio.create_subprocess_exec(
                *(*limit, sys.executable, "-m", "app", "serve", "--port", "0"),
                stderr=stderr,
                env={**os.environ, "EYELINE_DATA_DIR": folder, "EYELINE_API_KEYS": keys},
                cwd=ROOT,
            )
        try:
            while not (match := re.search(r"running on (http://[0-9.:]+)", log.read_text())):
                if process.returncode is not None:
                    raise SystemExit("the service did not start")
                await asyncio.sleep(0.1)
            yield match[1], process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            await process.wait()


async def send(
    session: aiohttp.ClientSession,
    stats: CallStats,
    kind: str,
    body: bytes,
    timeout_s: float = 60.0,
) -> None:
    """Send one request and record the response."""
    data: Any = _trickle(body) if kind == "slow" else body
    start = time.perf_counter()
    try:
        async with session.post(
            "/v1/analyses",
            data=data,
            headers={"Content-Type": "image/jpeg"},
            timeout=aiohttp.ClientTimeout(total=timeout_s),
        ) as answer:
            await answer.read()
            stats.record(kind, answer.status, time.perf_counter() - start)
    except (aiohttp.ClientError, TimeoutError, ConnectionError):
        stats.aborted += 1


async def _trickle(body: bytes) -> AsyncIterator[bytes]:
    step = max(1, len(body) // 10)
    for at in range(0, len(body), step):
        yield body[at : at + step]
        await asyncio.sleep(SLOW_S / 10)


async def measure_capacity(session: aiohttp.ClientSession, seconds: float, callers: int) -> float:
    """Good pictures answered a second."""
    stats, bodies, deadline = CallStats(), RequestBodies(), time.perf_counter() + seconds

    async def call() -> None:
        while time.perf_counter() < deadline:
            await send(session, stats, "good", bodies.draw_body("good"))

    start = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(callers)))
    return stats.statuses[200] / (time.perf_counter() - start)


async def send_at_rate(session: aiohttp.ClientSession, rate: float, seconds: float) -> CallStats:
    """Send ``rate`` requests a second, independent of the responses."""
    stats, bodies, start = CallStats(), RequestBodies(), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(round(rate * seconds)):
            kind = bodies.draw_kind()
            group.create_task(send(session, stats, kind, bodies.draw_body(kind)))
            await asyncio.sleep(max(0.0, start + (number + 1) / rate - time.perf_counter()))
    return stats


async def run_attack(name: str, seconds: float) -> dict[str, Any]:
    """Latency of /livez during the attack, on a new connection each time."""
    async with start_service(DESCRIPTORS) as (url, pid):
        host, port = url.removeprefix("http://").split(":")
        async with monitor_process(url, pid, "fresh") as samples:
            attempt = await ATTACKS[name](host, int(port), seconds)
    return {
        **attempt,
        "livez_ms": quantiles_ms(samples["livez_s"]),
        "service_mb_max": _rounded(samples["service_mb"], max),
    }


@contextlib.asynccontextmanager
async def monitor_process(
    url: str, pid: int, *options: str
) -> AsyncIterator[dict[str, list[float]]]:
    """The samples of ``benchmarks.monitor`` during the block; filled at its end."""
    samples: dict[str, list[float]] = {}
    monitor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.monitor", url, str(pid), *options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    yield samples
    output, _ = await monitor.communicate(b"")  # which closes its input
    samples.update(json.loads(output))


async def open_slowloris(url: str) -> None:
    """Open connections that never finish their header, until cancelled."""
    host, port = url.removeprefix("http://").split(":")
    writers = []
    while True:
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /v1/analyses HTTP/1.1\r\nHost: localhost\r\nX-Slow:")
        writers.append(writer)
        await asyncio.sleep(1.0 / SLOWLORIS_PER_S)


def quantiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and maximum."""
    if len(seconds) < 2:
        return {}
    cuts = statistics.quantiles(seconds, n=100)
    named = {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "max": max(seconds)}
    return {name: round(1000.0 * value, 1) for name, value in named.items()}


def _rounded(values: Sequence[float], reduce: Callable[[Sequence[float]], float]) -> float:
    return round(reduce(values), 1) if values else 0.0


async def run_benchmark(seconds: float, times: float, warm_s: float) -> dict[str, Any]:
    """Everything, as one object."""
    unlimited = aiohttp.TCPConnector(limit=0, force_close=True)
    async with (
        start_service() as (url, pid),
        aiohttp.ClientSession(url, connector=unlimited) as session,
    ):
        capacity_per_s = await measure_capacity(session, warm_s, os.cpu_count() or 1)
        async with monitor_process(url, pid) as samples:
            slowloris = asyncio.create_task(open_slowloris(url))
            start = time.perf_counter()
            stats = await send_at_rate(session, times * capacity_per_s, seconds)
            took_s = time.perf_counter() - start
            slowloris.cancel()
    total = sum(stats.statuses.values())
    half = len(samples["service_mb"]) // 2
    return {
        "seconds": round(took_s, 1),
        "capacity_per_second": round(capacity_per_s, 1),
        "offered_per_second": round(times * capacity_per_s, 1),
        "requests": total,
        "analysed_per_second": round(stats.statuses[200] / took_s, 1),
        "statuses": {str(s): n for s, n in sorted(stats.statuses.items())},
        "by_kind": {k: {str(s): n for s, n in sorted(c.items())} for k, c in stats.by_kind.items()},
        "share_429": round(stats.statuses[429] / max(1, total), 3),
        "server_errors": sum(n for status, n in stats.statuses.items() if status >= 500),
        "broken_off": stats.aborted,
        "accepted_ms": quantiles_ms(stats.accepted_s),
        "refused_ms": quantiles_ms(stats.refused_s),
        "livez_ms": quantiles_ms(samples["livez_s"]),
        "service_mb": {
            "first_half_max": _rounded(samples["service_mb"][:half], max),
            "second_half_max": _rounded(samples["service_mb"][half:], max),
        },
        "decoders_mb_max": _rounded(samples["children_mb"], max),
        "load_average": [round(each, 1) for each in os.getloadavg()],
        "cores": os.cpu_count(),
    }


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(prog="make bench-load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="0: the attacks alone")
    parser.add_argument("--times", type=float, default=3.0, help="of capacity")
    parser.add_argument("--warm", type=float, default=10.0, help="seconds to measure capacity in")
    parser.add_argument("--attack-seconds", type=float, default=10.0, help="of each attempt")
    arguments = parser.parse_args()
    result: dict[str, Any] = {"server_errors": 0}
    if arguments.seconds > 0:
        result = asyncio.run(run_benchmark(arguments.seconds, arguments.times, arguments.warm))
    result["attacks"] = {
        name: asyncio.run(run_attack(name, arguments.attack_seconds)) for name in ATTACKS
    }
    from benchmarks import fairness, memory

    result["lists"] = asyncio.run(memory.measure_lists(list(memory.ATTEMPTS)))
    result["beside"] = asyncio.run(fairness.measure_hogs())
    result["server_errors"] += sum(
        each["server_errors"] for part in ("lists", "beside") for each in result[part].values()
    )
    print(json.dumps(result, indent=2))
    raise SystemExit(1 if result["server_errors"] else 0)


if __name__ == "__main__":
    main()
