"""The decoding child, of which the first one does not start well: ``python -m`` this module.

A file named ``BEHAVIOUR_FILE`` where it stands says how (``EXIT_EARLY``, ``HANG``, ``BUSY``); the
first one to see the file takes it away.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.image.sandbox import decoding_child

BEHAVIOUR_FILE = "mood"
EXIT_EARLY, HANG, BUSY = "exit", "hang", "toil"
BUSY_CPU_S = 1.5
"""Of processor time."""


def misbehave_once() -> None:
    """Or not, or for ever."""
    try:
        behaviour = Path(BEHAVIOUR_FILE).read_text()
        Path(BEHAVIOUR_FILE).unlink()
    except OSError:
        return
    if behaviour == EXIT_EARLY:
        sys.exit("I would rather not")
    while behaviour == HANG:
        time.sleep(60)
    while time.process_time() < BUSY_CPU_S:
        pass


if __name__ == "__main__":
    misbehave_once()
    decoding_child.main(sys.argv[1:])
