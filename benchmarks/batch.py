"""The overhead of batch processing, and the speed-up by a second worker.

    python -m benchmarks.batch files [CORPUS] [--pictures 600] [--threads 2] [--rounds 3]
    python -m benchmarks.batch http  [CORPUS] [--pictures 600] [--threads 2] [--rounds 3]
    python -m benchmarks.batch workers [CORPUS] --database-url postgresql://… [--pictures 600]
    python -m benchmarks.batch rows [--rows 1000000] [--kind blocked|wrong] [--database-url …]

`files`: pictures sent with a list, compared with the bare analysis of the same pictures in a pool
of as many threads, alternating, decoded in this process; CPU time, here and in the child processes,
does not depend on other load. `http`: the same from a server on loopback. `workers`: one process on
one core, then two on a core each; Postgres. `rows`: a list whose items fail at once, with what the
process holds in memory once a second. Each prints one JSON object. A named database is filled, and
emptied again at the end.
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

from app.analysis.analyzer import Analyzer
from app.analysis.child_pool import AnalyzerPool
from app.batches.service import BatchService
from app.batches.store.models import Batch, BatchRequest, BatchTools, FetchFn
from app.cli.worker import run_until_signal
from app.errors import NotAnImage, UrlBlocked
from app.records import DrawingScope, Failure, Item, PictureRecord
from app.runtime.batch_tools import build_tools
from app.runtime.observability import Metrics
from app.settings import Settings
from app.training.corpus import read_corpus
from benchmarks.__main__ import (
    GENERATED_SHARE,
    corpus_pictures,
    fixture_pictures,
    measure_rate,
    resident_mb,
)

ADDRESS = "127.0.0.1"
READY = "ready"


def open_service(url: str | None, folder: Path, tools: BatchTools, threads: int) -> BatchService:
    """A batch service, opened as the server does."""
    return BatchService.open(
        database_url=url,
        data_dir=folder,
        tools=tools,
        workers=threads,
        retention_s=3600,
        max_waiting_items=100_000_000,
    )


def wait_until_ended(service: BatchService, batch: Batch) -> Batch:
    """The batch, once it has ended."""
    while not batch.has_ended:
        batch = service.wait_for_change(batch.id, batch.request.owner, batch.revision, 5.0)
    return batch


def elapsed_s(batch: Batch) -> float:
    """Seconds from the acceptance of the list to its end."""
    ends = batch.reached[batch.status]
    return (
        ends - batch.reached[next(s for s in batch.reached if s == "in_progress")]
    ).total_seconds()


def make_distinct(todo: Sequence[bytes]) -> list[bytes]:
    """The pictures with trailing bytes that decoders ignore, so that all are distinct."""
    return [data + b"%08d" % n for n, data in enumerate(todo)]


def run_batch(service: BatchService, items: Iterator[Item]) -> float:
    """Items a second."""
    began = time.perf_counter()
    batch = wait_until_ended(service, service.submit(BatchRequest(prior=0.5), items)[0])
    elapsed = time.perf_counter() - began
    service.delete(batch.id, "")
    return batch.total / elapsed


def payload_items(todo: Sequence[bytes]) -> Iterator[Item]:
    """Items with their pictures."""
    for seq, data in enumerate(todo):
        yield Item(seq, f"{seq}", payload=data)


def url_items(todo: Sequence[bytes], port: int) -> Iterator[Item]:
    """Items with URLs."""
    for seq in range(len(todo)):
        url = f"http://{ADDRESS}:{port}/{seq}"
        yield Item(seq, url, url=url)


@contextmanager
def serve_pictures(todo: Sequence[bytes]) -> Iterator[int]:
    """The port of a server that serves ``todo`` by index."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            data = todo[int(self.path[1:])]
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Discard the log."""

    server = ThreadingHTTPServer((ADDRESS, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


def compare_with_bare(arguments: argparse.Namespace, todo: list[bytes]) -> dict[str, Any]:
    """Items a second through the batch service and through a bare pool, alternating."""
    settings = Settings(fetch_allow=(ADDRESS,), batch_workers=arguments.threads)
    analyzer = Analyzer.load(settings)

    def analyze_one(data: bytes) -> object:
        return analyzer.analyze(data)

    rates: dict[str, list[float]] = {"bare": [], "batch": []}
    cpu_ms: dict[str, list[float]] = {"bare": [], "batch": []}

    def timed(name: str, run: Callable[[], float], examiners: AnalyzerPool) -> None:
        began = _cpu_s(examiners)
        rates[name].append(run())
        cpu_ms[name].append(1000.0 * (_cpu_s(examiners) - began) / len(todo))

    web = serve_pictures(todo) if arguments.what == "http" else nullcontext(0)
    with (
        tempfile.TemporaryDirectory() as folder,
        web as port,
        ThreadPoolExecutor(arguments.threads) as pool,
        closing(AnalyzerPool.load(settings, settings.batch_workers)) as examiners,
        open_service(
            arguments.database_url,
            Path(folder),
            build_tools(examiners, settings, Metrics()),
            arguments.threads,
        ) as service,
    ):
        make_items = (
            partial(url_items, todo, port)
            if arguments.what == "http"
            else partial(payload_items, todo)
        )
        measure_rate(analyze_one, todo[:16], pool)
        run_batch(service, payload_items(todo[:16]))
        for _ in range(arguments.rounds):
            timed("bare", lambda: measure_rate(analyze_one, todo, pool), examiners)
            timed("batch", lambda: run_batch(service, make_items()), examiners)
    shares = [batch / bare for bare, batch in zip(rates["bare"], rates["batch"], strict=True)]
    return {
        "pictures": len(todo),
        "threads": arguments.threads,
        "bare_per_second": [round(rate, 1) for rate in rates["bare"]],
        "batch_per_second": [round(rate, 1) for rate in rates["batch"]],
        "share": round(statistics.median(shares), 3),
        "bare_cpu_ms": [round(ms, 2) for ms in cpu_ms["bare"]],
        "batch_cpu_ms": [round(ms, 2) for ms in cpu_ms["batch"]],
    }


def _cpu_s(examiners: AnalyzerPool) -> float:
    """CPU seconds of this process and its analysis processes."""
    return time.process_time() + examiners.cpu_s()


def compare_worker_counts(arguments: argparse.Namespace, todo: list[bytes]) -> dict[str, Any]:
    """Items a second of one worker process on a core, and of two on a core each."""
    settings = Settings(isolate=False)
    tools = build_tools(Analyzer.load(settings), settings, Metrics())
    cores = sorted(os.sched_getaffinity(0))[:2]
    rates: dict[str, list[float]] = {"one": [], "two": []}
    for _ in range(arguments.rounds):
        for name, used_cores in (("one", cores[:1]), ("two", cores)):
            processes = [_start_worker(arguments.database_url, core) for core in used_cores]
            with open_service(
                arguments.database_url, Path(tempfile.gettempdir()), tools, 0
            ) as service:
                run_batch(
                    service, payload_items(make_distinct(todo[:32]))
                )  # every thread has its finder
                batch = wait_until_ended(
                    service, service.submit(BatchRequest(prior=0.5), payload_items(todo))[0]
                )
                rates[name].append(batch.total / elapsed_s(batch))
                service.delete(batch.id, "")
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


def run_worker(arguments: argparse.Namespace) -> None:
    """One process with one thread, until it is stopped."""
    settings, folder = Settings(batch_workers=1), Path(tempfile.gettempdir())
    with closing(AnalyzerPool.load(settings, settings.batch_workers)) as examiners:
        tools = build_tools(examiners, settings, Metrics())
        run_until_signal(
            lambda: open_service(arguments.database_url, folder, tools, 1),
            lambda _: print(READY, flush=True),
        )


def measure_rows(arguments: argparse.Namespace) -> dict[str, Any]:
    """A list of items that fail at once, and the memory it takes."""
    samples: list[float] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(1.0):
            samples.append(round(resident_mb(), 1))

    with (
        tempfile.TemporaryDirectory() as folder,
        open_service(
            arguments.database_url, Path(folder), _failing_tools(), arguments.threads
        ) as service,
    ):
        threading.Thread(target=watch, daemon=True).start()
        before, began = resident_mb(), time.perf_counter()
        batch, _ = service.submit(
            BatchRequest(prior=0.5), _failing_items(arguments.rows, arguments.kind)
        )
        submitted_s = time.perf_counter() - began
        batch = wait_until_ended(service, batch)
        completed_s = time.perf_counter() - began
        result_count = sum(1 for _ in service.iter_results(batch.id, "", thumbnails=False))
        read_s = time.perf_counter() - began - completed_s
        service.delete(batch.id, "")
        deleted_s = time.perf_counter() - began - completed_s - read_s
        stop.set()
    return {
        "rows": batch.total,
        "failed": batch.failed,
        "read_out": result_count,
        "taken_in_s": round(submitted_s, 1),
        "done_s": round(completed_s, 1),
        "read_out_s": round(read_s, 1),
        "erased_s": round(deleted_s, 1),
        "resident_mb_before": round(before, 1),
        "resident_mb_most": max(samples, default=0.0),
        "resident_mb_each_10_s": samples[::10],
    }


def _failing_items(count: int, kind: str) -> Iterator[Item]:
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


def _failing_tools() -> BatchTools:
    @asynccontextmanager
    async def open_fetch() -> AsyncIterator[FetchFn]:
        async def fetch(url: str) -> bytes:
            raise UrlBlocked("this address is not allowed")

        yield fetch

    def analyze(
        data: bytes, prior: float, base_rate: float | None, sha256: str, drawings: DrawingScope
    ) -> PictureRecord:
        raise NotAnImage("nothing is")

    return BatchTools(analyze, open_fetch, lambda results, new: {"items": sum(1 for _ in results)})


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(prog="benchmarks.batch", description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["files", "http", "workers", "rows", "worker"])
    parser.add_argument("corpus", type=Path, nargs="?", help="without one: the fixtures")
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--generated-share", type=float, default=GENERATED_SHARE)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--kind", choices=["blocked", "wrong"], default="blocked")
    parser.add_argument("--database-url")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    if arguments.what == "worker":
        run_worker(arguments)
        return
    if arguments.what == "rows":
        result = measure_rows(arguments)
    else:
        corpus_bytes = (
            corpus_pictures(
                read_corpus(arguments.corpus),
                arguments.pictures,
                generated_share=arguments.generated_share,
            )
            if arguments.corpus
            else fixture_pictures(arguments.pictures)
        )
        measure: Callable[..., dict[str, Any]] = (
            compare_worker_counts if arguments.what == "workers" else compare_with_bare
        )
        result = measure(arguments, make_distinct(corpus_bytes))
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
