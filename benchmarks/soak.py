"""Thousands of ordinary pictures through child processes: ``python -m benchmarks.soak [CORPUS]``.

Every picture must be analyzed: none may be blamed for the age of its child. Prints how many were,
errors by code, processor seconds, and how many children were used. Exit code 1 if any failed.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import cycle, islice
from pathlib import Path

from app.analysis.child_pool import AnalyzerPool
from app.errors import RequestError
from app.settings import Settings
from app.training.corpus import read_corpus
from benchmarks.__main__ import corpus_pictures, fixture_pictures
from benchmarks.monitor import child_pids

PRIOR = 0.5


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("corpus", type=Path, nargs="?", help="without one: the fixtures")
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()

    distinct = min(arguments.pictures, 1_000)
    todo = (
        corpus_pictures(read_corpus(arguments.corpus), distinct)
        if arguments.corpus
        else fixture_pictures(distinct)
    )
    outcomes: Counter[str] = Counter()
    children: set[int] = set()
    began = time.perf_counter()
    with (
        closing(AnalyzerPool.load(Settings(), arguments.threads)) as analyze,
        ThreadPoolExecutor(arguments.threads) as pool,
    ):

        def outcome(data: bytes) -> str:
            children.update(child_pids(os.getpid()))
            try:
                return analyze(data, PRIOR).outcome
            except RequestError as error:
                return f"error {error.code}"

        outcomes.update(pool.map(outcome, islice(cycle(todo), arguments.pictures)))
        failures = analyze.failure_counts()
    report = {
        "pictures": outcomes.total(),
        "outcomes": dict(outcomes),
        "children": len(children),
        "failures": failures,
        "seconds": round(time.perf_counter() - began, 1),
        "load_average": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(report, indent=2))
    raise SystemExit(1 if any(name.startswith("error") for name in outcomes) else 0)


if __name__ == "__main__":
    main()
