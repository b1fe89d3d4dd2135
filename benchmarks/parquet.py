"""What a million rows of results in Parquet cost to read as one list.

    python -m benchmarks.parquet [--rows 1000000] [--files 100]

Writes drawn results (two in a hundred in a generator's frame, each of its own account), then runs
``eyeline cohort`` on them in a process of its own, and prints time and memory as one JSON object.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from app.integrations.results_parquet import SCHEMA

FRAMED_SHARE = 0.02
ORDINARY_SQUARE, ORDINARY_SPREAD = (0.5, 0.41, -0.30, 0.0), (0.05, 0.06, 0.25, 0.08)
FRAME_SQUARE, FRAME_SPREAD = (0.5, 0.497, 0.0, 0.0), (0.004, 0.004, 0.01, 0.01)


def draw_table(first: int, count: int, rng: np.random.Generator) -> pa.Table:
    """``count`` results, numbered from ``first``."""
    framed = rng.random(count) < FRAMED_SHARE
    squares = rng.normal(ORDINARY_SQUARE, ORDINARY_SPREAD, (count, 4))
    squares[framed] = rng.normal(FRAME_SQUARE, FRAME_SPREAD, (int(framed.sum()), 4))
    llr = np.where(framed, rng.normal(2.4, 0.4, count), rng.normal(-2.6, 0.4, count))
    hashes = [rng.bytes(32).hex() for _ in range(count)]
    verdicts = np.where(framed, "likely_stylegan", "unlikely_stylegan")
    columns = {
        "source": [f"shard#{n}" for n in range(first, first + count)],
        "custom_id": [f"account-{n}" for n in range(first, first + count)],
        "account": [[("followers_count", str(n % 997))] for n in range(count)],
        "sha256": hashes,
        "pdq": hashes,
        "pdq_quality": np.full(count, 100),
        "outcome": ["scored"] * count,
        "verdict": verdicts,
        "llr": llr,
        "llr_ordinary": llr + 0.3,
        "llr_framed": np.where(framed, 1.5, -0.4),
        "eye_llr": np.where(framed, 2.2, -2.0),
        "square": list(squares),
        "template": ["ffhq"] * count,
        "transform": ["untouched"] * count,
        "distance": rng.random(count),
        "width": np.full(count, 400),
        "height": np.full(count, 400),
    }
    arrays = [
        pa.array(columns[field.name], field.type)
        if field.name in columns
        else pa.nulls(count, field.type)
        for field in SCHEMA
    ]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def main() -> None:
    """Draw, write, read, and print what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=100)
    arguments = parser.parse_args()
    rng, each = np.random.default_rng(0), arguments.rows // arguments.files
    with tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.files):
            table = draw_table(number * each, each, rng)
            pq.write_table(table, Path(folder) / f"{number:05}.parquet", compression="zstd")
        size_mb = sum(path.stat().st_size for path in Path(folder).iterdir()) / 1e6
        began = time.perf_counter()
        done = subprocess.run(  # noqa: S603 - this program, on files of its own
            [sys.executable, "-m", "app", "cohort", "--json", folder],
            capture_output=True,
            check=True,
        )
        wall_s = time.perf_counter() - began
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    summary = json.loads(done.stdout)
    json.dump(
        {
            "rows": summary["counts"]["pictures"],
            "likely": summary["likely"],
            "parquet_mb": round(size_mb, 1),
            "wall_s": round(wall_s, 1),
            "cpu_s": round(usage.ru_utime + usage.ru_stime, 1),
            "max_resident_mb": round(usage.ru_maxrss / 1024, 1),
            "summary": summary["summary"],
        },
        sys.stdout,
    )
    print()


if __name__ == "__main__":
    main()
