"""Memory that was freed goes back to the system, and the thread that returns it ends."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from app.runtime.memory import returning_memory

BLOCK_BYTES = 64 * 1024  # below the size from which glibc takes memory from the system directly


def resident_kb() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def test_what_a_thread_freed_goes_back_to_the_system() -> None:
    blocks = [bytearray(BLOCK_BYTES) for _ in range(1024)]
    keep = bytearray(BLOCK_BYTES)  # on top: the heap cannot shrink by itself
    full_kb = resident_kb()
    blocks.clear()
    with returning_memory(0.01):
        deadline = time.monotonic() + 5.0
        while resident_kb() > full_kb - 32 * 1024 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert resident_kb() < full_kb - 32 * 1024
    assert "eyeline-memory" not in {thread.name for thread in threading.enumerate()}
    assert len(keep) == BLOCK_BYTES
