"""The cost of analysis in child processes: ``python -m benchmarks.isolation [CORPUS]``.

The same pictures are analyzed in this process and in child processes: sequentially (p50, ms), and
on as many threads as there are cores (pictures a second). The two alternate.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

from app.analysis.analyzer import Analyzer
from app.analysis.child_pool import AnalyzeFn, AnalyzerPool
from app.settings import Settings
from app.training.corpus import read_corpus
from benchmarks.__main__ import corpus_pictures, fixture_pictures, measure_rate

PRIOR = 0.5


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(prog="isolation", description=__doc__)
    parser.add_argument("corpus", type=Path, nargs="?", help="without one: the fixtures")
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()

    todo = (
        corpus_pictures(read_corpus(arguments.corpus), arguments.pictures)
        if arguments.corpus
        else fixture_pictures(arguments.pictures)
    )
    settings = Settings()
    rates: dict[str, list[float]] = {"here": [], "apart": []}
    latencies_ms: dict[str, list[float]] = {"here": [], "apart": []}
    with (
        closing(Analyzer.load(settings)) as here,
        closing(AnalyzerPool.load(settings, arguments.threads)) as apart,
        ThreadPoolExecutor(arguments.threads) as pool,
    ):
        analyzers: dict[str, AnalyzeFn] = {"here": here, "apart": apart}
        for analyze in analyzers.values():
            measure_rate(partial(analyze, prior=PRIOR), todo[: 8 * arguments.threads], pool)
        for _ in range(arguments.rounds):
            for data in todo:
                for name, analyze in analyzers.items():
                    began = time.perf_counter()
                    analyze(data, PRIOR)
                    latencies_ms[name].append(1000.0 * (time.perf_counter() - began))
            for name, analyze in analyzers.items():
                rates[name].append(measure_rate(partial(analyze, prior=PRIOR), todo, pool))
    p50 = {name: statistics.median(values) for name, values in latencies_ms.items()}
    report = {
        **{f"{name}_p50_ms": round(value, 1) for name, value in p50.items()},
        "p50_ratio": round(p50["apart"] / p50["here"], 3),
        **{f"{name}_per_second": round(statistics.median(r), 1) for name, r in rates.items()},
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
