"""What each hostile picture costs to answer: ``python -m benchmarks.bombs [FILE...]``.

Each in a process of its own, in which decoding has been done before: milliseconds and how far the
process's memory rose above what it held. Not only files that ship: those that would be large are
made here (``VAST``). Prints one JSON object; bombs come first.
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

from app.errors import AvatarError
from app.image.picture import decode, load_decoders
from benchmarks.vast import VAST

ROOT: Final = Path(__file__).resolve().parent.parent
HOSTILE: Final = ROOT / "fixtures" / "faces" / "hostile"


def cost(path: Path) -> dict[str, Any]:
    """Answer ``path`` in this process, which must be fresh; its high-water mark is reset."""
    load_decoders()
    data = path.read_bytes()
    Path("/proc/self/clear_refs").write_text("5")
    before, start, cpu_start = _high_water_kb(), time.perf_counter(), time.process_time()
    try:
        decode(data)
        answer = "ok"
    except AvatarError as error:
        answer = error.code
    took_ms = 1000.0 * (time.perf_counter() - start)
    cpu_ms = 1000.0 * (time.process_time() - cpu_start)
    return {
        "answer": answer,
        "bytes": len(data),
        "ms": round(took_ms, 1),
        "cpu_ms": round(cpu_ms, 1),
        "mb": round((_high_water_kb() - before) / 1024, 1),
    }


def _high_water_kb() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def apart(path: Path) -> dict[str, Any]:
    """``cost`` of ``path`` in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.bombs", "--one", str(path)]
    done = run(command, capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603 - ourselves
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def main() -> None:
    """Print one JSON object."""
    say = argparse.ArgumentParser(prog="bombs", description=__doc__)
    say.add_argument("files", type=Path, nargs="*", help="without any: all that ship, and VAST")
    say.add_argument("--one", type=Path, help="answer this one in this process")
    asked = say.parse_args()
    if asked.one:
        print(json.dumps(cost(asked.one)))
        return
    with tempfile.TemporaryDirectory() as folder:
        paths = asked.files or [*_shipped(), *_made(Path(folder))]
        costs = {path.name: apart(path) for path in paths}
    refused = {n: c for n, c in costs.items() if c["answer"] == "image_bomb"}
    worst = {
        each: max((c[each] for c in refused.values()), default=0) for each in ("ms", "cpu_ms", "mb")
    }
    rest = {name: each for name, each in costs.items() if name not in refused}
    shown = {"worst_bomb": worst, "cores": os.cpu_count(), "bombs": refused, "others": rest}
    print(json.dumps(shown, indent=2))


def _shipped() -> list[Path]:
    with (HOSTILE / "manifest.csv").open(encoding="utf-8") as table:
        return [HOSTILE / row["file"] for row in csv.DictReader(table)]


def _made(folder: Path) -> list[Path]:
    paths = []
    for name, make in VAST.items():
        path = folder / name
        path.write_bytes(make())
        paths.append(path)
    return paths


if __name__ == "__main__":
    main()
