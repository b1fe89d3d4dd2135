"""The cost of answering each hostile picture: ``python -m benchmarks.bombs [FILE...]``.

Each runs in its own warmed-up process: milliseconds, and the increase of the process's peak memory.
Besides the fixtures, large pictures are generated here (``COSTLY_PICTURES``). Prints one JSON
object; bombs come first.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from subprocess import run
from typing import Any, Final

from app.errors import RequestError
from app.image.picture import decode, preload_decoders
from benchmarks.costly_pictures import COSTLY_PICTURES

ROOT: Final = Path(__file__).resolve().parent.parent
HOSTILE: Final = ROOT / "fixtures" / "faces" / "hostile"


def measure_cost(path: Path) -> dict[str, Any]:
    """Answer ``path`` in this process, which must be fresh; its high-water mark is reset."""
    preload_decoders()
    data = path.read_bytes()
    Path("/proc/self/clear_refs").write_text("5")
    before, start, cpu_start = _read_peak_kb(), time.perf_counter(), time.process_time()
    try:
        decode(data)
        answer = "ok"
    except RequestError as error:
        answer = error.code
    took_ms = 1000.0 * (time.perf_counter() - start)
    cpu_ms = 1000.0 * (time.process_time() - cpu_start)
    return {
        "answer": answer,
        "bytes": len(data),
        "ms": round(took_ms, 1),
        "cpu_ms": round(cpu_ms, 1),
        "mb": round((_read_peak_kb() - before) / 1024, 1),
    }


def _read_peak_kb() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def measure_in_subprocess(path: Path) -> dict[str, Any]:
    """``measure_cost`` of ``path`` in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.bombs", "--one", str(path)]
    completed = run(command, capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603 - this module
    result: dict[str, Any] = json.loads(completed.stdout)
    return result


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(prog="bombs", description=__doc__)
    parser.add_argument("files", type=Path, nargs="*", help="without any: all that ship, and VAST")
    parser.add_argument("--one", type=Path, help="answer this one in this process")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure_cost(arguments.one)))
        return
    with tempfile.TemporaryDirectory() as folder:
        paths = arguments.files or [*_fixture_paths(), *_write_costly(Path(folder))]
        costs = {path.name: measure_in_subprocess(path) for path in paths}
    refused = {n: c for n, c in costs.items() if c["answer"] == "image_bomb"}
    worst = {
        each: max((c[each] for c in refused.values()), default=0) for each in ("ms", "cpu_ms", "mb")
    }
    rest = {name: each for name, each in costs.items() if name not in refused}
    result = {"worst_bomb": worst, "cores": os.cpu_count(), "bombs": refused, "others": rest}
    print(json.dumps(result, indent=2))


def _fixture_paths() -> list[Path]:
    with (HOSTILE / "manifest.csv").open(encoding="utf-8") as table:
        return [HOSTILE / row["file"] for row in csv.DictReader(table)]


def _write_costly(folder: Path) -> list[Path]:
    paths = []
    for name, make in COSTLY_PICTURES.items():
        path = folder / name
        path.write_bytes(make())
        paths.append(path)
    return paths


if __name__ == "__main__":
    main()
