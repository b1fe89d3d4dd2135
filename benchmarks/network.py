"""How often chance draws a group into a network, and what a large network costs.

`python -m benchmarks.network chance` counts groups in simulated lists whose accounts have nothing
to do with each other; `python -m benchmarks.network size` times a network of a hundred thousand
accounts and three hundred thousand lines. Prints one JSON object a line.
"""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from app.cohort.network.layout import lay_out_network
from app.cohort.network.model import AccountTable
from app.cohort.network.network import build_network
from app.cohort.parameters import default_parameters
from app.records import OwnEdge
from app.render.network.graph_files import write_gexf, write_graphml
from app.render.network.network_picture import draw_network
from app.render.network.network_svg import write_svg
from app.runtime.network_json import write_json
from tests.cohort.network.made_lists import make_list, network_of

LISTS = {100: 300, 300: 300, 2_000: 60}
"""Length of a list → how many of them."""
ACCOUNTS, LINES = 100_000, 300_000


def count_chance_groups() -> None:
    """Lists with a group of each kind, by length."""
    for length, lists in LISTS.items():
        found: Counter[str] = Counter()
        for seed in range(lists):
            kinds = network_of(make_list(length, seed)).kinds
            found.update(summary.kind.value for summary in kinds if summary.groups)
        print(json.dumps({"accounts": length, "lists": lists, "with_groups": dict(found)}))


def measure_size() -> None:
    """Seconds, memory, and for how long no other thread had its turn."""
    rng = np.random.default_rng(1)
    names = tuple(f"u{n:06}" for n in range(ACCOUNTS))
    accounts = AccountTable(
        names=names,
        usernames=names,
        seqs=np.arange(ACCOUNTS),
        hashes=rng.integers(1, 2**63, (ACCOUNTS, 4)).astype(np.uint64),
        has_face=np.ones(ACCOUNTS, dtype=np.bool_),
        is_flagged=rng.random(ACCOUNTS) < 0.02,
        llr=rng.normal(-2.0, 1.0, ACCOUNTS),
        created=rng.integers(1_262_304_000, 1_672_531_200, ACCOUNTS),
    )
    ends = rng.integers(0, ACCOUNTS, (LINES, 2)).tolist()
    edges = [OwnEdge(names[a], names[b]) for a, b in ends]
    network = _time("build", lambda: build_network(accounts, edges, default_parameters()))
    layout = _time("layout", lambda: lay_out_network(network))
    _time("png", lambda: draw_network(network, layout, "Accounts"))
    _time("svg", lambda: write_svg(network, layout, "Accounts"))
    _time("json", lambda: write_json("batch_1", network, layout))
    _time("graphml", lambda: write_graphml(network, layout))
    _time("gexf", lambda: write_gexf(network, layout))


def _time(name: str, work: Callable[[], Any]) -> Any:
    longest_s, stop = 0.0, threading.Event()

    def watch() -> None:
        nonlocal longest_s
        last = time.perf_counter()
        while not stop.wait(0.005):
            now = time.perf_counter()
            longest_s, last = max(longest_s, now - last), now

    watcher = threading.Thread(target=watch)
    watcher.start()
    began, began_cpu = time.perf_counter(), time.process_time()
    result = work()
    line = {
        "step": name,
        "seconds": round(time.perf_counter() - began, 2),
        "cpu_s": round(time.process_time() - began_cpu, 2),
        "longest_pause_s": round(longest_s, 2),
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "bytes": len(result) if isinstance(result, bytes) else None,
    }
    stop.set()
    watcher.join()
    print(json.dumps(line))
    return result


if __name__ == "__main__":
    {"chance": count_chance_groups, "size": measure_size}[sys.argv[1]]()
