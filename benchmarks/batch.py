"""What the machinery around a list costs, and what a second worker brings.

    python -m benchmarks.batch files [CORPUS] [--pictures 600] [--threads 2] [--rounds 3]
    python -m benchmarks.batch http  [CORPUS] [--pictures 600] [--threads 2] [--rounds 3]
    python -m benchmarks.batch workers [CORPUS] --database-url postgresql://… [--pictures 600]
    python -m benchmarks.batch rows [--rows 1000000] [--kind blocked|wrong] [--database-url …]

`files`: pictures that came with a list, against the bare analysis of the same ones in a pool of as
many threads, in turns, unpacked in this process; what each costs in processor time, here and in the
children that look, does not depend on who else is busy.
`http`: the same from a server on loopback. `workers`: one process on one
core, then two on a core each; Postgres. `rows`: a list whose items fail at once, with what the
process holds in memory once a second. Each prints one JSON object. A database that is named is
filled, and emptied again at the end.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager, nullcontext
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from app.analysis.analyzer import Analyst
from app.analysis.child_pool import Examiners, look_here
from app.batches.service import Desk
from app.batches.store.models import Batch, Fetch, NewBatch, Tools
from app.cli.serve import work
from app.errors import NotAnImage, UrlBlocked
from app.records import Failure, Finding, Item
from app.runtime.batch_tools import tools_of
from app.runtime.observability import Metrics
from app.settings import Settings
from app.training.corpus import read
from benchmarks.__main__ import per_second, pictures, resident_mb, shipped

ADDRESS = "127.0.0.1"
READY = "ready"


def opened(url: str | None, folder: Path, tools: Tools, threads: int) -> Desk:
    """A desk as a service opens it."""
    return Desk.open(
        database_url=url,
        data_dir=folder,
        tools=tools,
        workers=threads,
        retention_s=3600,
        max_waiting_items=100_000_000,
    )


def finished(desk: Desk, batch: Batch) -> Batch:
    """The batch, once it has ended."""
    while not batch.ended:
        batch = desk.wait_for_change(batch.id, batch.new.owner, batch.revision, 5.0)
    return batch


def spread_s(batch: Batch) -> float:
    """Seconds from the list being in to its end."""
    ends = batch.reached[batch.status]
    return (
        ends - batch.reached[next(s for s in batch.reached if s == "in_progress")]
    ).total_seconds()


def distinct(todo: Sequence[bytes]) -> list[bytes]:
    """Each picture with a tail that no decoder minds: none is the same as another."""
    return [data + b"%08d" % n for n, data in enumerate(todo)]


def through_desk(desk: Desk, items: Iterator[Item]) -> float:
    """Items a second."""
    began = time.perf_counter()
    batch = finished(desk, desk.submit(NewBatch(prior=0.5), items)[0])
    elapsed = time.perf_counter() - began
    desk.delete(batch.id, "")
    return batch.total / elapsed


def held(todo: Sequence[bytes]) -> Iterator[Item]:
    """A list whose pictures came with it."""
    for seq, data in enumerate(todo):
        yield Item(seq, f"{seq}", payload=data)


def linked(todo: Sequence[bytes], port: int) -> Iterator[Item]:
    """A list of addresses."""
    for seq in range(len(todo)):
        url = f"http://{ADDRESS}:{port}/{seq}"
        yield Item(seq, url, url=url)


@contextmanager
def served(todo: Sequence[bytes]) -> Iterator[int]:
    """The port of a server that hands out ``todo`` by number."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            data = todo[int(self.path[1:])]
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer((ADDRESS, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


def against_bare(asked: argparse.Namespace, todo: list[bytes]) -> dict[str, Any]:
    """Items a second through the desk and through a bare pool, in turns."""
    settings = Settings(fetch_allow=(ADDRESS,), batch_workers=asked.threads)
    analyst = Analyst.load(Settings(isolate=False))
    rates: dict[str, list[float]] = {"bare": [], "batch": []}
    cpu_ms: dict[str, list[float]] = {"bare": [], "batch": []}

    def timed(name: str, run: Callable[[], float], examiners: Examiners) -> None:
        began = _spent_s(examiners)
        rates[name].append(run())
        cpu_ms[name].append(1000.0 * (_spent_s(examiners) - began) / len(todo))

    web = served(todo) if asked.what == "http" else nullcontext(0)
    with (
        tempfile.TemporaryDirectory() as folder,
        web as port,
        ThreadPoolExecutor(asked.threads) as pool,
        closing(Examiners(settings)) as examiners,
        opened(
            asked.database_url,
            Path(folder),
            tools_of(examiners, settings, Metrics()),
            asked.threads,
        ) as desk,
    ):
        listed = partial(linked, todo, port) if asked.what == "http" else partial(held, todo)
        per_second(analyst, todo[:16], pool)
        through_desk(desk, held(todo[:16]))
        for _ in range(asked.rounds):
            timed("bare", lambda: per_second(analyst, todo, pool), examiners)
            timed("batch", lambda: through_desk(desk, listed()), examiners)
    shares = [batch / bare for bare, batch in zip(rates["bare"], rates["batch"], strict=True)]
    return {
        "pictures": len(todo),
        "threads": asked.threads,
        "bare_per_second": [round(rate, 1) for rate in rates["bare"]],
        "batch_per_second": [round(rate, 1) for rate in rates["batch"]],
        "share": round(statistics.median(shares), 3),
        "bare_cpu_ms": [round(ms, 2) for ms in cpu_ms["bare"]],
        "batch_cpu_ms": [round(ms, 2) for ms in cpu_ms["batch"]],
    }


def _spent_s(examiners: Examiners) -> float:
    """Seconds of processor time, of this process and those that look for it."""
    return time.process_time() + examiners.spent_s()


def two_against_one(asked: argparse.Namespace, todo: list[bytes]) -> dict[str, Any]:
    """Items a second of one worker process on a core, and of two on a core each."""
    settings = Settings(isolate=False)
    tools = tools_of(look_here(Analyst.load(settings), settings), settings, Metrics())
    cores = sorted(os.sched_getaffinity(0))[:2]
    rates: dict[str, list[float]] = {"one": [], "two": []}
    for _ in range(asked.rounds):
        for name, used in (("one", cores[:1]), ("two", cores)):
            processes = [_start_worker(asked.database_url, core) for core in used]
            with opened(asked.database_url, Path(tempfile.gettempdir()), tools, 0) as desk:
                through_desk(desk, held(distinct(todo[:32])))  # everybody has made its finder
                batch = finished(desk, desk.submit(NewBatch(prior=0.5), held(todo))[0])
                rates[name].append(batch.total / spread_s(batch))
                desk.delete(batch.id, "")
            for process in processes:
                process.terminate()
                process.wait(60)
    gains = [two / one for one, two in zip(rates["one"], rates["two"], strict=True)]
    return {
        "pictures": len(todo),
        **{f"{name}_per_second": [round(r, 1) for r in each] for name, each in rates.items()},
        "gain": round(statistics.median(gains), 2),
    }


def _start_worker(url: str, core: int) -> subprocess.Popen[str]:
    command = ["taskset", "-c", str(core), sys.executable, "-m", "benchmarks.batch", "worker"]
    process = subprocess.Popen(  # noqa: S603
        [*command, "--database-url", url], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == READY
    return process


def as_worker(asked: argparse.Namespace) -> None:
    """One process with one thread, until it is told to go."""
    settings, folder = Settings(batch_workers=1), Path(tempfile.gettempdir())
    with closing(Examiners(settings)) as examiners:
        tools = tools_of(examiners, settings, Metrics())
        work(lambda: opened(asked.database_url, folder, tools, 1), lambda: print(READY, flush=True))


def many_rows(asked: argparse.Namespace) -> dict[str, Any]:
    """A list of items that fail at once, and the memory it takes."""
    seen: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(1.0):
            seen.append(round(resident_mb(), 1))

    with (
        tempfile.TemporaryDirectory() as folder,
        opened(asked.database_url, Path(folder), _failing(), asked.threads) as desk,
    ):
        threading.Thread(target=watch, daemon=True).start()
        before, began = resident_mb(), time.perf_counter()
        batch, _ = desk.submit(NewBatch(prior=0.5), _rows(asked.rows, asked.kind))
        taken_in = time.perf_counter() - began
        batch = finished(desk, batch)
        done = time.perf_counter() - began
        read_out = sum(1 for _ in desk.every(batch.id, "", thumbnails=False))
        streamed = time.perf_counter() - began - done
        desk.delete(batch.id, "")
        erased = time.perf_counter() - began - done - streamed
        over.set()
    return {
        "rows": batch.total,
        "failed": batch.failed,
        "read_out": read_out,
        "taken_in_s": round(taken_in, 1),
        "done_s": round(done, 1),
        "read_out_s": round(streamed, 1),
        "erased_s": round(erased, 1),
        "resident_mb_before": round(before, 1),
        "resident_mb_most": max(seen, default=0.0),
        "resident_mb_each_10_s": seen[::10],
    }


def _rows(count: int, kind: str) -> Iterator[Item]:
    wrong = Failure("row_unreadable", "This row cannot be read", "it names no picture")
    for seq in range(count):
        url = f"https://blocked.example/{seq}.jpg"
        row = Item(
            seq, url, custom_id=f"@account{seq}", line=seq + 2, cells=(f"{seq}", url, "x" * 40)
        )
        yield (
            Item(**{**vars(row), "failure": wrong})
            if kind == "wrong"
            else Item(**{**vars(row), "url": url})
        )


def _failing() -> Tools:
    @asynccontextmanager
    async def open_fetch() -> AsyncIterator[Fetch]:
        async def fetch(url: str) -> bytes:
            raise UrlBlocked("this address is not allowed")

        yield fetch

    def examine(data: bytes, prior: float) -> Finding:
        raise NotAnImage("nothing is")

    return Tools(examine, open_fetch, lambda results, new: {"items": sum(1 for _ in results)})


def main() -> None:
    """Print one JSON object."""
    say = argparse.ArgumentParser(prog="benchmarks.batch", description=__doc__.splitlines()[0])
    say.add_argument("what", choices=["files", "http", "workers", "rows", "worker"])
    say.add_argument("corpus", type=Path, nargs="?", help="without one: the fixtures")
    say.add_argument("--pictures", type=int, default=600)
    say.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    say.add_argument("--rounds", type=int, default=3)
    say.add_argument("--rows", type=int, default=1_000_000)
    say.add_argument("--kind", choices=["blocked", "wrong"], default="blocked")
    say.add_argument("--database-url")
    asked = say.parse_args()
    logging.basicConfig(level=logging.WARNING)
    if asked.what == "worker":
        as_worker(asked)
        return
    if asked.what == "rows":
        result = many_rows(asked)
    else:
        found = (
            pictures(read(asked.corpus), asked.pictures)
            if asked.corpus
            else shipped(asked.pictures)
        )
        measure: Callable[..., dict[str, Any]] = (
            two_against_one if asked.what == "workers" else against_bare
        )
        result = measure(asked, distinct(found))
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
