"""What ``eyeline worker`` runs: a desk that nobody stands at, until it is told to go."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FrameType


def work(
    open_desk: Callable[[], AbstractContextManager[object]],
    started: Callable[[], None] = lambda: None,
) -> None:
    """Work until SIGTERM or SIGINT; then commit what was looked at and leave the rest to others.

    ``started`` is called when the first chunk may be taken up. On the main thread only.
    """
    told_to_go = threading.Event()

    def go(_: int, __: FrameType | None) -> None:
        told_to_go.set()

    before = {number: signal.signal(number, go) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with open_desk():
            started()
            told_to_go.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
