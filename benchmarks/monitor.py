"""A monitor in its own process, so that busy callers do not delay it; used by ``load``.

``python -m benchmarks.monitor URL PID [fresh]`` requests /livez ten times a second and reads the
memory of the process and its children, until its standard input is closed; then it prints the
samples.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import select
import sys
import time
from pathlib import Path
from typing import Final

INTERVAL_S: Final = 0.1
_PAGE_MB: Final = os.sysconf("SC_PAGE_SIZE") / 2**20


def child_pids(pid: int) -> list[int]:
    """The child processes of ``pid``."""
    with contextlib.suppress(OSError):
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(c) for task in tasks for c in (task / "children").read_text().split()]
    return []


def resident_mb(pid: int) -> float:
    """Resident memory of ``pid``, MB; 0 if it has ended."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_MB
    return 0.0


def main(url: str, pid: int, *, fresh: bool = False) -> None:
    """Print one JSON object of three lists. ``fresh``: a new connection each time."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    samples: dict[str, list[float]] = {"livez_s": [], "service_mb": [], "children_mb": []}
    while not select.select([sys.stdin], [], [], INTERVAL_S)[0]:
        start = time.perf_counter()
        connection.request("GET", "/livez")
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"/livez answered {answer.status}")
        if fresh:
            connection.close()
        samples["livez_s"].append(time.perf_counter() - start)
        samples["service_mb"].append(resident_mb(pid))
        samples["children_mb"].append(sum(map(resident_mb, child_pids(pid))))
    print(json.dumps(samples))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), fresh=sys.argv[3:] == ["fresh"])
