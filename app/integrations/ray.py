"""Archives in object storage on a Ray cluster: shards in, Parquet out, one Analyzer an actor.

    python -m app.integrations.ray s3://bucket/shards s3://bucket/results --actors 64

Needs the extra ``ray`` wherever an actor runs. A run that stops is begun again with the same words:
shards that are done are skipped. An actor that dies costs the shard that it had in hand, which
another begins anew. Pictures are decoded in a child process of the actor (``EYELINE_ISOLATE``), as
in the service. ``eyeline cohort s3://bucket/results`` then says what the archive says as one
list.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Any, Final

import ray
import ray.data

from app.analysis.child_pool import AnalyzerPool, open_analyzer
from app.integrations.shards import AnalyzeBytes, ShardReport, ShardStore, analyze_shard
from app.records import PictureRecord
from app.settings import Settings, load_settings

CPUS_PER_ACTOR: Final = 1
SHARDS_AHEAD: Final = 2
"""Shards that wait at an actor; more would wait for one that is slow."""


class ShardAnalyzer:
    """An actor: loads the models once, and takes shards one after the other."""

    def __init__(self, store: ShardStore, changes: dict[str, Any]) -> None:
        self._store, self._settings = store, load_settings(**changes)
        self._analyzer = open_analyzer(self._settings, 1)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        report = analyze_shard(
            self._store,
            row["shard"],
            self._analyze,
            self._open_isolated,
            self._settings.max_bytes,
        )
        return asdict(report)

    def _analyze(self, data: bytes) -> PictureRecord:
        return self._analyzer(data, self._settings.prior)

    @contextmanager
    def _open_isolated(self) -> Iterator[AnalyzeBytes]:
        """A child process that a hostile picture may kill."""
        with closing(AnalyzerPool.load(self._settings, processes=1)) as pool:
            yield lambda data: pool(data, self._settings.prior)


def analyze_archive(
    store: ShardStore, shards: list[str], settings: Settings, actors: int
) -> Iterator[ShardReport]:
    """Analyze ``shards`` on the cluster that Ray is connected to; a report of each as it is done.

    What is set in ``settings`` holds for every actor; where models lie is each machine's own,
    unless it is set. Raises what Ray raises, once a shard failed for another reason than the end
    of its actor.
    """
    if not shards:
        return
    dataset = ray.data.from_items(
        [{"shard": shard} for shard in shards], override_num_blocks=len(shards)
    ).map(
        ShardAnalyzer,
        fn_constructor_args=(store, settings.model_dump(exclude_unset=True)),
        compute=ray.data.ActorPoolStrategy(
            size=min(actors, len(shards)), max_tasks_in_flight_per_actor=SHARDS_AHEAD
        ),
        num_cpus=CPUS_PER_ACTOR,
    )
    for row in dataset.iter_rows():
        yield ShardReport(**row)


def main() -> None:
    """Read the command line, analyze what is not done, and say how far it is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shards", help="folder of .parquet or .tar shards: a path or a URI")
    parser.add_argument("results", help="folder for the results")
    parser.add_argument("--actors", type=int, help="default: one for each CPU of the cluster")
    parser.add_argument("--address", help="of the cluster; default: RAY_ADDRESS, or one here")
    arguments = parser.parse_args()
    settings = load_settings()
    store = ShardStore.open(arguments.shards, arguments.results)
    done = store.list_done()
    shards = [shard for shard in store.list_shards() if store.result_path(shard) not in done]
    sys.stderr.write(f"{len(shards)} shards to analyze, {len(done)} done before\n")
    # A Ray that is started here reports to its maker how it is used, unless this says no.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(address=arguments.address, log_to_driver=False)
    actors = arguments.actors or max(1, int(ray.cluster_resources().get("CPU", 1)))
    began, rows = time.monotonic(), 0
    for number, report in enumerate(analyze_archive(store, shards, settings, actors), start=1):
        rows += report.rows
        rate = rows / (time.monotonic() - began)
        sys.stderr.write(f"{number} of {len(shards)}: {json.dumps(asdict(report))}, {rate:.1f}/s\n")
    store.remove_parts()


if __name__ == "__main__":
    main()
