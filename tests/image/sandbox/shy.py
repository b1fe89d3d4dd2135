"""The decoding child, of which the first one does not start well: ``python -m`` this module.

A file named ``MOOD`` where it stands says how (``EXIT``, ``HANG``, ``TOIL``); the first one to see
the file takes it away.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from app.image.picture import DecodeLimits
from app.image.sandbox import child

MOOD = "mood"
EXIT, HANG, TOIL = "exit", "hang", "toil"
TOIL_S = 1.5
"""Of processor time."""


def wait() -> None:
    """Or not, or for ever."""
    try:
        mood = Path(MOOD).read_text()
        Path(MOOD).unlink()
    except OSError:
        return
    if mood == EXIT:
        sys.exit("I would rather not")
    while mood == HANG:
        time.sleep(60)
    while time.process_time() < TOIL_S:
        pass


if __name__ == "__main__":
    wait()
    child.main(int(sys.argv[1]), int(sys.argv[2]), DecodeLimits(*map(int, sys.argv[3:6])))
