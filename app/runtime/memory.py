"""Gives memory back to the system: glibc keeps what threads freed, for as long as they live."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

TRIM_S: Final = 20.0
"""Pause between two passes. One takes some milliseconds, and holds no lock of Python's."""


@contextmanager
def returning_memory(interval_s: float = TRIM_S) -> Iterator[None]:
    """Return what is free every ``interval_s`` during the block; nothing where it is not glibc.

    Measured with 4,000 rows of 60 kB, sent and exported: without it the process stays 60 MB larger.
    """
    trim = _find_malloc_trim()
    if trim is None:
        yield
        return
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(interval_s):
            trim(0)

    thread = threading.Thread(target=run, name="eyeline-memory", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _find_malloc_trim() -> Callable[[int], int] | None:
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim
