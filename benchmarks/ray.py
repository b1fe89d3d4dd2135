"""The Ray recipe against the loop of ``eyeline evaluate``, and what a killed actor costs.

    python -m benchmarks.ray CORPUS [--pictures 320] [--shards 16] [--actors 2]

Needs the extra ``ray``. The same pictures go through both on the same cores; CPU time a picture,
of all processes together, does not depend on other load. Then the recipe runs again, an actor is
killed with ``SIGKILL`` in the middle, and rows are counted. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq
import ray

from app.calibration.calibration import CALIBRATION_FILE, load_calibration
from app.checks import CHECKS
from app.integrations.ray import analyze_archive
from app.integrations.results_parquet import iter_results
from app.integrations.shards import ShardStore
from app.settings import Settings
from app.training.corpus import Corpus, ManifestRow, read_corpus
from app.training.evaluation.scoring import score_picture
from app.training.held_out_networks import load_models
from app.training.measure import measure_pictures

ACTOR_TITLE = b"ShardAnalyzer"
WARM_REPORTS = 2
"""Reports until every actor has loaded its models; measured is what comes after."""


def write_shards(corpus: Corpus, rows: Sequence[ManifestRow], folder: Path, shards: int) -> None:
    """The pictures of ``rows`` in as many Parquet files."""
    for number in range(shards):
        part = rows[number::shards]
        table = pa.table(
            {
                "bytes": [(corpus.root / row.path).read_bytes() for row in part],
                "custom_id": [row.path for row in part],
            }
        )
        pq.write_table(table, folder / f"shard-{number:04}.parquet")


def time_evaluate(corpus: Corpus, rows: Sequence[ManifestRow], threads: int) -> dict[str, float]:
    """The loop of ``eyeline evaluate`` with the shipped calibration."""
    settings = Settings()
    models = load_models(corpus, settings.models_dir, use_shipped=True)
    calibration = load_calibration(settings.models_dir / CALIBRATION_FILE, CHECKS)
    for measured in measure_pictures(corpus, rows[: 4 * threads], models, threads=threads):
        score_picture(measured, calibration)
    wall, cpu = time.perf_counter(), time.process_time()
    for measured in measure_pictures(corpus, rows, models, threads=threads):
        score_picture(measured, calibration)
    return {
        "pictures": len(rows),
        "wall_s": round(time.perf_counter() - wall, 1),
        "cpu_ms_each": round(1000 * (time.process_time() - cpu) / len(rows), 1),
    }


def time_recipe(store: ShardStore, actors: int) -> dict[str, float]:
    """The recipe, once its actors are warm; CPU time of all of Ray's processes and of this one."""
    began, pictures = (0.0, 0.0), 0
    for number, report in enumerate(
        analyze_archive(store, store.list_shards(), Settings(), actors), start=1
    ):
        if number == WARM_REPORTS:
            began = time.perf_counter(), tree_cpu_s()
        elif number > WARM_REPORTS:
            pictures += report.rows
            wall_s, cpu_s = time.perf_counter() - began[0], tree_cpu_s() - began[1]
    return {
        "pictures": pictures,
        "wall_s": round(wall_s, 1),
        "cpu_ms_each": round(1000 * cpu_s / pictures, 1),
    }


def kill_an_actor(store: ShardStore, actors: int, expected_rows: int) -> dict[str, Any]:
    """Kill an actor with two shards done; what the reports and the results say at the end."""
    again, killed, analyzed = 0, None, 0
    for number, report in enumerate(
        analyze_archive(store, store.list_shards(), Settings(), actors), start=1
    ):
        again += report.again
        analyzed += report.rows
        if number == WARM_REPORTS:
            killed = actor_pids()[0]
            os.kill(killed, signal.SIGKILL)
    paths = sorted(store.list_done())
    counts = Counter(result.custom_id for result in iter_results([(store.target, paths)]))
    return {
        "killed": killed is not None,
        "shards_begun_twice": again,
        "rows": counts.total(),
        "rows_expected": expected_rows,
        "rows_twice": sum(count > 1 for count in counts.values()),
        "analyzed": analyzed,
    }


def actor_pids() -> list[int]:
    """Processes in which actors of the recipe live."""
    return [pid for pid in _descendants() if ACTOR_TITLE in _read(pid, "cmdline")]


def tree_cpu_s() -> float:
    """CPU time of this process and all that descend from it, so far.

    A process that has ended counts in the one that waited for it.
    """
    ticks = 0
    for pid in (os.getpid(), *_descendants()):
        fields = _read(pid, "stat").rpartition(b")")[2].split()
        ticks += sum(map(int, fields[11:15])) if fields else 0
    return ticks / os.sysconf("SC_CLK_TCK")


def _descendants() -> list[int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            fields = _read(int(entry.name), "stat").rpartition(b")")[2].split()
            if fields:
                parents[int(entry.name)] = int(fields[1])
    found, todo = [], [os.getpid()]
    while todo:
        children = [pid for pid, parent in parents.items() if parent == todo[0]]
        found += children
        todo = [*todo[1:], *children]
    return found


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def main() -> None:
    """Measure, and print what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--pictures", type=int, default=320)
    parser.add_argument("--shards", type=int, default=16)
    parser.add_argument("--actors", type=int, default=2)
    arguments = parser.parse_args()
    corpus = read_corpus(arguments.corpus)
    rows = corpus.rows[:: max(1, len(corpus.rows) // arguments.pictures)][: arguments.pictures]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "shards"
        source.mkdir()
        write_shards(corpus, rows, source, arguments.shards)
        stores = [
            ShardStore.open(str(source), str(Path(folder) / name)) for name in ("timed", "killed")
        ]
        evaluated = time_evaluate(corpus, rows, arguments.actors)
        ray.init(num_cpus=arguments.actors, include_dashboard=False, log_to_driver=False)
        recipe = time_recipe(stores[0], arguments.actors)
        killed = kill_an_actor(stores[1], arguments.actors, len(rows))
        ray.shutdown()
    share = evaluated["cpu_ms_each"] / recipe["cpu_ms_each"]
    json.dump(
        {"evaluate": evaluated, "ray": recipe, "share": round(share, 3), "kill": killed},
        sys.stdout,
    )
    print()


if __name__ == "__main__":
    main()
